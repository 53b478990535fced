"""What one node holds, read from its journal file without the engine: every run with its rows, in journal order.

Payloads are read with pyarrow alone, not with the product's codec; the journal's own checksums have verified the bytes.
Called by the other checkers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from node.store.queries import batches_at
from sync.model import Direction, Lane, Level, Run, StoredBatch, Stream

READ_BATCHES_MAX = 500
"""Batches read by one statement."""

RecordRow = Mapping[str, object]
"""One record's columns by name."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A node whose journal is checked."""

    id: str
    level: Level
    territory: str
    parent: str
    """Node id; empty at the top."""
    journal: Path


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run of a stored batch with its rows."""

    lsn: int
    stream: Stream
    run: Run
    rows: tuple[RecordRow, ...]
    """Empty when the records are not in the payload."""
    is_live: bool
    """False for a duplicate, whose records count under an earlier batch."""
    is_backfill: bool
    is_returned: bool
    """True when it came down from above."""


@dataclass(frozen=True, slots=True)
class Copy:
    """All runs of one journal, and its live records by stream and number."""

    holder: Holder
    runs: tuple[HeldRun, ...]
    lane_tops: Mapping[Lane, int]
    records: dict[Stream, dict[int, RecordRow]] = field(default_factory=dict)

    def live(self) -> Iterator[tuple[HeldRun, int, RecordRow]]:
        """Every live record: its run, its number, its row."""
        for held in self.runs:
            if held.is_live:
                for offset, row in enumerate(held.rows):
                    yield held, held.run.first + offset, row


def read_copy(holder: Holder) -> Copy:
    """Read a journal; raises JournalCorrupt or pyarrow.ArrowException when a batch is damaged."""
    with closing(sqlite3.connect(f"{holder.journal.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        batches = list(_batches(connection))
    runs = tuple(held for stored in batches for held in _runs(stored))
    tops: dict[Lane, int] = {}
    for stored in batches:
        tops[stored.batch.header.lane] = stored.lsn
    copy = Copy(holder, runs, tops)
    for held, number, row in copy.live():
        copy.records.setdefault(held.stream, {}).setdefault(number, row)
    return copy


def rows_of(payload: bytes) -> list[RecordRow]:
    """The rows of a payload; an empty one has none. Raises pyarrow.ArrowException."""
    if not payload:
        return []
    with pa.ipc.open_stream(payload) as reader:
        return list(reader.read_all().to_pylist())


def _batches(connection: sqlite3.Connection) -> Iterator[StoredBatch]:
    lsns = [lsn for (lsn,) in connection.execute("SELECT lsn FROM batch ORDER BY lsn")]
    for start in range(0, len(lsns), READ_BATCHES_MAX):
        yield from batches_at(connection, lsns[start : start + READ_BATCHES_MAX])


def _runs(stored: StoredBatch) -> Iterator[HeldRun]:
    header = stored.batch.header
    rows = rows_of(stored.batch.payload)
    hidden = frozenset(stored.duplicates)
    for index, run in enumerate(header.runs):
        own = tuple(rows[run.row_offset : run.row_offset + run.count]) if run.state.has_rows else ()
        stream = run.stream(header.lane, header.resource)
        yield HeldRun(stored.lsn, stream, run, own, index not in hidden, header.backfill, header.direction is Direction.RETURN)
