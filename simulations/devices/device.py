"""One simulated MQTT device: follows its script over a real connection, keeps what is not acknowledged, and sends it again when it is back.

It behaves as section 4.4 of MQTT 3.1.1 asks, faults of its script aside: after a reconnect everything unacknowledged goes out again in its
order, with DUP and the same packet ids. It never gives up on a door. Made by park.py.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random

from node.backoff import Backoff
from simulations.devices import packets
from simulations.devices.ledger import Ledger
from simulations.devices.link import DeviceLink
from simulations.devices.packets import Answer, Kind
from simulations.devices.script import FLOOD_READINGS, Act, Plan, Step, reading_id, script

WINDOW = 2 * FLOOD_READINGS
"""Packets of one device without an acknowledgement; a device that has more waits."""
OPEN_TIMEOUT_S = 20.0
"""From opening the socket to the CONNACK."""
RECONNECT_FLOOR_S = 0.2
GARBAGE_BYTES = 40
PINGS_PER_KEEP_ALIVE = 2
ERROR = 0x80
"""Reason codes from here on are refusals."""
CLOSED = -1
"""In the place of a return code: the door closed instead of answering."""


class Obedience(Enum):
    """What a device makes of commands."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    IGNORED = "ignored"
    MIXED = "mixed"
    OFF = "off"
    """It does not even subscribe."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a device speaks to its door."""

    host: str
    port: int
    resource: str = "air-quality"
    version: int = packets.V311
    qos: int = 1
    is_clean: bool = True
    session_expiry_s: int = 0
    will: bool = False
    """True for a last message that says it is gone."""
    user: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    obedience: Obedience = Obedience.OFF
    reconnect_s: float = 5.0
    """The longest wait before another try."""


@dataclass(slots=True)
class _InFlight:
    """A packet without an acknowledgement."""

    topic: str
    payload: bytes
    identity: str
    """Of its reading; empty for answers to commands."""
    is_lie: bool = False
    is_repeat: bool = False
    is_received: bool = False
    """True after PUBREC: the PUBREL is what is sent again."""


