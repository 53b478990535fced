"""What a forked node does not send a second time: records that a peer has by the numbers they had before the fork.

They leave the batch. A parent gets their account under the new numbers, in the state HANDED_OVER, as from a node with a new parent; for a
child, which is told nothing of records without rows, they are closed in this node's books. Called by node/engine/pipeline.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from node.engine.pieces import Piece
from node.engine.rowfacts import sealed_header
from sync.core.inbox import empty_header
from sync.model import Batch, BatchHeader, Direction, Run, RunMap, Segment, State, StoredBatch, Stream, split_runs
from sync.ports import Flow, Gate, Outcome, Released
from sync.wire.payload import encode_payload, unfold_payload

KNOWN_BEFORE_REASON = "known-before"
"""Reason class of records that a peer has by their numbers from before a fork."""


def without_known(found: Sequence[StoredBatch], known: Mapping[Stream, RunMap], *, node: str) -> Sequence[StoredBatch]:
    """`found` without the rows of the records in `known`; `node` is the one that decides. Raises WireError for a damaged payload."""
    return [_without(stored, known, node) if _touches(stored.batch.header, known) else stored for stored in found] if known else found


def closed_below(spared: Sequence[StoredBatch], flow: Flow, gate: Gate) -> list[Piece]:
    """What closes in the own books the records that `without_known` took out of a return; nothing on the way up."""
    if flow.direction is Direction.UP:
        return []
    pieces = []
    for stored in spared:
        runs = tuple(run for run in stored.batch.header.runs if run.reason == KNOWN_BEFORE_REASON)
        if runs:
            pieces.append(Piece(stored, Released(Outcome.CLOSED, runs, None, gate.plan_hash(flow, stored.batch.header))))
    return pieces


def _touches(header: BatchHeader, known: Mapping[Stream, RunMap]) -> bool:
    return any(_is_known(segment) for run in header.runs if run.state.has_rows for segment in _segments(run, header, known))


def _without(stored: StoredBatch, known: Mapping[Stream, RunMap], node: str) -> StoredBatch:
    header = stored.batch.header
    owned = sorted((run for run in header.runs if run.state.has_rows), key=lambda run: run.row_offset)
    segments = [segment for run in owned for segment in _segments(run, header, known)]
    runs = split_runs(header.runs, segments, decider=node)
    if stored.freed:
        return replace(stored, batch=replace(stored.batch, header=replace(header, runs=runs)))
    stays = np.concatenate([np.full(segment.stop - segment.start, not _is_known(segment)) for segment in segments])
    rows = unfold_payload(stored.batch.payload).filter(pa.array(stays))
    # No manifest speaks for what is left, so none goes along.
    if not rows.num_rows:
        return replace(stored, batch=Batch(empty_header(header, runs), b""))
    payload = encode_payload(rows, compression="lz4")
    return replace(stored, batch=Batch(sealed_header(replace(header, runs=runs), rows, payload), payload))


def _segments(run: Run, header: BatchHeader, known: Mapping[Stream, RunMap]) -> Iterator[Segment]:
    """The rows of a run, divided where the peer has some of its records."""
    run_map = known.get(run.stream(header.lane, header.resource)) or RunMap()
    for piece in run_map.pieces(run.first, run.last):
        start = run.row_offset + piece.first - run.first
        stop = start + piece.last - piece.first + 1
        if piece.state is State.PRESENT:
            yield Segment(start, stop, State.HANDED_OVER, KNOWN_BEFORE_REASON)
        else:
            yield Segment(start, stop)


def _is_known(segment: Segment) -> bool:
    return segment.state is not State.PRESENT
