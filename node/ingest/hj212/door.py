"""The door for HJ 212-2017 monitors: TCP in, and a report is answered (9014) once it is in the journal, as PUBACK is for MQTT.

Each device connects by itself and names itself (MN) and its password (PW) in every packet. A report that cannot be used is kept as a
reject with its reason and then answered, because sending it again would not help; only a device that waits for admission keeps its
reports: it gets no answer. Commands to devices are not sent. Started by the device
plane.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from node.ingest.errors import DecodeError, IngestError
from node.ingest.hj212.frame import Framer, framed
from node.ingest.hj212.packet import Packet, parse
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
READ_BYTES = 16_384


class Monitor:
    """One connection."""

    def __init__(self, door: MonitorDoor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._door = door
        self._reader = reader
        self._writer = writer
        self._framer = Framer()
        self._devices: set[tuple[str, str]] = set()
        """Devices (MN, PW) that may report on this connection."""
        self._unanswered = 0
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
            for device, _ in self._devices:
                self._door.sink.gone(_client(device))
            self._door.clients.discard(self)
            self._writer.close()

    async def _take_all(self) -> None:
        while data := await self._read():
            for segment in self._framer.feed(data):
                await self._take(segment)
            if self._framer.passed_over > PASSED_OVER_MAX:
                raise _Closed("not_hj212")
            if self._framer.damaged > DAMAGED_MAX:
                raise _Closed("damaged_frames")
            await self._writer.drain()

    async def _read(self) -> bytes:
        async with asyncio.timeout(SILENCE_TIMEOUT_S if self._devices else FIRST_PACKET_TIMEOUT_S):
            return await self._reader.read(READ_BYTES)

    async def _take(self, segment: bytes) -> None:
        try:
            packet = parse(segment)
        except DecodeError as error:
            self._door.refused[error.reason] += 1
            return
        if (packet.device, packet.password) not in self._devices:
            if not await self._door.may_report(packet):
                raise _Closed("bad_credentials")
            self._devices.add((packet.device, packet.password))
            self._door.clients.add(self)
            self._door.sink.connected(_client(packet.device))
        if packet.is_report:
            await self._report(packet, segment)
        else:
            self._door.messages["ignored"] += 1

    async def _report(self, packet: Packet, segment: bytes) -> None:
        while self._unanswered >= UNANSWERED_MAX:
            self._was_answered.clear()
            await self._was_answered.wait()
        await self._door.room()
        self._unanswered += 1
        is_stored = asyncio.Event()

        def stored() -> None:
            is_stored.set()
            self._unanswered -= 1
            self._was_answered.set()
            if is_taken:
                self._answer(packet)

        is_taken = False  # until the sink gave its verdict; it may call back before it returns
        message = Message(f"hj212/{packet.system}/{packet.device}", segment)
        verdict = self._door.sink.submit(_client(packet.device), [message], stored).get(0)
        self._door.messages["rejected" if verdict else "accepted"] += 1
        if verdict is Verdict.NOT_ADMITTED:
            # Without an answer the device keeps the report until an operator admits it.
            raise _Closed(verdict.value)
        is_taken = True
        if is_stored.is_set():
            self._answer(packet)

    def _answer(self, packet: Packet) -> None:
        if packet.wants_answer and not self._writer.is_closing():
            self._writer.write(framed(packet.answer()))


class MonitorDoor:
    """Listens, and knows every connection."""

    def __init__(self, listen: Sequence[tuple[str, int]], sink: Sink, *, passwords: Passwords | None, anonymous: bool) -> None:
        self.sink = sink
        self.refused: Counter[str] = Counter()
        """Connections that were ended and packets that were passed over, by reason."""
        self.messages: Counter[str] = Counter()
        """Packets: accepted, rejected, ignored."""
        self._listen = tuple(listen)
        self._passwords = passwords
        self._anonymous = anonymous
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.clients: set[Monitor] = set()
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
            "ignored": self.messages["ignored"],
            "refused": sum(self.refused.values()),
            "refused_by_reason": dict(sorted(self.refused.items())),
        }

    async def may_report(self, packet: Packet) -> bool:
        """True when the device of `packet` is let in: its MN is a user of the password file and its PW the password."""
        if self._passwords is None:
            return self._anonymous
        return await asyncio.to_thread(self._passwords.check, packet.device, packet.password.encode())

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
            await Monitor(self, reader, writer).run()
        finally:
            self._tasks.discard(task)


class _Closed(IngestError):
    """The connection is ended here; the word says why."""


def _client(device: str) -> str:
    return f"hj212/{device}"
