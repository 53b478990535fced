"""What would cross a hop under bundle B and does not under A: both gates over the records a journal really holds.

Owns the comparison, row by row and cell by cell. Refuses to guess: records without rows (freed, withheld on the way here) are counted
apart. Reads the journal without taking it from a running node. Called by what_if_verb.py.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from node.store.queries import batches_at, lsns_within, resource_weights
from node.store.readers import Readers
from node.store.schema import DEFAULT_TUNING
from policies.arrow import Column, call, plain, to_flags
from policies.gate import CompiledGate
from sync.model import NO_ROWS, Run, Span, State, StoredBatch
from sync.ports import Flow, Outcome, Released
from sync.wire.payload import unfold_payload

READ_BATCHES = 256
READ_BYTES_MAX = 32 << 20
"""Journal rows and payload bytes taken at once."""

Cells = npt.NDArray[np.int8]
"""One number per row: how much of a cell crosses."""

WITHHELD, MASKED, CLEAR = 0, 1, 2


@dataclass(slots=True)
class Change:
    """A number of rows or cells under A and under B."""

    under_a: int = 0
    under_b: int = 0
    gained: int = 0
    """Would cross, or cross more openly, under B only."""
    lost: int = 0

    def add(self, before: Cells, after: Cells) -> None:
        """Count one column of one batch."""
        self.under_a += int(np.count_nonzero(before))
        self.under_b += int(np.count_nonzero(after))
        self.gained += int(np.count_nonzero(after > before))
        self.lost += int(np.count_nonzero(after < before))


@dataclass(slots=True)
class ResourceChange:
    """What the two policies make of one resource."""

    resource: str
    rows: Change = field(default_factory=Change)
    columns: dict[str, Change] = field(default_factory=dict)
    unseen: int = 0
    """Records whose rows are not here to be judged."""

    @property
    def is_looser(self) -> bool:
        """True when anything would cross under B that does not under A."""
        return self.rows.gained > 0 or any(change.gained for change in self.columns.values())


def stored_batches(journal: Path, resources: Iterable[str]) -> Iterator[StoredBatch]:
    """Every batch of the resources that still has its payload, ascending within each resource. Raises JournalError, JournalCorrupt."""
    readers = Readers(journal, DEFAULT_TUNING)
    try:
        for resource in resources:
            after = 0
            while found := _next(readers, resource, after):
                yield from found
                after = found[-1].lsn
    finally:
        readers.close()


def _next(readers: Readers, resource: str, after: int) -> list[StoredBatch]:
    with readers.snapshot(f"read of {resource}") as connection:
        weights = resource_weights(connection, resource, Span(after, (1 << 63) - 1), READ_BATCHES)
        return batches_at(connection, lsns_within(weights, READ_BYTES_MAX))


def compare(batches: Iterable[StoredBatch], a: CompiledGate, b: CompiledGate, flow: Flow) -> dict[str, ResourceChange]:
    """What crosses `flow` under each gate, by resource."""
    changes: dict[str, ResourceChange] = {}
    for stored in batches:
        header = stored.batch.header
        change = changes.setdefault(header.resource, ResourceChange(header.resource))
        change.unseen += header.rows_withheld
        if header.row_count:
            rows = unfold_payload(stored.batch.payload)
            _enter(change, rows, crossing(a, flow, stored, rows), crossing(b, flow, stored, rows))
    return changes


def _enter(change: ResourceChange, rows: pa.RecordBatch, before: dict[str, Cells], after: dict[str, Cells]) -> None:
    for name in rows.schema.names:
        change.columns.setdefault(name, Change()).add(before[name], after[name])
    # A row crosses when any cell of it does: its territory and its time are never masked away whole.
    change.rows.add(_any(before, rows.num_rows), _any(after, rows.num_rows))


def _any(cells: dict[str, Cells], rows: int) -> Cells:
    crossed = np.zeros(rows, np.int8)
    for column in cells.values():
        np.maximum(crossed, (column > WITHHELD).astype(np.int8), out=crossed)
    return crossed


def crossing(gate: CompiledGate, flow: Flow, stored: StoredBatch, rows: pa.RecordBatch) -> dict[str, Cells]:
    """How much of each cell the gate lets pass, by column; an absent value crosses as it is where its row does."""
    outcome = gate.glance(flow, stored.batch.header)
    released = None if outcome in (Outcome.CLOSED, Outcome.ELSEWHERE) else gate.release(flow, stored, rows)
    if released is None or released.outcome in (Outcome.CLOSED, Outcome.ELSEWHERE):
        return {name: np.zeros(rows.num_rows, np.int8) for name in rows.schema.names}
    if released.outcome is Outcome.WHOLE:
        return {name: np.full(rows.num_rows, CLEAR, np.int8) for name in rows.schema.names}
    kept = kept_rows(stored, released, rows.num_rows)
    assert released.rows is not None, "a rewritten batch without rows"
    return {name: _cells(rows.column(name), released.rows.column(name), kept) for name in rows.schema.names}


def kept_rows(stored: StoredBatch, released: Released, count: int) -> npt.NDArray[np.bool_]:
    """True for each row of the stored payload that the released one holds; rows keep their order."""
    kept = np.zeros(count, np.bool_)
    whole = sorted((run for run in stored.batch.header.runs if run.row_offset != NO_ROWS), key=_place)
    for run in released.runs:
        if run.state is State.PRESENT:
            source = whole[bisect_right(whole, _place(run), key=_place) - 1]
            start = source.row_offset + run.first - source.first
            kept[start : start + run.count] = True
    return kept


def _place(run: Run) -> tuple[str, int, int]:
    return run.origin, run.incarnation, run.first


def _cells(original: Column, released: Column, kept: npt.NDArray[np.bool_]) -> Cells:
    before, after = plain(original.filter(pa.array(kept))), plain(released)
    absent, gone = to_flags(before.is_null()), to_flags(after.is_null())
    same = to_flags(call("fill_null", call("equal", before, after), False)) | (absent & gone)
    cells = np.zeros(len(original), np.int8)
    cells[kept] = np.where(same, CLEAR, np.where(gone, WITHHELD, MASKED)).astype(np.int8)
    return cells
