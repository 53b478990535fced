"""The full check of a journal: everything that opening leaves out because it takes time.

Called by SqliteJournal.verify and `yunnao journal verify`. Reads only; names what does not hold and the way out, and leaves the decision to
the operator (node/store/repair.py makes the repairs that lose nothing).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from pathlib import Path

from node.store.failures import WAY_OUT
from node.store.queries import batches_at, streams
from node.store.usage import read_usage
from sync.model import JournalCorrupt, Lane, ModelError, Run, RunMap, State, StoredBatch, Stream

FINDINGS_MAX = 1_000
"""Findings after which the walk stops: a file with so many is replaced, not repaired."""


class Fault(Enum):
    """What kind of thing does not hold, and so what can be done about it."""

    PAGES = "pages"
    """SQLite's own structure: indexes are built again by repair; tables are not."""
    PAYLOAD = "payload"
    """One batch: repair sets it aside, and the running node asks its peers for it."""
    MAP = "map"
    """A run map or a counter differs from the batches, from which repair makes it again."""


WAYS_OUT = {
    Fault.PAGES: f"`yunnao journal repair --yes` on the stopped node builds the indexes again; if this stays, {WAY_OUT}",
    Fault.PAYLOAD: "`yunnao journal repair --yes` on the stopped node sets it aside; started again, the node asks its peers for it",
    Fault.MAP: "`yunnao journal repair --yes` on the stopped node makes it again from the batches",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold."""

    what: str
    lsn: int | None = None
    """The batch at fault; None when it is the file or a stream."""
    fault: Fault = Fault.PAYLOAD

    @property
    def way_out(self) -> str:
        """What the operator can do about it."""
        return WAYS_OUT[self.fault]


def findings(connection: sqlite3.Connection) -> list[Finding]:
    """Every finding, at most FINDINGS_MAX; an empty list means the file is whole."""
    return list(islice(_walk(connection), FINDINGS_MAX))


def folded_streams(connection: sqlite3.Connection) -> dict[Stream, RunMap]:
    """The run maps as the batches say them; damaged payloads are not looked at."""
    folded: dict[Stream, RunMap] = {}
    statement = """
        SELECT r.origin, r.incarnation, b.lane, b.resource, r.first_seq, r.last_seq, r.state, b.backfill
        FROM batch b JOIN batch_run r ON r.lsn = b.lsn
        WHERE r.duplicate = 0 ORDER BY r.lsn, r.idx
    """
    for origin, incarnation, lane, resource, first, last, state, backfill in connection.execute(statement):
        known = folded.setdefault(Stream(origin, incarnation, Lane(lane), resource), RunMap())
        if state == State.RECALLED:
            # It was here: the account stands where the rows were.
            known.set(first, last, State.PRESENT, is_backfill=bool(backfill))
        known.set(first, last, State(state), is_backfill=bool(backfill))
    return folded


def _walk(connection: sqlite3.Connection) -> Iterator[Finding]:
    try:
        for (line,) in connection.execute(f"PRAGMA integrity_check({FINDINGS_MAX})"):
            if line != "ok":
                yield Finding(f"database pages: {line}", fault=Fault.PAGES)
        last = 0
        for (lsn,) in connection.execute("SELECT lsn FROM batch ORDER BY lsn"):
            if lsn != last + 1:
                yield Finding(f"batches {last + 1} to {lsn - 1} are not there", last + 1, Fault.PAGES)
            last = lsn
            yield from _batch_findings(connection, lsn)
        yield from _map_findings(connection)
        yield from _count_findings(connection)
    except sqlite3.DatabaseError as error:
        yield Finding(f"reading stopped: {error}", fault=Fault.PAGES)


def _batch_findings(connection: sqlite3.Connection, lsn: int) -> Iterator[Finding]:
    try:
        (stored,) = batches_at(connection, [lsn])
    except JournalCorrupt as error:
        yield Finding(str(error), lsn)
        return
    yield from (Finding(what, lsn) for what in _batch_faults(stored))


def _batch_faults(stored: StoredBatch) -> Iterator[str]:
    header = stored.batch.header
    if stored.freed is State.PENDING and len(stored.batch.payload) != header.payload_bytes:
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


def _map_findings(connection: sqlite3.Connection) -> Iterator[Finding]:
    try:
        kept, folded = streams(connection), folded_streams(connection)
    except (ModelError, ValueError, KeyError) as error:
        yield Finding(f"stream table: {error}", fault=Fault.MAP)
        return
    for stream in sorted(kept.keys() | folded.keys()):
        if kept.get(stream, RunMap()) != folded.get(stream, RunMap()):
            name = f"{stream.origin}/{stream.incarnation:x}/{stream.lane.word}/{stream.resource}"
            yield Finding(f"stream {name}: map and batches differ", fault=Fault.MAP)


def _count_findings(connection: sqlite3.Connection) -> Iterator[Finding]:
    try:
        read_usage(connection, Path("the journal"))
    except JournalCorrupt as error:
        yield Finding(str(error), fault=Fault.MAP)
        return
    counted = connection.execute("SELECT lane, resource, state, batches, payload_bytes FROM freed ORDER BY 1, 2, 3").fetchall()
    found = connection.execute(FREED_IN_BATCHES).fetchall()
    if counted != found:
        yield Finding("table freed: the counts and the freed batches differ", fault=Fault.MAP)


FREED_IN_BATCHES = """
    SELECT lane, resource, freed, count(*), sum(payload_bytes) FROM batch WHERE freed <> 0 GROUP BY lane, resource, freed ORDER BY 1, 2, 3
"""
