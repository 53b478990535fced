"""Giving a neighbour records again that were recalled there, when its order is over: those that are here and that today's plan lets pass.

They are appended to the journal once more, marked backfill, and go out like what was held back: the gate decides on the way, at both ends.
What the plan keeps back is not appended, so a neighbour that goes on asking costs nothing. Called, off the event loop, by regaining.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from node.engine.pipeline import Pipeline
from node.recall.cutting import Flags, only
from node.recall.regain_wire import RegainQuestion
from node.store import recalled
from node.store.journal import SqliteJournal
from sync.core.ready import PeerFacts
from sync.model import Lane, Run, StoredBatch, Stream, merged_ranges
from sync.wire.payload import unfold_payload

BATCHES_MAX = 64
"""Batches that one question puts on the way."""


@dataclass(frozen=True, slots=True)
class Regained:
    """What goes again."""

    batches: tuple[StoredBatch, ...] = ()
    records: int = 0
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class RegainGiver:
    """Looks for the records; blocking."""

    journal: SqliteJournal
    pipeline: Pipeline

    def find(self, peer: PeerFacts, question: RegainQuestion) -> Regained:
        """The records asked for that `peer` may have now, cut out of their batches. Raises JournalError."""
        wanted: dict[Stream, list[tuple[int, int]]] = defaultdict(list)
        for run in question.runs:
            if run.first <= run.last:
                stream = Stream(run.origin, run.incarnation, Lane(question.lane), question.resource)
                wanted[stream].append((run.first, run.last))
        asked, kind = {stream: merged_ranges(ranges) for stream, ranges in wanted.items()}, (question.resource, Lane(question.lane))
        lsns = self.journal.look("search for records that are free again", lambda db: recalled.holding(db, kind, asked, BATCHES_MAX + 1))
        found, records = [], 0
        for lsn in lsns[:BATCHES_MAX]:
            copy = self._copy(peer, lsn, asked)
            if copy is not None:
                found.append(copy)
                records += copy.batch.header.row_count
        return Regained(tuple(found), records, has_more=bool(found) and len(lsns) > BATCHES_MAX)

    def _copy(self, peer: PeerFacts, lsn: int, wanted: dict[Stream, list[tuple[int, int]]]) -> StoredBatch | None:
        stored = self.journal.batch(lsn)
        if stored is None or stored.freed or not stored.batch.payload or stored.source == peer.node:
            return None
        rows = unfold_payload(stored.batch.payload)
        asked = _flags(stored, stored.live_runs, wanted)
        if not asked.any():
            return None
        cut = replace(stored, batch=only(stored.batch, rows, asked), duplicates=())
        free = {stream: sorted(ranges) for stream, ranges in _passing(self.pipeline.released(peer, cut), stored).items()}
        chosen = _flags(stored, stored.live_runs, free) & asked
        return replace(cut, batch=only(stored.batch, rows, chosen)) if chosen.any() else None


def _passing(runs: Sequence[Run], stored: StoredBatch) -> dict[Stream, list[tuple[int, int]]]:
    header = stored.batch.header
    found: dict[Stream, list[tuple[int, int]]] = defaultdict(list)
    for run in runs:
        if run.state.has_rows:
            found[run.stream(header.lane, header.resource)].append((run.first, run.last))
    return found


def _flags(stored: StoredBatch, runs: Sequence[Run], wanted: dict[Stream, list[tuple[int, int]]]) -> Flags:
    """True for each row of a batch that is one of `runs` and whose number is wanted."""
    header = stored.batch.header
    flags = np.zeros(header.row_count, np.bool_)
    for run in runs:
        if not run.state.has_rows:
            continue
        for first, last in wanted.get(run.stream(header.lane, header.resource), ()):
            low, high = max(first, run.first), min(last, run.last)
            if low <= high:
                flags[run.row_offset + low - run.first : run.row_offset + high - run.first + 1] = True
    return flags
