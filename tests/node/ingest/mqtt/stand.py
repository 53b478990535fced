"""A door over a real intake and a real journal that can be stopped at any point, with a client that speaks packets by hand."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from node.ingest.door import Door, Listen
from node.ingest.inbox import PendingBatch
from node.ingest.intake import CallLater
from node.ingest.mqtt.access import Access
from node.store.door_book import kept_sessions
from node.store.journal import SqliteJournal, open_journal
from sync.model import Batch, BatchHeader, HybridTime, Lane, Run, StoredBatch
from sync.model.writes import StoreBatch
from sync.wire.payload import decoded_size, encode_payload
from tests.node.ingest.parts import Bench, StillClock, make_bench

TOPIC = "air-quality/reading/d1"


def reading_json(value: float = 1.0, *, device: str = "d1") -> bytes:
    """A message of one reading."""
    return b'{"device":"%s","time":1700000000,"quantity":"PM2.5","value":%.1f,"unit":"ug/m3"}' % (device.encode(), value)


def number(value: int) -> bytes:
    """Two bytes."""
    return value.to_bytes(2, "big")


def text(value: str) -> bytes:
    """A string with its length."""
    return number(len(value.encode())) + value.encode()


def packet(head: int, body: bytes) -> bytes:
    """A packet of less than 16 KiB."""
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) & 127 | 128, len(body) >> 7])
    return bytes([head]) + length + body


def connect(client: str, *, clean: bool = False, will: tuple[str, bytes] | None = None, keep_alive_s: int = 0) -> bytes:
    """CONNECT of 3.1.1; the will is at QoS 1."""
    flags = (0x02 if clean else 0) | (0x0C if will else 0)
    tail = text(will[0]) + number(len(will[1])) + will[1] if will else b""
    return packet(0x10, b"\0\4MQTT\4" + bytes([flags]) + number(keep_alive_s) + text(client) + tail)


def publish(packet_id: int, payload: bytes, *, qos: int = 2, topic: str = TOPIC, again: bool = False) -> bytes:
    """PUBLISH of 3.1.1."""
    return packet(0x30 | again << 3 | qos << 1, text(topic) + (number(packet_id) if qos else b"") + payload)


PUBACK, PUBREC, PUBREL, PUBCOMP = b"\x40\x02", b"\x50\x02", b"\x62\x02", b"\x70\x02"
DISCONNECT = b"\xe0\x00"
NEW, PRESENT = b"\x20\x02\x00\x00", b"\x20\x02\x01\x00"
"""CONNACK without and with a session that was there."""


class Wire:
    """A client by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def says(self, data: bytes, answer: bytes) -> None:
        """Send `data` and want exactly `answer` next."""
        self.writer.write(data)
        got = await asyncio.wait_for(self.reader.readexactly(len(answer)), 5)
        assert got == answer, f"{got!r} for {data!r}, wanted {answer!r}"

    async def is_silent(self) -> None:
        """Nothing but the answer to a ping comes."""
        await self.says(b"\xc0\x00", b"\xd0\x00")

    async def ended(self) -> bytes:
        """What still comes until the door closes."""
        return await asyncio.wait_for(self.reader.read(), 5)

    def drop(self) -> None:
        """End without a word."""
        self.writer.transport.abort()


@cache
def _empty_files() -> dict[str, bytes]:
    """The stores of a door that has seen nothing: made once, because their schemas take longer than a test."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_bench(folder).close()
        open_journal(folder / "journal.db", node="stand", incarnation=1).close()
        return {path.name: path.read_bytes() for path in folder.iterdir()}


class Stand:
    """The door, the bench behind it, and the journal that its commits go to."""

    def __init__(self, folder: Path, access: Access | None, clock: StillClock, call_later: CallLater | None) -> None:
        if not (folder / "journal.db").exists():
            for name, data in _empty_files().items():
                (folder / name).write_bytes(data)
        self.journal: SqliteJournal = open_journal(folder / "journal.db", node="stand", incarnation=1)
        self.bench: Bench = make_bench(folder, clock=clock, call_later=call_later)
        self.door = Door([Listen("127.0.0.1", 0)], self.bench.intake, passwords=None, anonymous=True, access=access, clock=clock)
        self.port = 0
        self._wires: list[Wire] = []

    async def dial(self) -> Wire:
        """A connection to the door."""
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port))
        self._wires.append(wire)
        return wire

    async def join(self, client: str, answer: bytes, **kwargs: object) -> Wire:
        """A client that got `answer` for its CONNECT."""
        wire = await self.dial()
        await wire.says(connect(client, **kwargs), answer)  # type: ignore[arg-type]
        return wire

    def commit(self) -> None:
        """One turn of the runtime: rows and marks in one transaction, then the acknowledgements."""
        batches = self.bench.inbox.drain()
        self.journal.door.stage(self.bench.inbox.take_marks())
        self.journal.commit([self._write(batch, index) for index, batch in enumerate(batches, start=self.journal.last_lsn + 1)])
        for batch in batches:
            self.bench.rows.extend(batch.rows.to_pylist())
            self.bench.inbox.stored(batch)
        self.bench.inbox.marks_stored()

    def held(self) -> dict[str, tuple[int, ...]]:
        """QoS 2 packet ids in the journal by client."""
        return {kept.client: kept.packet_ids for kept in self.journal.look("test", kept_sessions)}

    def _write(self, pending: PendingBatch, lsn: int) -> StoreBatch:
        payload, rows = encode_payload(pending.rows, compression="lz4"), pending.rows.num_rows
        first = sum(self.journal.counts().values()) + 1 + lsn * 1_000
        run = Run("stand", 1, first, first + rows - 1, 0, at=HybridTime(1))
        header = BatchHeader(
            "air-quality", Lane.BULK, 1, rows, (run,), hashlib.sha256(payload).digest(), len(payload), decoded_size(payload),
            pending.event_time_min_us, pending.event_time_max_us, pending.grade_max, pending.territories,
        )  # fmt: skip
        return StoreBatch(StoredBatch(lsn, Batch(header, payload), "stand"))

    async def open(self) -> None:
        """Read the sessions back and listen."""
        self.door.recall(self.journal.look("test", kept_sessions))
        ((_, self.port),) = await self.door.start()

    async def close(self) -> None:
        """As a crash would leave it: nothing more is written."""
        for wire in self._wires:
            wire.writer.close()
        await self.door.stop()
        self.bench.close()
        self.journal.close()


@asynccontextmanager
async def standing(
    folder: Path, *, access: Access | None = None, clock: StillClock | None = None, flushes: bool = False
) -> AsyncIterator[Stand]:
    """A door over the stores in `folder`, which another one may have left; `flushes`: rejects are written without being told."""
    stand = Stand(folder, access, clock or StillClock(), asyncio.get_running_loop().call_later if flushes else None)
    await stand.open()
    try:
        yield stand
    finally:
        await stand.close()