class SimulatedDevice:
    """A device and its connections."""

    def __init__(self, plan: Plan, habits: Habits, ledger: Ledger, rng: Random) -> None:
        self.plan = plan
        self._habits = habits
        self._ledger = ledger
        self._rng = rng
        self._backoff = Backoff(rng, floor_s=RECONNECT_FLOOR_S, cap_s=max(habits.reconnect_s, RECONNECT_FLOOR_S))
        self._link: DeviceLink | None = None
        self._opening: asyncio.Future[int] | None = None
        self._ghosts: set[DeviceLink] = set()
        self._gone = asyncio.Event()
        self._changed = asyncio.Event()
        self._in_flight: dict[int, _InFlight] = {}
        self._packet_id = 0
        self._newest: tuple[int, _InFlight] | None = None
        self._rest_s = 0.0
        self._is_away = False
        self._is_pinged = False

    @property
    def is_connected(self) -> bool:
        """True while a door has let it in."""
        return self._link is not None

    @property
    def in_flight(self) -> int:
        """Readings without an acknowledgement."""
        return sum(1 for entry in self._in_flight.values() if entry.identity and not entry.is_received)

    async def run(self, drain: asyncio.Event, drain_s: float) -> None:
        """Follow the script until it ends or `drain` is set, then wait up to `drain_s` for what is in flight, and leave."""
        keeper = asyncio.create_task(self._keep_connected())
        following = asyncio.create_task(self._follow())
        draining = asyncio.create_task(drain.wait())
        try:
            done, _ = await asyncio.wait({following, draining, keeper}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {draining}:
                task.result()
            following.cancel()
            await self._wait_drained(drain_s)
        finally:
            for task in (keeper, following, draining):
                task.cancel()
            self._leave()

    # ---- the script

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for step in script(self.plan):
            await asyncio.sleep(max(0.0, begun + step.at_s - loop.time()))
            if step.act is Act.DIE:
                return
            await self._do(step)

    async def _do(self, step: Step) -> None:
        if step.act in (Act.SEND, Act.SEND_AGAIN, Act.SEND_AGAIN_DUP):
            await self._wait_room()
            self._send(step)
        elif step.act in (Act.SILENT, Act.DEAF):
            await self._be_away(step)
        elif self._link is not None:
            self._break_off(self._link, step)

    def _send(self, step: Step) -> None:
        if step.act is Act.SEND:
            identity = reading_id(self.plan.name, step.number)
            self._ledger.note_sent(identity, is_lie=step.is_lie)
            self._publish(_InFlight(self._topic, step.payload, identity, step.is_lie))
        elif self._newest is not None:
            number, newest = self._newest
            self._ledger.again += 1
            if step.act is Act.SEND_AGAIN_DUP and number in self._in_flight and not newest.is_received:
                self._write(number, newest, is_again=True)
            else:
                repeat = _InFlight(newest.topic, newest.payload, newest.identity, newest.is_lie, is_repeat=True)
                self._publish(repeat, is_again=step.act is Act.SEND_AGAIN_DUP)

    async def _be_away(self, step: Step) -> None:
        deaf = self._link if step.act is Act.DEAF else None
        self._is_away = True
        if deaf is not None:
            deaf.listen(is_on=False)
        try:
            await asyncio.sleep(step.seconds)
        finally:
            self._is_away = False
            if deaf is not None:
                deaf.listen(is_on=True)

    def _break_off(self, link: DeviceLink, step: Step) -> None:
        if step.act is Act.GARBAGE:
            link.send(b"\xf0" + self._rng.randbytes(GARBAGE_BYTES))
            return
        self._rest_s = step.seconds
        if step.act is Act.TAKE_OVER:
            self._rest_s = 0.0
            self._ghosts.add(link)
            self._drop(link)
        else:
            link.abort()

    # ---- packets

    @property
    def _topic(self) -> str:
        return f"{self._habits.resource}/reading/{self.plan.name}"

    def _publish(self, entry: _InFlight, *, is_again: bool = False) -> None:
        number = self._next_packet_id()
        if self._habits.qos:
            self._in_flight[number] = entry
        if entry.identity and not entry.is_repeat:
            self._newest = (number, entry)
        self._write(number, entry, is_again=is_again)

    def _write(self, number: int, entry: _InFlight, *, is_again: bool) -> None:
        if self._link is None:
            return
        if entry.is_received:
            self._link.send(packets.numbered(Kind.PUBREL, number))
            return
        version, qos = self._habits.version, self._habits.qos
        self._link.send(packets.publish(entry.topic, entry.payload, number, version=version, qos=qos, is_again=is_again and qos > 0))

    def _next_packet_id(self) -> int:
        while True:
            self._packet_id = self._packet_id % 0xFFFF + 1
            if self._packet_id not in self._in_flight:
                return self._packet_id

    # ---- the connection

    async def _keep_connected(self) -> None:
        while True:
            if await self._open():
                await self._stay()
            rest_s, self._rest_s = self._rest_s, 0.0
            await asyncio.sleep(rest_s + self._backoff.next_wait_s())

    async def _open(self) -> bool:
        loop, habits = asyncio.get_running_loop(), self._habits
        self._opening = loop.create_future()
        link: DeviceLink | None = None
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                _, link = await loop.create_connection(lambda: DeviceLink(self, habits.version), habits.host, habits.port, ssl=habits.tls)
                link.send(self._connect_packet())
                code = await self._opening
        except (OSError, TimeoutError):
            self._ledger.refused["unreachable"] += 1
            if link is not None:
                link.abort()
            return False
        if code:
            self._ledger.refused["connect closed" if code == CLOSED else f"connect {code:#04x}"] += 1
            link.close()
            return False
        self._let_in(link)
        return True

    def _let_in(self, link: DeviceLink) -> None:
        self._link = link
        self._gone.clear()
        self._is_pinged = False
        self._ledger.connections += 1
        if link.is_gone:
            self._drop(link)
            return
        if self._habits.obedience is not Obedience.OFF:
            link.send(packets.subscribe(self._next_packet_id(), f"command/{self.plan.name}/#", version=self._habits.version))
        for number, entry in self._in_flight.items():
            self._ledger.again += 1
            self._write(number, entry, is_again=True)
        self._changed.set()

    async def _stay(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while self._link is not None:
            try:
                async with asyncio.timeout(self.plan.keep_alive_s / PINGS_PER_KEEP_ALIVE):
                    await self._gone.wait()
            except TimeoutError:
                self._ping()
        self._backoff.lived(loop.time() - begun)

    def _ping(self) -> None:
        if self._link is None or self._is_away:
            return
        if self._is_pinged:
            # As clients do: a door that answered nothing since the last ping is taken for gone.
            self._link.abort()
            return
        self._is_pinged = True
        self._link.send(packets.plain(Kind.PINGREQ))

    def _connect_packet(self) -> bytes:
        habits = self._habits
        will = (f"{habits.resource}/json/{self.plan.name}", b'{"status":"gone"}') if habits.will else None
        return packets.connect(
            self.plan.name, version=habits.version, keep_alive_s=max(1, round(self.plan.keep_alive_s)), is_clean=habits.is_clean,
            user=habits.user, password=habits.password, will=will, session_expiry_s=habits.session_expiry_s,
        )  # fmt: skip

    def _drop(self, link: DeviceLink) -> None:
        if self._link is link:
            self._link = None
            self._gone.set()
            self._changed.set()

    def _leave(self) -> None:
        self._ledger.unanswered += self.in_flight
        for link in (*self._ghosts, *([self._link] if self._link else [])):
            link.send(packets.plain(Kind.DISCONNECT))
            link.close()
        self._link = None

    async def _wait_room(self) -> None:
        while self._link is None or len(self._in_flight) >= WINDOW:
            self._changed.clear()
            await self._changed.wait()

    async def _wait_drained(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while self._in_flight:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    # ---- what the door says

    def heard(self, link: DeviceLink, answers: Sequence[Answer]) -> None:
        """Packets of the door."""
        self._is_pinged = False
        for answer in answers:
            if answer.kind == Kind.CONNACK and self._opening is not None and not self._opening.done():
                self._opening.set_result(answer.reason)
            elif answer.kind in (Kind.PUBACK, Kind.PUBREC, Kind.PUBCOMP):
                self._answered(answer)
            elif answer.kind == Kind.PUBLISH:
                self._commanded(link, answer)
            elif answer.kind == Kind.SUBACK and answer.reason >= ERROR:
                self._ledger.refused[f"subscribe {answer.reason:#04x}"] += 1
            elif answer.kind == Kind.DISCONNECT:
                self._ledger.refused[f"disconnect {answer.reason:#04x}"] += 1

    def lost(self, link: DeviceLink) -> None:
        """A connection is gone."""
        if self._opening is not None and not self._opening.done() and link is not self._link and link not in self._ghosts:
            self._opening.set_result(CLOSED)
        self._ghosts.discard(link)
        self._drop(link)

    def _answered(self, answer: Answer) -> None:
        entry = self._in_flight.get(answer.packet_id)
        if entry is None:
            return
        is_done = answer.kind != Kind.PUBREC or answer.reason >= ERROR
        if answer.reason >= ERROR:
            self._ledger.refused[f"publish {answer.reason:#04x}"] += 1
        elif entry.identity and not entry.is_repeat and not entry.is_received:
            self._ledger.note_acked(entry.identity, is_lie=entry.is_lie)
        if is_done:
            del self._in_flight[answer.packet_id]
            self._changed.set()
        else:
            entry.is_received = True
            self._write(answer.packet_id, entry, is_again=False)

    def _commanded(self, link: DeviceLink, answer: Answer) -> None:
        if answer.qos:
            link.send(packets.numbered(Kind.PUBACK, answer.packet_id))
        obedience = self._habits.obedience
        if obedience is Obedience.MIXED:
            obedience = self._rng.choice((Obedience.DONE, Obedience.REFUSED, Obedience.FAILED, Obedience.IGNORED))
        try:
            command = json.loads(answer.payload)["id"]
        except (ValueError, KeyError, TypeError):
            self._ledger.commands["malformed"] += 1
            return
        self._ledger.commands[obedience.value] += 1
        if obedience is Obedience.IGNORED:
            return
        said = {"id": command, "result": obedience.value, "text": f"{self.plan.name} says {obedience.value}"}
        self._publish(_InFlight(f"command/{self.plan.name}/answer", json.dumps(said).encode(), ""))
