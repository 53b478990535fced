"""A stored batch whose payload no longer matches its hash: set aside, and put back when a peer gave the bytes again.

While a batch is aside its records count as lost at this node, and a peer that has not got them is told so; nothing else waits for it.
LOST may become PRESENT again, so each step keeps the books true. Called by the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync.core.desk import Desk
from sync.model import Batch, BatchHeader, Direction, Instant, Lane, Run, StoredBatch
from sync.model.writes import PutBack, SetAside

DAMAGED_REASON = "damaged"
"""Reason class of records whose stored bytes were damaged."""


class Repairing:
    """The rules of one node for its damaged batches."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def set_aside(self, stored: StoredBatch) -> None:
        """The payload of `stored` cannot be read: its rows are no longer here."""
        header = stored.batch.header
        for run in stored.live_runs:
            if run.state.has_rows:
                self._desk.books.lose(run, header.lane, header.resource)
        self._desk.write(SetAside(stored.lsn, self._desk.node, DAMAGED_REASON))

    def put_back(self, stored: StoredBatch, *, was_told: bool, passed: frozenset[str], now: Instant) -> None:
        """`stored` as it was before the damage, its payload proven by its hash.

        `was_told`: a peer got its records as lost. It, and a peer that is being told, gets them as backfill. So does a child that got past
        the batch while it was aside: without rows nobody could say what of it was for that child, so it heard nothing. `passed` are the
        children that had got past it before.
        """
        header = stored.batch.header
        hidden = frozenset(stored.duplicates)
        runs: list[Run] = []
        duplicates: list[int] = []
        for index, run in enumerate(header.runs):
            parts, known = self._entered(header, run)
            duplicates += [len(runs) + place for place in range(len(parts)) if index in hidden or place in known]
            runs += parts
        again = replace(stored, batch=replace(stored.batch, header=replace(header, runs=tuple(runs))), duplicates=tuple(duplicates))
        self._desk.write(PutBack(again))
        if was_told or self._is_being_told(header.lane, stored.lsn) or self._was_passed_over(stored, passed):
            copy = replace(again.batch.header, backfill=True)
            self._desk.append(Batch(copy, stored.batch.payload, stored.batch.manifest), stored.source, tuple(range(len(runs))), now)

    def send_again(self, batches: Sequence[StoredBatch], now: Instant) -> None:
        """A neighbour lost the records of `batches`, and its bytes cannot be made again: they go out once more, as the plan has it now."""
        for stored in batches:
            header = replace(stored.batch.header, backfill=True)
            everything = tuple(range(len(header.runs)))
            self._desk.append(replace(stored.batch, header=header), stored.source, everything, now)

    def _entered(self, header: BatchHeader, run: Run) -> tuple[tuple[Run, ...], tuple[int, ...]]:
        """`run` of a batch that is whole again, cut where part of it came by another way, and the indexes of those parts."""
        if not run.state.has_rows:
            return (run,), ()  # the damage took nothing from an account: it stands in the books, maybe decided anew since
        accounted = self._desk.books.account(replace(header, runs=(run,)))
        return accounted.runs, accounted.duplicates

    def _was_passed_over(self, stored: StoredBatch, passed: frozenset[str]) -> bool:
        """A child other than its source got past the batch without its rows."""
        lane, known = stored.batch.header.lane, passed | {stored.source}
        return any(
            direction is Direction.RETURN and of is lane and mark.stored >= stored.lsn and peer not in known
            for (peer, direction, of), mark in self._desk.out_marks.items()
        )

    def _is_being_told(self, lane: Lane, lsn: int) -> bool:
        """A job that may have read the account of the batch is out, or its frames are."""
        for link in self._desk.links.values():
            state = link.outbox.lanes[lane]
            if state.mark.stored < lsn and (state.is_reading or state.cursor >= lsn):
                return True
        return False
