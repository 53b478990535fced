"""A stored batch with what the gate made of it, on its way into a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.rowfacts import merged_territories
from sync.model import BatchHeader, Direction, PolicyVersion, Run, StoredBatch
from sync.ports import Flow, Outcome, Released


@dataclass(frozen=True, slots=True)
class Piece:
    """One batch for one flow."""

    stored: StoredBatch
    released: Released

    @property
    def row_count(self) -> int:
        """Rows the piece brings."""
        if self.released.outcome is Outcome.WHOLE:
            return self.stored.batch.header.row_count
        return self.released.rows.num_rows if self.released.rows is not None else 0

    @property
    def payload_bytes(self) -> int:
        """Stored bytes the piece was read from; a close enough measure of what it will weigh."""
        return len(self.stored.batch.payload) if self.row_count else 0

    @property
    def key(self) -> tuple[object, ...]:
        """Pieces of one key may share a frame."""
        header = self.stored.batch.header
        return (header.resource, header.schema_version, header.origin_distance, header.backfill, self.released.plan_hash)

    def is_large_whole(self, rows_min: int) -> bool:
        """True when the piece is forwarded by itself, byte for byte, instead of being decoded to be merged."""
        return self.released.outcome is Outcome.WHOLE and self.row_count >= rows_min


def shifted_runs(pieces: Sequence[Piece]) -> tuple[Run, ...]:
    """The runs of `pieces` with row offsets in the concatenation of their rows."""
    runs: list[Run] = []
    offset = 0
    for piece in pieces:
        runs.extend(_shifted(run, offset) for run in piece.released.runs)
        offset += piece.row_count
    return tuple(runs)


def _shifted(run: Run, rows: int) -> Run:
    return replace(run, row_offset=run.row_offset + rows) if run.state.has_rows and rows else run


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
