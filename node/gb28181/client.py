"""The shell around the dialogue with a platform: one socket to it, its messages in, ours out, its questions answered from the directory.

Owns the socket (UDP or TCP, connected, so that only the platform is heard), how fast pages of the catalogue go (one at a time, each after
the answer to the one before, and at most PAGES_PER_S), and how many questions wait. Refuses what is no SIP, counted with the reason;
nothing a platform sends ends it. Called by wiring.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from node.clock import Clock
from node.gb28181.bodies import Query, catalogue_page, device_info, device_status, refused
from node.gb28181.dialogue import Account, Asked, Dialogue, Settled, Stand
from node.gb28181.errors import GbError, SipError
from node.gb28181.sip import LINE_BYTES_MAX, MESSAGE_BYTES_MAX, Message, content_length, parse, read_head, write
from sync.core.pacing import TokenBucket
from sync.model import SyncError

QUERIES_MAX = 8
"""Different questions that wait for the one before; more are refused by silence, and asked again by the platform."""
PAGES_PER_S, PAGES_AT_ONCE = 100.0, 20.0
"""Pages of the catalogue that leave in a second, however often it is asked for and however fast pages are taken."""
POINTS_PER_PAGE = {"udp": 2, "tcp": 40}
"""Points of one message: over UDP a page must fit a datagram of the network (1,500 bytes), because fragments get lost."""
POINTS_PER_READ = 2_000
CONNECT_S = 10.0
RECONNECT_S = 5.0
HEAD_BYTES_MAX = 65_536
IDLE_S = 1.0
"""Longest sleep of the loop."""

Page = Callable[[str, int], Awaitable[list[dict[str, Any]]]]
"""(after this code, how many) -> points; a SyncError where they cannot be read now."""

log = logging.getLogger("yunnao.gb28181")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the platform is told of this node."""

    name: str
    software: str
    points: Page
    count: Callable[[], Awaitable[int]]
    local_time: Callable[[], str]
    """Now, as YYYY-MM-DDThh:mm:ss."""


