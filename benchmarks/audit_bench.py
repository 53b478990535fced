"""What the audit log costs and how fast it is verified: `python -m benchmarks.audit_bench [--rounds N]`.

Verify: the walk over a log in a journal file (read, parsed, chained, stamps followed), in entries per second over a bare SHA-256 chain of
the same bytes in memory; and the comparison of stamped rows of the share ledger, over SHA-256 of the same rows as they are hashed.
Cost: commits of a journal for small commits (ten records, one row of the ledger), bulk (5,000 records) and the worst case (5,000 records
in a thousand runs). CPU: what is left when the log's own share of the committing thread is taken away, measured within the same
commits. Wall: the best round with the log against the best without; the disk's sync is in it, and a busy machine disturbs it.
"""

from __future__ import annotations

import argparse
import hashlib
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.journal_bench import batch_at
from node.audit.book import AuditBook
from node.audit.entry import FIRST_PREVIOUS, Scalar, wanted
from node.audit.stamp import Row, hashed
from node.audit.walk import walk
from node.audit.words import AuditKind
from node.store.journal import SqliteJournal, open_journal
from node.store.schema import DEFAULT_TUNING
from sync.model import NO_ROWS, Direction, Lane, LedgerEntry, Run, Span, State, StateRange, Stream
from sync.model.writes import AppendLedger, ChangeStream, OutMark, SetOutMark, StoreBatch, Write

NODE = "bench-node"
ENTRIES = 30_000
STAMPED_ROWS = 30_000
VERIFY_BOUND = 0.3
DIGEST = hashlib.sha256(b"bench").digest()
MICROSECOND_OF_A_COMMIT = 5_000
"""Between two commits, as the log's clock has it."""


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of commits."""

    name: str
    payload_bytes: int
    runs: int
    """Runs of each row of the ledger."""
    commits: int
    bound: float


LOADS = (
    Load("small commits", 900, 1, 600, 0.97),
    Load("bulk", 84_000, 1, 600, 0.97),
    # A commit is a quarter of what such a batch costs on its hop.
    Load("bulk, scattered", 84_000, 1_000, 80, 0.88),
)


def main(arguments: list[str]) -> int:
    """Print both tables; 1 when a bound is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args(arguments).rounds
    with tempfile.TemporaryDirectory() as name:
        kept = [verify_line(Path(name), rounds), rows_line(Path(name), rounds)]
    print(f"\ncommits with the log over commits without (1.00: no cost); CPU: median of {rounds} rounds, wall: best against best")
    print(f"{'load':<18} {'CPU':>10} {'wall':>11} {'us of a commit':>14} {'entries':>8}")
    kept += [cost_line(load, rounds) for load in LOADS]
    return 0 if all(kept) else 1


# ---- verify


def verify_line(folder: Path, rounds: int) -> bool:
    """The walk against a bare chain."""
    journal = begun(folder / "entries.db", is_synced=False)
    act: dict[str, Scalar | list[str] | list[int]] = {"kind": "entry", "word": "approve", "sha256": DIGEST.hex()}
    told = act | {"incarnation": f"{1:016x}", "hash": DIGEST.hex(), "key": DIGEST.hex(), "signature": DIGEST.hex() * 2}
    for index in range(ENTRIES):
        kind, detail = (AuditKind.WITNESS, told) if index % 2 else (AuditKind.CASE, act)
        journal.audit.add(wanted(kind, f"{index:016x}", "somebody", detail))
        if index % 100 == 99:
            journal.write_audit()
    journal.close()
    with closing(sqlite3.connect(folder / "entries.db")) as connection:
        data = [row[0] for row in connection.execute("SELECT CAST(entry AS BLOB) FROM audit_entry ORDER BY seq")]
        walks, raws = [], []
        for _ in range(rounds):
            began = time.process_time()
            found = walk(connection)
            walks.append(time.process_time() - began)
            began = time.process_time()
            chain_of(data)
            raws.append(time.process_time() - began)
    assert found.findings == []
    assert found.entries == len(data)
    ratio = median(raw / ours for raw, ours in zip(raws, walks, strict=True))
    mean = sum(map(len, data)) // len(data)
    print(f"verify: {len(data) / median(walks):,.0f} entries/s of {mean} bytes, bare SHA-256 chain {len(data) / median(raws):,.0f}/s; "
          f"ratio {ratio:.2f} (bound {VERIFY_BOUND})")  # fmt: skip
    return ratio >= VERIFY_BOUND


def chain_of(data: Sequence[bytes]) -> bytes:
    """A bare chain over entries in memory."""
    digest = FIRST_PREVIOUS
    for entry in data:
        digest = hashlib.sha256(digest + entry).digest()
    return digest


