"""Batches cut by their rows: without those that were recalled, or with nothing but those that are asked for. Pure.

Nobody vouches for such a batch any more: the manifests spoke of other bytes. Called by tombs.py and regain_giving.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from node.engine.rowfacts import sealed_header
from policies.columns import compacted
from policies.words import Reason
from sync.core.inbox import empty_header
from sync.model import Batch, Run, Segment, State, split_runs
from sync.wire.payload import encode_payload

Flags = npt.NDArray[np.bool_]


def without(batch: Batch, rows: pa.RecordBatch, gone: Flags, *, decider: str) -> Batch:
    """`batch` without the rows flagged in `gone`: their numbers are accounted for as denied by `decider`.

    Denied moves no number that is present or recalled, so the account harms nobody's books.
    """
    runs = split_runs(batch.header.runs, _segments(gone), decider=decider)
    return _with(batch, runs, rows.filter(pa.array(~gone)))


def only(batch: Batch, rows: pa.RecordBatch, chosen: Flags) -> Batch:
    """A batch of the rows flagged in `chosen` and of nothing else: no other number is spoken of."""
    runs = split_runs(batch.header.runs, _segments(~chosen), decider="")
    return _with(batch, tuple(run for run in runs if run.state.has_rows), rows.filter(pa.array(chosen)))


def _with(batch: Batch, runs: tuple[Run, ...], rows: pa.RecordBatch) -> Batch:
    if not rows.num_rows:
        return Batch(empty_header(batch.header, runs), b"")
    kept = compacted(rows)
    payload = encode_payload(kept, compression="lz4")
    return Batch(sealed_header(replace(batch.header, runs=runs), kept, payload), payload)


def _segments(gone: Flags) -> list[Segment]:
    """The rows as stretches; those that go are denied."""
    edges = (np.flatnonzero(gone[1:] != gone[:-1]) + 1).tolist()
    starts = [0, *edges]
    meaning = {True: (State.DENIED, Reason.NEGATIVE_LIST.word), False: (State.PRESENT, "")}
    parts = zip(starts, [*edges, len(gone)], gone[starts].tolist(), strict=True)
    return [Segment(start, stop, *meaning[is_gone]) for start, stop, is_gone in parts]
