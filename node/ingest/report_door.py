"""The door for devices that report over TCP in a dialect of their own: the answer to a report leaves once it is in the journal.

Each device connects by itself and names itself. A report that cannot be used is kept as a reject with its reason and then answered, because
sending it again would not help; only a device that waits for admission keeps its reports: it gets no answer. Commands to devices are not
sent. What the bytes mean is the dialect's (hj212/, jt808/, sl651/). Started by the device plane.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from node.ingest.errors import DecodeError, IngestError
from node.ingest.passwords import Passwords
from node.ingest.sink import Message, Sink, Verdict

CONNECTIONS_MAX = 2_000
FIRST_PACKET_TIMEOUT_S = 60.0
"""From opening a connection to the first packet of a device that may report."""
SILENCE_TIMEOUT_S = 7_200.0
"""Without a packet of such a device the connection is closed: hourly figures are the rarest that come on an idle line."""
PASSED_OVER_MAX = 65_536
"""Bytes of a connection that belong to no frame before it is closed."""
DAMAGED_MAX = 100
"""Frames of a connection with a wrong check value before it is closed."""
UNANSWERED_MAX = 256
"""Reports of a connection that wait for the journal before it is read on."""
REPEATS_MAX = 2 * UNANSWERED_MAX
"""Newest reports of a connection that are known when they come again: a device repeats what was not answered in its time."""
NAME_BYTES = 16
READ_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Heard:
    """One packet of a device, as its dialect reads it."""

    device: str
    password: str | None
    """None when it names none: its device must have shown one on this connection."""
    topic: str
    """Under which a report is looked up; empty for what is no report."""
    answer: bytes
    """Bytes that say that it is stored, or heard when it is no report; empty when none are wanted."""
    refusal: bytes = b""
    """Bytes that say that its device is not let in."""
    is_greeting: bool = False
    """True for what is answered whoever says it."""


class Framer(Protocol):
    """One stream's bytes, cut into packets."""

    passed_over: int
    """Bytes that belonged to no frame."""
    damaged: int
    """Frames whose check value was wrong."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The packets that are whole with `data`, in order; take all before the next call."""


class Dialect(Protocol):
    """How one kind of device speaks."""

    name: str

    def framer(self) -> Framer:
        """A framer for a new connection."""

    def read(self, segment: bytes) -> Heard:
        """What a packet says; raises DecodeError."""