@dataclass(slots=True)
class PlatformClient:
    """This node at one platform; `run` until cancelled."""

    account: Account
    host: str
    port: int
    facts: Facts
    clock: Clock
    rng: Random
    local: tuple[str, int] | None = None
    """Where to bind; None: as the system chooses."""
    dialogue: Dialogue = field(init=False)
    counts: dict[str, int] = field(default_factory=lambda: {"refused": 0, "queries": 0, "pages": 0})
    refused_why: str = ""
    _queries: dict[tuple[str, str], Query] = field(default_factory=dict)
    """Of questions that differ in their number alone, the newest: by what is asked, and of whom."""
    _pages: TokenBucket = field(default_factory=lambda: TokenBucket(per_s=PAGES_PER_S, burst=PAGES_AT_ONCE))
    _settled: dict[str, asyncio.Future[bool]] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: asyncio.Event = field(default_factory=asyncio.Event)
    _send: Callable[[bytes], None] = field(init=False)

    def __post_init__(self) -> None:
        self.dialogue = Dialogue(self.account, self.rng)

    def status(self) -> dict[str, Any]:
        """For the status of the node."""
        platform = f"{self.host}:{self.port}"
        state = {"platform": platform, "device": self.account.device, "state": self.dialogue.stand.value, "why": self.dialogue.why}
        return state | self.counts | {"refused": self.counts["refused"] + self.dialogue.refused, "refused_why": self.refused_why}

    async def run(self) -> None:
        """Stay registered until cancelled."""
        while True:
            try:
                await self._connected()
            except (OSError, TimeoutError, EOFError, GbError) as error:
                words = getattr(error, "strerror", None) or str(error) or "it closed the connection"
                self.dialogue.stand, self.dialogue.why = Stand.WAITING, f"{self.host}:{self.port}: {words}"
            await asyncio.sleep(self.rng.uniform(RECONNECT_S / 2, RECONNECT_S))

    async def _connected(self) -> None:
        serve = self._over_tcp if self.account.is_reliable else self._over_udp
        await serve()

    async def _over_udp(self) -> None:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Datagrams(self._take, ended), remote_addr=(self.host, self.port), local_addr=self.local
        )
        try:
            self._send = transport.sendto
            await self._serve(transport.get_extra_info("sockname"), _until(ended))
        finally:
            transport.close()

    async def _over_tcp(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(self.host, self.port, local_addr=self.local, limit=HEAD_BYTES_MAX)
        try:
            self._send = writer.write
            await self._serve(writer.get_extra_info("sockname"), self._read(reader))
        finally:
            writer.close()

    async def _serve(self, name: Sequence[Any], reading: Awaitable[None]) -> None:
        host = f"[{name[0]}]" if ":" in str(name[0]) else str(name[0])
        self.dialogue.account = replace(self.account, local=f"{host}:{name[1]}")
        tasks = [asyncio.ensure_future(work) for work in (reading, self._keep_time(), self._answer_queries())]
        self._say(self.dialogue.begin(self.clock.now()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for waiting in self._settled.values():
                waiting.cancel()
            self._settled.clear()
            self._queries.clear()

    # ---- in

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Messages of a stream; one that cannot be read ends the connection, because nobody knows where the next begins."""
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.LimitOverrunError:
                raise SipError(f"message refused: headers over {HEAD_BYTES_MAX} bytes") from None
            head = head.lstrip(b"\r\n")
            if not head.strip():
                continue  # a keepalive of the transport, RFC 5626
            headers, _ = read_head(head.removesuffix(b"\r\n\r\n"))
            self._take(head + await reader.readexactly(content_length(headers) or 0))

    def _take(self, data: bytes) -> None:
        if not data.strip():
            return
        try:
            said = self.dialogue.received(parse(data[: MESSAGE_BYTES_MAX + 1]), self.clock.now())
        except SipError as error:
            self.counts["refused"] += 1
            self.refused_why = str(error)[:LINE_BYTES_MAX]
            return
        self._say(said)
        self._wake.set()

    def _say(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._send(write(message))
        for event in self.dialogue.take_events():
            if isinstance(event, Settled):
                waiting = self._settled.pop(event.branch, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(event.is_taken)
            else:
                self._queue(event)

    def _queue(self, asked: Asked) -> None:
        """Let a question wait; one that was asked anew is answered once, under its newest number."""
        self._queries.pop((asked.query.command, asked.query.device), None)
        if len(self._queries) < QUERIES_MAX:
            self._queries[asked.query.command, asked.query.device] = asked.query
            self._asked.set()

    # ---- time

    async def _keep_time(self) -> None:
        while True:
            now, at = self.clock.now(), self.dialogue.next_at
            wait_s = IDLE_S if at is None else min(IDLE_S, max(0.0, at.seconds_since(now)))
            self._wake.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                self._say(self.dialogue.due(self.clock.now()))

    # ---- answers

    async def _answer_queries(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._queries:
                query = self._queries.pop(next(iter(self._queries)))
                self.counts["queries"] += 1
                try:
                    await self._answer(query)
                except SyncError as error:
                    log.warning("query %s of the platform is not answered: %s", query.sequence, error)
                    await self._tell(refused(query))

    async def _answer(self, query: Query) -> None:
        if query.command == "Catalog":
            await self._tell_catalogue(query)
        elif query.command == "DeviceInfo":
            count = await self.facts.count()
            await self._tell(device_info(query, name=self.facts.name, software=self.facts.software, channels=count))
        elif query.command == "DeviceStatus":
            await self._tell(device_status(query, time_text=self.facts.local_time()))
        elif " " not in query.command:  # notices and answers of the platform ask for nothing
            await self._tell(refused(query))

    async def _tell_catalogue(self, query: Query) -> None:
        """All points in pages, each after the answer to the one before; a page that nobody takes ends it."""
        size = POINTS_PER_PAGE["tcp" if self.account.is_reliable else "udp"]
        total, after, told = await self.facts.count(), "", 0
        while told < total and (points := await self.facts.points(after, min(POINTS_PER_READ, total - told))):
            for start in range(0, len(points), size):
                if not await self._tell_page(query, points[start : start + size], total):
                    return
            told, after = told + len(points), str(points[-1]["code"])
        if total == 0:
            await self._tell_page(query, [], 0)

    async def _tell_page(self, query: Query, points: Sequence[Mapping[str, object]], total: int) -> bool:
        await asyncio.sleep(self._pages.wait_s(1.0, self.clock.now()))
        self._pages.take(1.0, self.clock.now())
        self.counts["pages"] += 1
        is_taken = await self._tell(catalogue_page(query, points, total=total, parent=self.account.device))
        if not is_taken:
            log.warning("catalogue of query %s ended early: the platform took no page after %d", query.sequence, self.counts["pages"])
        return is_taken

    async def _tell(self, body: bytes) -> bool:
        message = self.dialogue.message(body, self.clock.now())
        settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._settled[message.branch] = settled
        self._say([message])
        self._wake.set()
        return await settled


async def _until(ended: asyncio.Future[None]) -> None:
    await ended


class _Datagrams(asyncio.DatagramProtocol):
    """Hands datagrams on; an address that refuses them ends the connection."""

    def __init__(self, take: Callable[[bytes], None], ended: asyncio.Future[None]) -> None:
        self._take = take
        self._ended = ended

    def datagram_received(self, data: bytes, addr: object) -> None:
        """One message."""
        self._take(data)

    def error_received(self, error: Exception) -> None:
        """Nobody listens there now; the timers of the dialogue say so when it lasts."""

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone."""
        if not self._ended.done():
            self._ended.set_result(None)
