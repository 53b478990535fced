"""Row hashes of a batch by number, and their sums by bucket.

Called by node/engine/pipeline.py for the rows of a part that a plan rewrote, and by node/equality/views.py for rows in the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from node.equality.rowhash import Hashes, numbered, row_hashes, seed_of
from sync.core.equality import pack_sums, sent_pieces
from sync.model import Lane, Run, State, Stream

Numbers = npt.NDArray[np.int64]


def stream_seed(stream: Stream) -> int:
    """What the hash of a row takes from its stream."""
    return seed_of("stream", stream.origin, f"{stream.incarnation:x}", stream.lane.word, stream.resource)


@dataclass(frozen=True, slots=True)
class HashedRows:
    """The rows of some runs of one payload, in the order of the runs."""

    runs: tuple[Run, ...]
    """Runs whose records are in the payload."""
    starts: Numbers
    """Place of each run's first row in `hashes`; one more entry behind the last."""
    numbers: Numbers
    hashes: Hashes


def hashed_rows(rows: pa.RecordBatch, runs: Sequence[Run], lane: Lane, resource: str) -> HashedRows:
    """The hash of every row of `runs`, each with its number and stream mixed in."""
    present = tuple(run for run in runs if run.state is State.PRESENT)
    counts = np.array([run.count for run in present], np.int64)
    starts = np.concatenate(([0], np.cumsum(counts)))
    steps = np.arange(starts[-1], dtype=np.int64)
    numbers = np.repeat(np.array([run.first for run in present], np.int64) - starts[:-1], counts) + steps
    shifts = np.array([run.row_offset for run in present], np.int64) - starts[:-1]
    hashes = row_hashes(rows)
    if len(hashes) != starts[-1] or shifts.any():
        hashes = hashes.take(np.repeat(shifts, counts) + steps)
    return HashedRows(present, starts, numbers, numbered(hashes, numbers, _seeds_by_row(present, counts, lane, resource)))


def _seeds_by_row(runs: Sequence[Run], counts: Numbers, lane: Lane, resource: str) -> Hashes:
    seeds = np.array(_stream_seeds(runs, lane, resource), np.uint64)
    return np.repeat(seeds, counts) if len({*seeds.tolist()}) > 1 else seeds[:1]


def _stream_seeds(runs: Sequence[Run], lane: Lane, resource: str) -> list[int]:
    """One seed for each run; a batch has thousands of runs of a few streams."""
    known = {(run.origin, run.incarnation): run for run in runs}
    seeds = {key: stream_seed(run.stream(lane, resource)) for key, run in known.items()}
    return [seeds[run.origin, run.incarnation] for run in runs]


def total(hashes: Hashes) -> int:
    """The sum of hashes modulo 2^64."""
    return int(np.add.reduce(hashes, dtype=np.uint64))


def part_sums(rows: pa.RecordBatch, runs: Sequence[Run], lane: Lane, resource: str) -> bytes:
    """The row sums of a part as LedgerEntry.row_sums: one for each piece of `sent_pieces`."""
    hashed = hashed_rows(rows, runs, lane, resource)
    begins: list[int] = []
    place = 0
    for _, first, last in sent_pieces(runs):
        begins.append(place)
        place += last - first + 1
    if not begins:
        return b""
    return pack_sums(np.add.reduceat(hashed.hashes, np.array(begins, np.int64)).tolist())
