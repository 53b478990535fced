"""A stored batch with what the gate made of it, on its way into a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import pyarrow as pa

from node.engine.rowfacts import merged_territories
from policies.columns import highest_grade
from sync.model import Batch, BatchHeader, Direction, Limits, PolicyVersion, Run, StoredBatch
from sync.ports import Flow, Outcome, Released
from sync.wire.payload import layout_of, unfold_together


class GroupKey(NamedTuple):
    """What pieces must have in common to share a frame."""

    resource: str
    schema_version: int
    origin_distance: int
    backfill: bool
    plan_hash: bytes

    def may_share_streams(self, other: GroupKey) -> bool:
        """True when records of one stream, whose order counts, may be under both keys."""
        same_kind = (self.resource, self.origin_distance) == (other.resource, other.origin_distance)
        return same_kind and not (self.backfill or other.backfill)


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
    def key(self) -> GroupKey:
        """Pieces of one key may share a frame."""
        header = self.stored.batch.header
        return GroupKey(header.resource, header.schema_version, header.origin_distance, header.backfill, self.released.plan_hash)

    @property
    def members(self) -> tuple[StoredBatch, ...]:
        """The batches of the journal that it was made from."""
        return self.joined or (self.stored,)

    @property
    def inputs(self) -> tuple[bytes, ...]:
        """Digests of the manifests of the batches it was made from."""
        return tuple(stored.batch.manifest.digest for stored in self.members if stored.batch.manifest)

    @property
    def may_forward(self) -> bool:
        """True when the stored bytes may go as they are."""
        return self.released.outcome is Outcome.WHOLE and not self.joined

    def is_large_whole(self, rows_min: int) -> bool:
        """True when the piece is forwarded by itself, byte for byte, instead of being decoded to be merged."""
        return self.may_forward and self.row_count >= rows_min


class Lot:
    """Batches of one resource in a row, joined so that the gate decides over all their rows at once: kernels cost more than rows."""

    def __init__(self, stored: StoredBatch) -> None:
        self._members = [stored]
        self._row_count = stored.batch.header.row_count
        self._run_count = len(stored.batch.header.runs)
        self._kind = _kind(stored.batch)

    def takes(self, stored: StoredBatch, limits: Limits) -> bool:
        """True when the batch may be decided together: same kind, masked alike, and however they are cut into runs, one frame holds."""
        header = stored.batch.header
        row_count, run_count = self._row_count + header.row_count, self._run_count + len(header.runs)
        return (
            row_count <= limits.batch_rows_target
            and row_count + run_count <= limits.runs_per_frame_max
            and self._kind == _kind(stored.batch)
            and not repeats(self._members, stored)
        )

    def add(self, stored: StoredBatch) -> None:
        """Add a batch that `takes` lets in."""
        self._members.append(stored)
        self._row_count += stored.batch.header.row_count
        self._run_count += len(stored.batch.header.runs)

    def pieces(self, decide: Callable[[StoredBatch, pa.RecordBatch], Released], *, rows_large: int) -> Sequence[Piece]:
        """What the gate makes of all of them: one piece, or one for each where batches of `rows_large` rows may go as they are."""
        members = self._members
        rows = unfold_together([member.batch.payload for member in members])
        if len(members) == 1:
            return [Piece(members[0], decide(members[0], rows), rows)]
        stored = _joined(members)
        released = decide(stored, rows)
        if released.outcome is Outcome.WHOLE and any(member.batch.header.row_count >= rows_large for member in members):
            return list(_apart(members, released, rows))
        return [Piece(stored, released, rows, tuple(members))]


def repeats(members: Sequence[StoredBatch], newcomer: StoredBatch) -> bool:
    """True when one frame cannot name the records of both: one stands in both, or, where order counts, one of `newcomer` comes too late.

    Only a backfill, or a batch with duplicates, can hold what another batch of the journal holds, or what lies below it: a node that was
    restored brings its oldest records once more, together with those of its next life.
    """
    if not (newcomer.duplicates or newcomer.batch.header.backfill):
        return False
    known: dict[tuple[str, int], list[Run]] = {}
    for run in (run for member in members for run in member.batch.header.runs):
        known.setdefault((run.origin, run.incarnation), []).append(run)
    is_in_order = not newcomer.batch.header.backfill
    return any(
        run.first <= other.last and (is_in_order or other.first <= run.last)
        for run in newcomer.batch.header.runs
        for other in known.get((run.origin, run.incarnation), ())
    )


def _apart(members: Sequence[StoredBatch], released: Released, rows: pa.RecordBatch) -> Iterator[Piece]:
    """The members of a lot that was left whole, each by itself."""
    start = 0
    for member in members:
        header = member.batch.header
        own = rows.slice(start, header.row_count)
        yield Piece(member, released.part(header.runs, grade_max=highest_grade(own)), own)
        start += header.row_count


def _kind(batch: Batch) -> tuple[object, ...]:
    """What a plan is chosen by, what a frame has one of, and how the rows are laid out and masked."""
    header = batch.header
    return (
        header.schema_version, header.origin_distance, header.backfill, header.direction, header.policy_version, layout_of(batch.payload)
    )  # fmt: skip


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
