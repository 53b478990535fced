"""The full check of a journal: everything that opening leaves out because it takes time.

Called by SqliteJournal.verify. Reads only; says what does not hold and leaves the decision to the operator.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from node.store.queries import batches_at, streams
from sync.model import JournalCorrupt, ModelError, Run, RunMap, StoredBatch, Stream

FINDINGS_MAX = 1_000
"""Findings after which the walk stops: a file with so many is replaced, not repaired."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold."""

    what: str
    lsn: int | None = None
    """The batch at fault; None when it is the file or a stream."""


def findings(connection: sqlite3.Connection) -> list[Finding]:
    """Every finding, at most FINDINGS_MAX; an empty list means the file is whole."""
    return list(islice(_walk(connection), FINDINGS_MAX))


def _walk(connection: sqlite3.Connection) -> Iterator[Finding]:
    try:
        for (line,) in connection.execute(f"PRAGMA integrity_check({FINDINGS_MAX})"):
            if line != "ok":
                yield Finding(f"database pages: {line}")
        folded: dict[Stream, RunMap] = {}
        for (lsn,) in connection.execute("SELECT lsn FROM batch ORDER BY lsn"):
            yield from _batch_findings(connection, lsn, folded)
        yield from _stream_findings(connection, folded)
    except sqlite3.DatabaseError as error:
        yield Finding(f"reading stopped: {error}")


def _batch_findings(connection: sqlite3.Connection, lsn: int, folded: dict[Stream, RunMap]) -> Iterator[Finding]:
    try:
        (stored,) = batches_at(connection, [lsn])
    except JournalCorrupt as error:
        yield Finding(str(error), lsn)
        return
    header = stored.batch.header
    for run in stored.live_runs:
        folded.setdefault(run.stream(header.lane, header.resource), RunMap()).set(run.first, run.last, run.state)
    yield from (Finding(what, lsn) for what in _batch_faults(stored))


def _batch_faults(stored: StoredBatch) -> Iterator[str]:
    header = stored.batch.header
    if len(stored.batch.payload) != header.payload_bytes:
        yield f"batch {stored.lsn} holds {len(stored.batch.payload)} payload bytes, its header says {header.payload_bytes}"
    covered = _rows_covered(header.runs)
    if covered != header.row_count:
        yield f"batch {stored.lsn} has {header.row_count} rows, its runs cover {'overlapping ones' if covered < 0 else covered}"


def _rows_covered(runs: tuple[Run, ...]) -> int:
    """Rows that the runs cover without gap or overlap from row 0; -1 when they do not."""
    position = 0
    for run in sorted((run for run in runs if run.state.has_rows), key=lambda run: run.row_offset):
        if run.row_offset != position:
            return -1
        position += run.count
    return position


def _stream_findings(connection: sqlite3.Connection, folded: dict[Stream, RunMap]) -> Iterator[Finding]:
    try:
        kept = streams(connection)
    except (ModelError, ValueError) as error:
        yield Finding(f"stream table: {error}")
        return
    for stream in sorted(kept.keys() | folded.keys()):
        if kept.get(stream, RunMap()) != folded.get(stream, RunMap()):
            yield Finding(f"stream {stream.origin}/{stream.incarnation:x}/{stream.lane.word}/{stream.resource}: map and batches differ")