class Reporter:
    """One connection."""

    def __init__(self, door: ReportDoor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._door = door
        self._reader = reader
        self._writer = writer
        self._framer = door.dialect.framer()
        self._devices: set[tuple[str, str | None]] = set()
        """Devices, with what they showed, that may report on this connection."""
        self._unanswered = 0
        self._lately: dict[bytes, bool] = {}
        """Newest reports by the hash of their bytes, and whether each is stored; oldest first."""
        self._was_answered = asyncio.Event()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the other end."""
        host, port = self._writer.get_extra_info("peername")[:2]
        return host, port

    async def run(self) -> None:
        """Take packets until the connection ends, and say why it was ended here."""
        try:
            await self._take_all()
        except TimeoutError:
            self._door.refused["silent"] += 1
        except _Closed as reason:
            self._door.refused[str(reason)] += 1
        except ConnectionError:
            # The device went away; what it was not answered it sends again.
            self._door.refused["broken"] += 1
        finally:
            for device in {device for device, _ in self._devices}:
                self._door.sink.gone(self._client(device))
            self._door.clients.discard(self)
            self._writer.close()

    async def _take_all(self) -> None:
        while data := await self._read():
            for segment in self._framer.feed(data):
                await self._take(segment)
            if self._framer.passed_over > PASSED_OVER_MAX:
                raise _Closed(f"not_{self._door.dialect.name}")
            if self._framer.damaged > DAMAGED_MAX:
                raise _Closed("damaged_frames")
            await self._writer.drain()

    async def _read(self) -> bytes:
        async with asyncio.timeout(SILENCE_TIMEOUT_S if self._devices else FIRST_PACKET_TIMEOUT_S):
            return await self._reader.read(READ_BYTES)

    async def _take(self, segment: bytes) -> None:
        try:
            heard = self._door.dialect.read(segment)
        except DecodeError as error:
            self._door.refused[error.reason] += 1
            return
        if heard.is_greeting:
            self._say(heard.answer)
            return
        if not self._is_known(heard):
            await self._let_in(heard)
        if heard.topic:
            await self._report(heard, segment)
        else:
            self._door.messages["ignored"] += 1
            self._say(heard.answer)

    def _is_known(self, heard: Heard) -> bool:
        if heard.password is None:
            return any(device == heard.device for device, _ in self._devices)
        return (heard.device, heard.password) in self._devices

    async def _let_in(self, heard: Heard) -> None:
        if not await self._door.may_report(heard):
            self._say(heard.refusal)
            raise _Closed("bad_credentials")
        self._devices.add((heard.device, heard.password))
        self._door.clients.add(self)
        self._door.sink.connected(self._client(heard.device))

    async def _report(self, heard: Heard, segment: bytes) -> None:
        name = blake2b(segment, digest_size=NAME_BYTES).digest()
        if name in self._lately:
            self._door.messages["repeated"] += 1
            if self._lately[name]:
                self._say(heard.answer)
            return
        while self._unanswered >= UNANSWERED_MAX:
            self._was_answered.clear()
            await self._was_answered.wait()
        await self._door.room()
        self._unanswered += 1
        self._note(name, is_stored=False)
        is_stored = asyncio.Event()

        def stored() -> None:
            is_stored.set()
            self._note(name, is_stored=True)
            self._unanswered -= 1
            self._was_answered.set()
            if is_taken:
                self._say(heard.answer)

        is_taken = False  # until the sink gave its verdict; it may call back before it returns
        verdict = self._door.sink.submit(self._client(heard.device), [Message(heard.topic, segment)], stored).get(0)
        self._door.messages["rejected" if verdict else "accepted"] += 1
        if verdict is Verdict.NOT_ADMITTED:
            # Without an answer the device keeps the report until an operator admits it.
            raise _Closed(verdict.value)
        is_taken = True
        if is_stored.is_set():
            self._say(heard.answer)

    def _note(self, name: bytes, *, is_stored: bool) -> None:
        self._lately[name] = is_stored
        if len(self._lately) > REPEATS_MAX:
            del self._lately[next(iter(self._lately))]

    def _say(self, data: bytes) -> None:
        if data and not self._writer.is_closing():
            self._writer.write(data)

    def _client(self, device: str) -> str:
        return f"{self._door.dialect.name}/{device}"


class ReportDoor:
    """Listens, and knows every connection."""

    def __init__(
        self, dialect: Dialect, listen: Sequence[tuple[str, int]], sink: Sink, *, passwords: Passwords | None, anonymous: bool
    ) -> None:
        self.dialect = dialect
        self.sink = sink
        self.refused: Counter[str] = Counter()
        """Connections that were ended and packets that were passed over, by reason."""
        self.messages: Counter[str] = Counter()
        """Packets: accepted, rejected, repeated, ignored."""
        self._listen = tuple(listen)
        self._passwords = passwords
        self._anonymous = anonymous
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.clients: set[Reporter] = set()
        """Connections on which a device that may report spoke."""

    async def start(self) -> list[tuple[str, int]]:
        """Open the listeners; returns their addresses. Raises OSError with every listener closed again when one cannot be opened."""
        try:
            for host, port in self._listen:
                self._servers.append(await asyncio.start_server(self._opened, host, port))
        except OSError:
            await self.stop()
            raise
        return [socket.getsockname()[:2] for server in self._servers for socket in server.sockets]

    async def stop(self) -> None:
        """Close listeners and connections; what was not answered will be sent again by the devices."""
        for server in self._servers:
            server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._servers.clear()

    def facts(self) -> dict[str, object]:
        """What status shows of the door."""
        return {
            "connections": len(self.clients),
            "accepted": self.messages["accepted"],
            "rejected": self.messages["rejected"],
            "repeated": self.messages["repeated"],
            "ignored": self.messages["ignored"],
            "refused": sum(self.refused.values()),
            "refused_by_reason": dict(sorted(self.refused.items())),
        }

    async def may_report(self, heard: Heard) -> bool:
        """True when the device of a packet is let in: it is a user of the password file and what it shows the password."""
        if self._passwords is None:
            return self._anonymous
        return heard.password is not None and await asyncio.to_thread(self._passwords.check, heard.device, heard.password.encode())

    async def room(self) -> None:
        """Return once the sink has room."""
        while not self.sink.has_room:
            free: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.sink.call_when_room(lambda free=free: None if free.done() else free.set_result(None))  # type: ignore[misc]
            await free

    async def _opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= CONNECTIONS_MAX:
            self.refused["crowded"] += 1
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None, "asyncio runs the callback as a task"
        self._tasks.add(task)
        try:
            await Reporter(self, reader, writer).run()
        finally:
            self._tasks.discard(task)


class _Closed(IngestError):
    """The connection is ended here; the word says why."""
