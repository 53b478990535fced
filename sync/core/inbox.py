"""The receiving half of a link in one direction: which frame must come next, and how far the peer's journal is stored here."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from sync.core.messages import Ack
from sync.core.ready import PeerFacts
from sync.model import NO_ROWS, BatchHeader, Direction, Frame, Lane, Run, State, next_chain
from sync.model.writes import InPosition

NO_PAYLOAD_SHA256 = hashlib.sha256(b"").digest()
"""Payload hash of a batch without rows."""

REFUSED_REASON = "refused-at-receiver"
"""Reason class of records whose batch the receiver refused whole."""


class Arrival(Enum):
    """How a frame relates to what is stored."""

    NEXT = "next"
    OLD = "old"
    """Stored already: acknowledge again."""
    GAP = "gap"
    """Something between is missing: the link must start again."""


@dataclass(slots=True)
class LaneIn:
    """One lane's progress from the peer."""

    position: InPosition = InPosition()
    expected_after: int = 0
    """Start of the span that must come next, or that is coming."""
    expected_part: int = 0
    chain: bytes = b""
    """Manifest chain including the parts of an unfinished span."""
    secured: int = 0
    unsecured: deque[tuple[int, int]] = field(default_factory=deque)
    """(peer's position, own lsn that must reach the own parent first), ascending."""


class Inbox:
    """What this node has of one peer's journal, in one direction."""

    def __init__(self, peer: PeerFacts, direction: Direction, positions: Mapping[Lane, InPosition]) -> None:
        self.peer = peer
        self.direction = direction
        self.lanes: dict[Lane, LaneIn] = {}
        for lane in Lane:
            position = positions.get(lane, InPosition())
            self.lanes[lane] = LaneIn(position, position.upto, 0, position.chain)

    def arrival(self, frame: Frame) -> Arrival:
        """Classify a frame and, when it is the next one, expect its successor."""
        state = self.lanes[frame.lane]
        if frame.span.upto <= state.position.upto:
            return Arrival.OLD
        if frame.span.after != state.expected_after or frame.part != state.expected_part:
            return Arrival.GAP
        state.expected_after = frame.span.upto if frame.is_last else frame.span.after
        state.expected_part = 0 if frame.is_last else frame.part + 1
        return Arrival.NEXT

    def stored(self, frame: Frame) -> InPosition | None:
        """Enter a frame that is being committed (or was refused); the new position when its span is complete."""
        state = self.lanes[frame.lane]
        assert frame.batch.manifest is not None, "a stored frame without a manifest"
        state.chain = next_chain(state.chain, frame.batch.manifest.digest)
        if not frame.is_last:
            return None
        state.position = InPosition(frame.span.upto, state.chain)
        return state.position

    def await_secured(self, lane: Lane, own_lsn: int) -> None:
        """The lane's present position becomes secured when the own parent has stored `own_lsn`."""
        state = self.lanes[lane]
        state.unsecured.append((state.position.upto, own_lsn))

    def secure(self, lane: Lane, own_stored: int) -> bool:
        """The own parent has stored up to `own_stored`; True when the lane's secured position moved."""
        state = self.lanes[lane]
        moved = False
        while state.unsecured and state.unsecured[0][1] <= own_stored:
            state.secured = state.unsecured.popleft()[0]
            moved = True
        return moved

    def ack(self, lane: Lane) -> Ack:
        """The two marks of a lane as they stand."""
        state = self.lanes[lane]
        return Ack(self.direction, lane, state.position.upto, min(state.secured, state.position.upto))


def refused_header(header: BatchHeader, *, decider: str, state: State) -> BatchHeader:
    """The account of a refused batch: no payload, every record it held withheld in `state` by `decider`."""

    def withheld(run: Run) -> Run:
        if not run.state.has_rows:
            return run
        return replace(run, row_offset=NO_ROWS, state=state, reason=REFUSED_REASON, decider=decider)

    runs = tuple(withheld(run) for run in header.runs)
    return empty_header(header, runs)


def empty_header(header: BatchHeader, runs: tuple[Run, ...]) -> BatchHeader:
    """`header` with other runs and no rows: an account without a payload."""
    return replace(
        header,
        runs=runs,
        row_count=0,
        payload_sha256=NO_PAYLOAD_SHA256,
        payload_bytes=0,
        decoded_bytes=0,
        grade_max=0,
        territories=(),
        event_time_min_us=0,
        event_time_max_us=0,
    )