def rows_line(folder: Path, rounds: int) -> bool:
    """Stamped rows compared with their stamps."""
    journal = begun(folder / "rows.db", is_synced=False)
    for first in range(1, STAMPED_ROWS, 100):
        journal.commit([ledger(number, runs=1) for number in range(first, first + 100)])
    journal.write_audit(is_last=True)
    journal.close()
    with closing(sqlite3.connect(folder / "rows.db")) as connection:
        walks, hashes = [], []
        for _ in range(rounds):
            began = time.process_time()
            found = walk(connection)
            walks.append(time.process_time() - began)
            began = time.process_time()
            hashed(connection, 0, STAMPED_ROWS)
            hashes.append(time.process_time() - began)
    assert found.findings == []
    assert found.rows == STAMPED_ROWS
    print(f"verify: {STAMPED_ROWS / median(walks):,.0f} rows/s of the share ledger under {found.stamps} stamps "
          f"({median(hashes) / median(walks):.2f} of it reading and hashing the rows)")  # fmt: skip
    return True


# ---- cost


def cost_line(load: Load, rounds: int) -> bool:
    """The log's share of the CPU of commits, and commits with and without in turns."""
    ours = [run(load, has_log=True) for _ in range(rounds)]
    bare = [run(load, has_log=False) for _ in range(rounds)]
    rate = 1 - median(one.share for one in ours)
    # What others do on the machine only ever adds: the best round of each side says what the work itself takes.
    wall = min(one.wall_us for one in bare) / min(one.wall_us for one in ours)
    print(f"{load.name:<18} {rate:>10.3f} {wall:>11.3f} {median(one.cpu_us for one in ours):>14.0f} {ours[0].entries:>8}")
    return rate >= load.bound


@dataclass(frozen=True, slots=True)
class Commits:
    """One round."""

    cpu_us: float
    """Of one commit."""
    wall_us: float
    share: float
    """Of the CPU, spent in the log."""
    entries: int


def run(load: Load, *, has_log: bool) -> Commits:
    """Make the commits of a load in a journal of their own."""
    payload = hashlib.shake_256(b"payload").digest(load.payload_bytes)
    commits = [commit_of(number, payload, load.runs) for number in range(1, load.commits + 1)]
    with tempfile.TemporaryDirectory() as name:
        journal = begun(Path(name) / "journal.db", is_synced=True, has_log=has_log)
        timed = Timed(journal.audit)
        journal.audit = timed  # type: ignore[assignment]
        wall, cpu = time.perf_counter(), time.thread_time()
        for writes in commits:
            journal.commit(writes)
        cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
        journal.close()
    per = 1e6 / load.commits
    return Commits(cpu * per, wall * per, timed.cpu_s / cpu, timed.book.head.seq)


@dataclass(slots=True)
class Timed:
    """A log that counts what it takes."""

    book: AuditBook
    cpu_s: float = 0.0

    def insert(self, connection: sqlite3.Connection, ledger: Sequence[Row], runs: Sequence[Row]) -> None:
        """As AuditBook.insert."""
        began = time.thread_time()
        self.book.insert(connection, ledger, runs)
        self.cpu_s += time.thread_time() - began

    def committed(self) -> None:
        """As AuditBook.committed."""
        began = time.thread_time()
        self.book.committed()
        self.cpu_s += time.thread_time() - began


def commit_of(number: int, payload: bytes, runs: int) -> list[Write]:
    """A batch stored and decided for the parent in one commit, as an idle node does."""
    batch = StoreBatch(batch_at(number, payload))
    stream = ChangeStream(Stream(NODE, 1, Lane.BULK, "air-quality"), (), (StateRange(1, number * 5_000, State.PRESENT),))
    mark = SetOutMark("parent", Direction.UP, Lane.BULK, OutMark(number - 1, number - 1, number - 1))
    return [batch, stream, ledger(number, runs=runs), mark]


def ledger(number: int, *, runs: int) -> AppendLedger:
    """A row of the ledger; of several runs every other is withheld."""
    first = (number - 1) * 5_000 + 1
    width = 5_000 // runs
    pieces = [Run(NODE, 1, first + index * width, first + (index + 1) * width - 1, 0) for index in range(runs)]
    denied = Run(NODE, 1, 1, 1, NO_ROWS, State.DENIED, "negative-list", NODE)
    kept = tuple(replace(denied, first=piece.first, last=piece.last) if index % 2 else piece for index, piece in enumerate(pieces))
    span = Span(number - 1, number)
    return AppendLedger(
        LedgerEntry("parent", Direction.UP, Lane.BULK, span, 0, 1, "air-quality", kept, DIGEST, DIGEST, DIGEST, DIGEST, DIGEST)
    )


def begun(path: Path, *, is_synced: bool, has_log: bool = True) -> SqliteJournal:
    """A journal with its log begun, on a clock that moves with each look."""
    journal = open_journal(path, node=NODE, incarnation=1, tuning=replace(DEFAULT_TUNING, is_synced=is_synced))
    if not has_log:
        return journal
    moments = iter(range(1_700_000_000_000_000, 1 << 62, MICROSECOND_OF_A_COMMIT))
    journal.begin_audit(lambda: next(moments))
    start: dict[str, Scalar | list[str] | list[int]] = {"incarnation": f"{1:016x}", "stamps_after": 0}
    journal.audit.add(wanted(AuditKind.START, NODE, "", start))
    journal.write_audit()
    return journal


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
