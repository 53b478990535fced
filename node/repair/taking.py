"""A damaged own batch rebuilt from a frame that this node made of it and a neighbour kept.

A frame of another packing (joined with other batches, or compressed harder for a thin link) has another hash than the batch, but the share
ledger has that hash: bytes that match it are what this node sent, and where the plan had left the rows whole they are the very rows.
Refuses frames with rewritten rows, and those that do not hold every row of the batch. Called by asking.py.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sync.model import Run, State, StoredBatch
from sync.wire.payload import decoded_size, encode_payload, unfold_payload

FRAMES_MAX = 16
"""Frames of one batch that neighbours are asked for."""

_FRAMES = """
    SELECT l.id, l.peer, l.payload_sha256 FROM ledger l LEFT JOIN ledger_sum s ON s.ledger_id = l.id
    WHERE l.lane = ? AND l.resource = ? AND l.closed = 0 AND l.span_after < ? AND l.span_upto >= ? AND s.ledger_id IS NULL
        AND l.id >= (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'row_sums_from')
    ORDER BY l.id DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class SentFrame:
    """A frame with whole rows that left for a neighbour."""

    peer: str
    payload_sha256: bytes
    runs: tuple[Run, ...]
    """Runs whose rows are in it, with their places."""


def frames_with(connection: sqlite3.Connection, stored: StoredBatch) -> list[SentFrame]:
    """The frames that hold every row of a batch, newest first."""
    header = stored.batch.header
    rows = connection.execute(_FRAMES, (int(header.lane), header.resource, stored.lsn, stored.lsn, FRAMES_MAX)).fetchall()
    frames = [SentFrame(peer, digest, _runs(connection, ledger_id)) for ledger_id, peer, digest in rows]
    return [frame for frame in frames if _places(stored, frame.runs) is not None]


def _runs(connection: sqlite3.Connection, ledger_id: int) -> tuple[Run, ...]:
    rows = connection.execute(
        "SELECT origin, incarnation, first_seq, last_seq FROM ledger_run WHERE ledger_id = ? AND state = ? ORDER BY idx",
        (ledger_id, int(State.PRESENT)),
    )
    runs: list[Run] = []
    place = 0
    for origin, incarnation, first, last in rows:
        runs.append(Run(origin, incarnation, first, last, place))
        place += last - first + 1
    return tuple(runs)


def _places(stored: StoredBatch, sent: Sequence[Run]) -> npt.NDArray[np.int64] | None:
    """Where each row of the batch is in the frame, in the batch's order; None when one is not there."""
    parts: list[npt.NDArray[np.int64]] = []
    own = sorted((run for run in stored.batch.header.runs if run.state.has_rows), key=lambda run: run.row_offset)
    for run in own:
        holder = next((entry for entry in sent if _is_inside(run, entry)), None)
        if holder is None:
            return None
        start = holder.row_offset + run.first - holder.first
        parts.append(np.arange(start, start + run.count))
    return np.concatenate(parts) if parts else None


def _is_inside(run: Run, holder: Run) -> bool:
    is_same = (run.origin, run.incarnation) == (holder.origin, holder.incarnation)
    return is_same and holder.first <= run.first and run.last <= holder.last


def rebuilt(stored: StoredBatch, frame: SentFrame, payload: bytes) -> StoredBatch | None:
    """The batch with its rows out of the bytes of `frame`, packed anew; None when they are other bytes. Raises WireError."""
    places = _places(stored, frame.runs)
    if places is None or hashlib.sha256(payload).digest() != frame.payload_sha256:
        return None
    rows = unfold_payload(payload)
    if rows.num_rows != sum(run.count for run in frame.runs):
        return None
    packed = encode_payload(rows.take(places), compression="lz4")
    header = replace(
        stored.batch.header,
        payload_sha256=hashlib.sha256(packed).digest(),
        payload_bytes=len(packed),
        decoded_bytes=decoded_size(packed),
    )
    # The manifests spoke of the bytes that are gone.
    return replace(stored, batch=replace(stored.batch, header=header, payload=packed, manifest=None, origin_manifest=None))
