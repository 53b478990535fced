"""Records that were shared and are recalled: the rows go, their numbers are accounted for as recalled.

RECALLED counts as delivered, so no peer sends such a record again unasked and no hop's books change, not even when the recall is over and
a marked backfill brings it again (`sync/model/states.py`). What a peer has not heard of yet goes to it as denied: `as_told`. Which rows are
meant is the shell's to find. Called by the engine and by the pipeline of a link.
"""

from __future__ import annotations

from dataclasses import replace

from sync.core.desk import Desk
from sync.model import Run, State, StoredBatch
from sync.model.writes import Recall


class Recalling:
    """The rules of one node for batches of which rows were recalled."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def recall(self, work: Recall) -> None:
        """Put what is left of a batch in its place; made twice, it changes nothing the second time."""
        header = work.stored.batch.header
        gone = [run for run in work.stored.live_runs if run.state is State.RECALLED]
        self._desk.books.recall(gone, header.lane, header.resource)
        self._desk.write(work)


def as_told(stored: StoredBatch) -> StoredBatch:
    """The batch as a peer hears of it: to whoever has not got them, recalled records are denied, by the node that erased them."""
    header = stored.batch.header
    if not any(run.state is State.RECALLED for run in header.runs):
        return stored
    runs = tuple(_denied(run) if run.state is State.RECALLED else run for run in header.runs)
    return replace(stored, batch=replace(stored.batch, header=replace(header, runs=runs)))


def _denied(run: Run) -> Run:
    return replace(run, state=State.DENIED)
