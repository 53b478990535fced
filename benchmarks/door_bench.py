"""Sensor door: messages a second at QoS 1, one record a message, PUBACK after the commit; beside it mosquitto -> aiomqtt in the same run.

Usage: python -m benchmarks.door_bench [--messages N] [--rounds N] [--version 4|5]
The door runs in this process with as much of a node as it needs, so that it can be profiled; G8 is judged with a real node (door_gate.py).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sqlite3
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from benchmarks.door_load import WINDOW, Load, packet, run_publisher
from benchmarks.door_peers import broker_pace, missing
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
    seconds = await run_publisher(port, Load(messages, version))
    task.cancel()
    await door.stop()
    journal.close()
    devices.close()
    rejects.close()
    assert turns.stored == messages, f"{turns.stored} stored of {messages}"
    return messages / seconds, messages / turns.turns


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
            if not missing("aiomqtt"):
                load = Load(min(options.messages, 20_000), options.version)
                broker.append(asyncio.run(broker_pace("aiomqtt", Path(name), load)).rate)
    spread = f"({min(door):,.0f}-{max(door):,.0f}), {statistics.median(groups):.0f} a commit"
    print(f"door, QoS 1, PUBACK after commit: {statistics.median(door):,.0f} messages/s {spread}")
    print(f"raw SQLite WAL FULL of the same bytes: {statistics.median(raw):,.0f} records/s")
    if broker:
        print(f"mosquitto -> aiomqtt, not durable: {statistics.median(broker):,.0f} messages/s ({min(broker):,.0f}-{max(broker):,.0f})")
        print(f"ratio: {statistics.median(door) / statistics.median(broker):.1f}")
    else:
        print(f"{missing('aiomqtt')}: no comparison in this run")


if __name__ == "__main__":
    main()
