"""A stored batch with what the gate made of it, on its way into a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from node.rowfacts import merged_territories
from sync.model import Batch, BatchHeader, Direction, Limits, PolicyVersion, Run, StoredBatch
from sync.ports import Flow, Outcome, Released
from sync.wire.payload import concat_rows


@dataclass(frozen=True, slots=True)
class Piece:
    """One batch for one flow, or several that were decided together."""

    stored: StoredBatch
    released: Released
    rows: pa.RecordBatch | None = None
    """The rows of `stored` where they were read; None where the header alone decided."""
    joined: tuple[StoredBatch, ...] = ()
    """The batches that `stored` was joined from; empty when it is a batch of the journal."""

    @property
    def row_count(self) -> int:
        """Rows the piece brings."""
        if self.released.outcome is Outcome.WHOLE:
            return self.stored.batch.header.row_count
        return self.released.rows.num_rows if self.released.rows is not None else 0

    @property
    def payload_bytes(self) -> int:
        """Stored bytes the piece was read from; a close enough measure of what it will weigh."""
        return self.stored.batch.header.payload_bytes if self.row_count else 0

    @property
    def key(self) -> tuple[object, ...]:
        """Pieces of one key may share a frame."""
        header = self.stored.batch.header
        return (header.resource, header.schema_version, header.origin_distance, header.backfill, self.released.plan_hash)

    @property
    def inputs(self) -> tuple[bytes, ...]:
        """Digests of the manifests of the batches it was made from."""
        return tuple(stored.batch.manifest.digest for stored in self.joined or (self.stored,) if stored.batch.manifest)

    @property
    def may_forward(self) -> bool:
        """True when the stored bytes may go as they are."""
        return self.released.outcome is Outcome.WHOLE and not self.joined

    def is_large_whole(self, rows_min: int) -> bool:
        """True when the piece is forwarded by itself, byte for byte, instead of being decoded to be merged."""
        return self.may_forward and self.row_count >= rows_min


class Lot:
    """Small batches of one resource in a row, joined so that the gate decides over all their rows at once: kernels cost more than rows."""

    def __init__(self, stored: StoredBatch, rows: pa.RecordBatch) -> None:
        self._members = [stored]
        self._rows = [rows]
        self._row_count = rows.num_rows
        self._run_count = len(stored.batch.header.runs)

    def takes(self, stored: StoredBatch, rows: pa.RecordBatch, limits: Limits) -> bool:
        """True when the batch may be decided together: same kind, masked alike, and however they are cut into runs, one frame holds."""
        first, header = self._members[0].batch.header, stored.batch.header
        row_count, run_count = self._row_count + rows.num_rows, self._run_count + len(header.runs)
        return (
            _kind(first) == _kind(header)
            and row_count <= limits.batch_rows_target
            and row_count + run_count <= limits.runs_per_frame_max
            and rows.schema.equals(self._rows[0].schema, check_metadata=True)
        )

    def add(self, stored: StoredBatch, rows: pa.RecordBatch) -> None:
        """Add a batch that `takes` lets in."""
        self._members.append(stored)
        self._rows.append(rows)
        self._row_count += rows.num_rows
        self._run_count += len(stored.batch.header.runs)

    def piece(self, decide: Callable[[StoredBatch, pa.RecordBatch], Released]) -> Piece:
        """What the gate makes of all of them."""
        if len(self._members) == 1:
            return Piece(self._members[0], decide(self._members[0], self._rows[0]), self._rows[0])
        stored, rows = _joined(self._members), concat_rows(self._rows)
        return Piece(stored, decide(stored, rows), rows, tuple(self._members))


def _kind(header: BatchHeader) -> tuple[object, ...]:
    """What a plan is chosen by, and what a frame has one of."""
    return header.schema_version, header.origin_distance, header.backfill, header.direction, header.policy_version


def _joined(members: Sequence[StoredBatch]) -> StoredBatch:
    """The batches as one without a payload: only its header and runs count."""
    headers = [member.batch.header for member in members]
    runs: list[Run] = []
    offset = 0
    for header in headers:
        runs.extend(_shifted(run, offset) for run in header.runs)
        offset += header.row_count
    header = replace(
        headers[0],
        runs=tuple(runs),
        row_count=offset,
        payload_bytes=sum(header.payload_bytes for header in headers),
        event_time_min_us=min(header.event_time_min_us for header in headers),
        event_time_max_us=max(header.event_time_max_us for header in headers),
        grade_max=max(header.grade_max for header in headers),
        territories=merged_territories([header.territories for header in headers]),
    )
    return StoredBatch(members[0].lsn, Batch(header, b""), members[0].source)


def shifted_runs(pieces: Sequence[Piece]) -> tuple[Run, ...]:
    """The runs of `pieces` with row offsets in the concatenation of their rows."""
    runs: list[Run] = []
    offset = 0
    for piece in pieces:
        runs.extend(_shifted(run, offset) for run in piece.released.runs)
        offset += piece.row_count
    return tuple(runs)


def _shifted(run: Run, rows: int) -> Run:
    if not rows or run.row_offset < 0:
        return run
    offset = run.row_offset + rows
    return Run(run.origin, run.incarnation, run.first, run.last, offset, run.state, run.reason, run.decider, run.at, run.clock)


def header_of(
    piece: Piece, flow: Flow, version: PolicyVersion, *, pieces: Sequence[Piece] = (), runs: tuple[Run, ...] | None = None
) -> BatchHeader:
    """The header of a frame made of `piece` alone, or of `pieces` with `runs`; payload facts are filled in when it is sealed."""
    members = pieces or (piece,)
    headers = [member.stored.batch.header for member in members if member.row_count] or [piece.stored.batch.header]
    return replace(
        piece.stored.batch.header,
        runs=piece.released.runs if runs is None else runs,
        event_time_min_us=min(header.event_time_min_us for header in headers),
        event_time_max_us=max(header.event_time_max_us for header in headers),
        grade_max=max(member.released.grade_max for member in members),
        territories=merged_territories([header.territories for header in headers]),
        direction=Direction.RETURN if flow.direction is Direction.RETURN else Direction.UP,
        origin_distance=piece.stored.batch.header.origin_distance + 1,
        policy_version=version.digest,
        plan_hash=piece.released.plan_hash,
    )
