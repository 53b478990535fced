"""What an append to the journal costs beside the same bytes put into a bare SQLite table: `python -m benchmarks.journal_bench`.

Both sides: payloads of 84 kB (5,000 records), WAL, synchronous=FULL, same page size and checkpoint size, group commit of 1, 8 and 32. The
journal's commit writes what the engine writes: the batch, its runs, the stream's map and, per commit, a position. The time includes
closing the file, which moves the whole log into it, so that neither side leaves that work undone. Each figure is the median of the
repetitions, which alternate between the two sides.
"""

from __future__ import annotations

import argparse
import hashlib
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from node.store.journal import open_journal
from node.store.schema import DEFAULT_TUNING, Tuning
from sync.model import Batch, BatchHeader, Direction, Lane, Run, State, StateRange, StoredBatch, Stream
from sync.model.writes import ChangeStream, OutMark, SetOutMark, StoreBatch, Write

PAYLOAD_BYTES = 84_000
RECORDS = 5_000
BATCHES = 512
"""Batches of one repetition: 43 MB."""
GROUPS = (1, 8, 32)
"""Batches per commit."""
PAGES_BYTES = (65_536, 4_096)
NODE = "bench-node"


@dataclass(frozen=True, slots=True)
class Cost:
    """Time of one repetition, per batch."""

    wall_us: float
    cpu_us: float


def main(arguments: list[str]) -> int:
    """Print the table; the options are for quick looks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--batches", type=int, default=BATCHES)
    options = parser.parse_args(arguments)
    print(f"append of {PAYLOAD_BYTES} bytes, synchronous=FULL, median of {options.repetitions} x {options.batches} batches; us per batch")
    print("page KiB  group   journal wall   cpu     raw wall   cpu   journal MB/s   cpu over raw   raw wall / journal wall")
    for page_bytes in PAGES_BYTES:
        for group in GROUPS:
            print_line(page_bytes, group, repetitions=options.repetitions, batches=options.batches)
    return 0


def print_line(page_bytes: int, group: int, *, repetitions: int, batches: int) -> None:
    """Measure one setting on both sides and print it."""
    payloads = [hashlib.shake_256(index.to_bytes(4, "big")).digest(PAYLOAD_BYTES) for index in range(32)]
    checkpoint_bytes = DEFAULT_TUNING.checkpoint_bytes
    tuning = Tuning(page_bytes=page_bytes, checkpoint_bytes=checkpoint_bytes)
    ours: list[Cost] = []
    raw: list[Cost] = []
    for _ in range(repetitions):
        ours.append(in_folder(lambda folder: append_journal(folder, payloads, group, batches, tuning)))
        raw.append(in_folder(lambda folder: append_raw(folder, payloads, group, batches, tuning)))
    journal, bare = medians(ours), medians(raw)
    print(
        f"{page_bytes // 1024:>8} {group:>6} {journal.wall_us:>14.0f} {journal.cpu_us:>5.0f} {bare.wall_us:>12.0f} {bare.cpu_us:>5.0f}"
        f" {PAYLOAD_BYTES / journal.wall_us:>14.0f} {journal.cpu_us - bare.cpu_us:>14.0f} {bare.wall_us / journal.wall_us:>25.2f}"
    )


def in_folder(measure: Callable[[Path], Cost]) -> Cost:
    """Run one repetition in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder))


def medians(costs: list[Cost]) -> Cost:
    """Median wall and CPU."""
    return Cost(median(cost.wall_us for cost in costs), median(cost.cpu_us for cost in costs))


def timed(work: Callable[[], None], batches: int) -> Cost:
    """Cost of `work`, per batch."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost((time.perf_counter() - wall) / batches * 1e6, (time.process_time() - cpu) / batches * 1e6)


def append_journal(folder: Path, payloads: list[bytes], group: int, batches: int, tuning: Tuning) -> Cost:
    """Append through SqliteJournal.commit."""
    journal = open_journal(folder / "journal.db", node=NODE, incarnation=1, tuning=tuning)
    commits = [commit_of(first, min(first + group, batches), payloads) for first in range(0, batches, group)]

    def work() -> None:
        for writes in commits:
            journal.commit(writes)
        journal.close()

    return timed(work, batches)


def commit_of(first: int, stop: int, payloads: list[bytes]) -> list[Write]:
    """What the engine asks for when batches `first`..`stop` are offered."""
    stored = [StoreBatch(batch_at(index + 1, payloads[index % len(payloads)])) for index in range(first, stop)]
    run_map = StateRange(1, stop * RECORDS, State.PRESENT)
    stream = ChangeStream(Stream(NODE, 1, Lane.BULK, "air-quality"), (), (run_map,))
    return [*stored, stream, SetOutMark("parent", Direction.UP, Lane.BULK, OutMark(first, first, first))]


def batch_at(lsn: int, payload: bytes) -> StoredBatch:
    """A batch of 5,000 records of one run."""
    run = Run(NODE, 1, (lsn - 1) * RECORDS + 1, lsn * RECORDS, 0)
    header = BatchHeader("air-quality", Lane.BULK, 1, RECORDS, (run,), hashlib.sha256(payload).digest(), len(payload), 8 * RECORDS)
    return StoredBatch(lsn, Batch(header, payload), NODE)


def append_raw(folder: Path, payloads: list[bytes], group: int, batches: int, tuning: Tuning) -> Cost:
    """Insert the same payloads into a table of two columns."""
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute(f"PRAGMA page_size = {tuning.page_bytes}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {tuning.checkpoint_bytes // tuning.page_bytes}")
    connection.execute("CREATE TABLE raw (lsn INTEGER PRIMARY KEY, payload BLOB NOT NULL)")

    def work() -> None:
        for first in range(0, batches, group):
            rows = [(index + 1, payloads[index % len(payloads)]) for index in range(first, min(first + group, batches))]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO raw VALUES (?, ?)", rows)
            connection.execute("COMMIT")
        connection.close()

    return timed(work, batches)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
