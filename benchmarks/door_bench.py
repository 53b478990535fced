"""Sensor door: messages a second at QoS 1, one record a message, PUBACK after the commit; beside it mosquitto -> aiomqtt in the same run.

Usage: python -m benchmarks.door_bench [--messages N] [--rounds N] [--version 4|5]
The publisher is a process of its own that writes packets in pieces and keeps at most WINDOW of them unacknowledged.
The broker's path is not durable.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import multiprocessing
import shutil
import socket
import sqlite3
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiomqtt
import msgspec
import pyarrow as pa

from node.clock import SystemClock
from node.ingest.devices import DeviceRegistry
from node.ingest.door import Door, Listen
from node.ingest.inbox import Inbox, PendingBatch
from node.ingest.intake import Intake
from node.ingest.profiles import ProfileTable, default_profiles
from node.ingest.rejects import RejectStore
from node.store.journal import SqliteJournal, open_journal
from sync.model import Batch, BatchHeader, HybridTime, Lane, Run, StoredBatch
from sync.model.writes import StoreBatch
from sync.wire.payload import decoded_size, encode_payload

WINDOW = 4_000
"""PUBLISH packets without PUBACK."""
PIECE = 200
"""Packets in one write of the publisher."""
DEVICES = 200
WORD = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("event_time", pa.timestamp("us", tz="UTC")),
        ("territory", WORD),
        ("grade", pa.int8()),
        ("device", WORD),
        ("quantity", WORD),
        ("value", pa.float64()),
        ("text", WORD),
        ("unit", WORD),
    ]
)


def packet(number: int, packet_id: int, version: int) -> bytes:
    """One PUBLISH at QoS 1 with a reading of about 90 bytes."""
    device = f"air-{number % DEVICES:04d}"
    topic = f"air-quality/reading/{device}".encode()
    payload = b'{"device":"%s","time":%d,"quantity":"PM2.5","value":%.1f,"unit":"ug/m3"}' % (
        device.encode(),
        1_700_000_000 + number,
        number % 90,
    )
    body = len(topic).to_bytes(2, "big") + topic + packet_id.to_bytes(2, "big") + (b"\0" if version == 5 else b"") + payload
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])
    return b"\x32" + length + body


def publisher(port: int, messages: int, version: int, result: multiprocessing.SimpleQueue[float]) -> None:
    """Send `messages` packets and report the seconds from the first byte to the last PUBACK."""
    pieces = [
        b"".join(packet(number, number % 60_000 + 1, version) for number in range(start, min(start + PIECE, messages)))
        for start in range(0, messages, PIECE)
    ]
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(
            b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x00\x00\x03pub" if version == 4 else b"\x10\x10\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x03pub"
        )
        assert link.recv(1_000)[0] == 0x20
        began, acked = time.perf_counter(), 0
        for index, piece in enumerate(pieces):
            link.sendall(piece)
            while (index + 1) * PIECE - acked // 4 > WINDOW:
                acked += len(link.recv(1 << 16))
        while acked < 4 * messages:
            acked += len(link.recv(1 << 16))
        result.put(time.perf_counter() - began)


class Turns:
    """The runtime's part: drain, encode, commit on a thread, acknowledge."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.inbox = Inbox({"air-quality": SCHEMA, "device-registry": SCHEMA}, on_data=lambda: self.wake.set())
        self.wake = asyncio.Event()
        self.stored = 0
        self.turns = 0
        self._journal = journal
        self._thread = ThreadPoolExecutor(1)

    async def run(self) -> None:
        """Turn until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if not self.inbox.waiting:
                await self.wake.wait()
            self.wake.clear()
            batches = self.inbox.drain()
            writes = [self._write(batch) for batch in batches]
            if writes:
                await loop.run_in_executor(self._thread, self._journal.commit, writes)
            for batch in batches:
                self.inbox.stored(batch)
            self.turns += 1
            await asyncio.sleep(0)

    def _write(self, pending: PendingBatch) -> StoreBatch:
        payload = encode_payload(pending.rows, compression="lz4")
        rows = pending.rows.num_rows
        run = Run("bench", 1, self.stored + 1, self.stored + rows, 0, at=HybridTime(1))
        header = BatchHeader(
            "air-quality", Lane.BULK, 1, rows, (run,), hashlib.sha256(payload).digest(), len(payload), decoded_size(payload),
            pending.event_time_min_us, pending.event_time_max_us, pending.grade_max, pending.territories,
        )  # fmt: skip
        self.stored += rows
        return StoreBatch(StoredBatch(self.turns + 1, Batch(header, payload), "bench"))


async def door_round(folder: Path, messages: int, version: int) -> tuple[float, float]:
    """Messages a second through the door, and records in one commit."""
    journal = open_journal(folder / "journal.db", node="bench", incarnation=1)
    devices, rejects = DeviceRegistry(folder / "devices.db", admit_unknown=True), RejectStore(folder / "rejects.db")
    turns = Turns(journal)
    profiles = ProfileTable(default_profiles("air-quality", territory="370202", grade=1))
    loop = asyncio.get_running_loop()
    intake = Intake(profiles, turns.inbox, devices, rejects, SystemClock(), call_later=loop.call_later)
    door = Door([Listen("127.0.0.1", 0)], intake, passwords=None, anonymous=True)
    ((_, port),) = await door.start()
    task = asyncio.create_task(turns.run())
    seconds = await run_publisher(port, messages, version)
    task.cancel()
    await door.stop()
    journal.close()
    devices.close()
    rejects.close()
    assert turns.stored == messages, f"{turns.stored} stored of {messages}"
    return messages / seconds, messages / turns.turns


async def run_publisher(port: int, messages: int, version: int) -> float:
    """Seconds that the publisher process needed."""
    context = multiprocessing.get_context("spawn")
    result: multiprocessing.SimpleQueue[float] = context.SimpleQueue()
    process = context.Process(target=publisher, args=(port, messages, version, result))
    process.start()
    seconds = await asyncio.to_thread(result.get)
    await asyncio.to_thread(process.join)
    return seconds


async def broker_round(folder: Path, messages: int, version: int) -> float:
    """Messages a second from the publisher through mosquitto to an aiomqtt consumer that decodes and keeps nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 4000\n")
    binary = shutil.which("mosquitto")
    assert binary is not None
    process = await asyncio.create_subprocess_exec(
        binary, "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await wait_listening(port)
        began = time.perf_counter()
        decoder = msgspec.json.Decoder(dict)
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe("air-quality/#", qos=1)
            sending = asyncio.create_task(run_publisher(port, messages, version))
            seen = 0
            async for message in client.messages:
                if not seen:
                    began = time.perf_counter()
                assert isinstance(message.payload, bytes)
                decoder.decode(message.payload)
                seen += 1
                if seen == messages:
                    break
            elapsed = time.perf_counter() - began
            await sending
    finally:
        process.terminate()
        await process.wait()
    return messages / elapsed


async def wait_listening(port: int) -> None:
    """Until somebody listens, at most ten seconds."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)


def raw_rate(folder: Path, messages: int) -> float:
    """Records a second of inserting the same packet bytes into SQLite (WAL, FULL) in groups of 4,000: the raw cost beside it."""
    connection = sqlite3.connect(folder / "raw.db")
    connection.executescript("PRAGMA page_size=65536; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE raw (data BLOB)")
    groups = [b"".join(packet(number, 1, 4) for number in range(start, start + WINDOW)) for start in range(0, messages, WINDOW)]
    began = time.perf_counter()
    for group in groups:
        with connection:
            connection.execute("INSERT INTO raw VALUES (?)", (group,))
    elapsed = time.perf_counter() - began
    connection.close()
    return messages / elapsed


def main() -> None:
    """Run the rounds and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--version", type=int, choices=(4, 5), default=4)
    options = parser.parse_args()
    door, broker, raw, groups = [], [], [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as name:
            rate, group = asyncio.run(door_round(Path(name), options.messages, options.version))
            door.append(rate)
            groups.append(group)
            raw.append(raw_rate(Path(name), options.messages))
            if shutil.which("mosquitto"):
                broker.append(asyncio.run(broker_round(Path(name), min(options.messages, 20_000), options.version)))
    spread = f"({min(door):,.0f}-{max(door):,.0f}), {statistics.median(groups):.0f} a commit"
    print(f"door, QoS 1, PUBACK after commit: {statistics.median(door):,.0f} messages/s {spread}")
    print(f"raw SQLite WAL FULL of the same bytes: {statistics.median(raw):,.0f} records/s")
    if broker:
        print(f"mosquitto -> aiomqtt, not durable: {statistics.median(broker):,.0f} messages/s ({min(broker):,.0f}-{max(broker):,.0f})")
        print(f"ratio: {statistics.median(door) / statistics.median(broker):.1f}")
    else:
        print("mosquitto is not installed: no comparison in this run")


if __name__ == "__main__":
    main()
