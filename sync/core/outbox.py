"""The sending half of a link in one direction: what was read, sent and acknowledged, lane by lane.

All positions are lsn of this node's own journal. Three of them ascend together: `mark.stored` <= `wire` <= `cursor`, where what lies
between `wire` and `cursor`
was closed here and sent nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from sync.core.lanes import LINGER_S, URGENT_LANES, LaneScheduler
from sync.core.messages import Ack, Position
from sync.core.pacing import Cap, LinkCaps
from sync.core.ready import OutboundPart, OutboundResult, PeerFacts
from sync.core.window import FRAME_S, THIN_BYTES_S, URGENT_BYTES_MIN, Sent, Window
from sync.model import (
    EMPTY_CHAIN,
    Direction,
    ForkError,
    Frame,
    Instant,
    Lane,
    LedgerEntry,
    Limits,
    Span,
    next_chain,
)
from sync.model.batch import merged_bytes
from sync.model.writes import OutMark

FRAME_OVERHEAD_BYTES = 400
"""What a frame's header, manifest and transport add to its payload, about."""
RUN_OVERHEAD_BYTES = 40


@dataclass(frozen=True, slots=True)
class InFlight:
    """A span on its way."""

    upto: int
    sent: Sent | None
    """What the window counts it by; None for frames under way in files."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """How far frames of a lane are under way by other means than a session: in files, until a receipt comes back."""

    wire: int
    """The peer's position once they have arrived."""
    cursor: int
    """How far the journal was read for them."""
    chain: bytes
    """Manifest chain at `wire`."""


@dataclass(frozen=True, slots=True)
class ByFile:
    """What is different on a link whose wire is a file."""

    limits: Limits
    """Its own bounds: nobody acknowledges while a file is written; a window of 0 bytes while one is read sends nothing."""
    under_way: Mapping[Lane, UnderWay]


@dataclass(frozen=True, slots=True)
class LinkPace:
    """What is measured of a link in the direction in which this node sends, for status."""

    rate_bytes_s: int
    """Acknowledged bytes per second; 0 before the first acknowledgement."""
    window_bytes: int
    in_flight_bytes: int
    round_trip_s: float
    """Shortest time from sending to acknowledgement; 0 before the first."""
    caps: tuple[Cap, ...]
    """The caps in force now."""


@dataclass(slots=True)
class LaneOut:
    """One lane's progress toward the peer."""

    mark: OutMark = OutMark()
    wire: int = 0
    """The peer's position once everything sent has arrived."""
    cursor: int = 0
    """How far the journal was read for the peer."""
    chain: bytes = EMPTY_CHAIN
    """Manifest chain at `wire`."""
    is_reading: bool = False
    """True while an OutboundJob of this lane is out."""
    in_flight: deque[InFlight] = field(default_factory=deque)
    heard: OutMark = OutMark()
    """What the peer acknowledged last on this link, as it said it."""
    waiting_since: Instant | None = None
    """When the oldest unread batch of the lane was seen; None when there is none."""
    waiting_bytes: int = 0
    waiting_rows: int = 0
    defer_upto: int = 0
    """Up to here only accounts go, because the lane is fresh-first and the link was down for long; 0 once they have."""

    @property
    def is_waiting(self) -> bool:
        """True when something is to be read and nobody reads it."""
        return self.waiting_since is not None and not self.is_reading

    @property
    def is_drained(self) -> bool:
        """True when the peer has acknowledged everything that was sent."""
        return not self.in_flight


class Outbox:
    """What one peer has, is being sent and has still to get, in one direction."""

    def __init__(self, peer: PeerFacts, direction: Direction, limits: Limits, window: Window, caps: LinkCaps | None = None) -> None:
        self.peer = peer
        self.direction = direction
        self.lanes = {lane: LaneOut() for lane in Lane}
        self._limits = limits
        self._window = window
        self._caps = caps or LinkCaps()
        self._scheduler = LaneScheduler()
        self.progressed_at: Instant | None = None
        """When an acknowledgement last moved a mark, or when data was first put in flight; None when nothing is."""

    def resume(self, lane: Lane, position: Position | None, mark: OutMark, own_chain: bytes | None, *, top: int, now: Instant) -> None:
        """Start a lane from the peer's position; `own_chain` is the share ledger's chain there (None when it has none).

        Raises ForkError when the peer's history is not ours.
        """
        upto, chain = (position.upto, position.chain) if position else (0, EMPTY_CHAIN)
        if upto > top:
            raise ForkError(
                f"{self.peer.node} has lane {lane.word} of this node up to {upto}, the journal here ends at {top}: it was restored or "
                f"replaced, and goes on under a new incarnation"
            )
        if upto and own_chain != chain:
            raise ForkError(
                f"the history that {self.peer.node} holds of lane {lane.word} at {upto} is not the one written here: two copies of this "
                f"node have been writing, and this one goes on under a new incarnation"
            )
        state = self.lanes[lane]
        state.wire, state.chain = upto, chain
        state.cursor = mark.stored if mark.wire == upto else upto
        state.mark = OutMark(min(mark.stored, state.cursor) if mark.wire == upto else upto, min(mark.secured, state.cursor), upto)
        if state.cursor < top:
            state.waiting_since = now
            state.waiting_bytes = self._limits.batch_bytes_target  # a backlog does not linger

    def go_behind(self, lane: Lane, under_way: UnderWay, *, top: int, now: Instant) -> None:
        """Right after `resume`: read on behind frames that are under way in files; no mark moves before their receipt does."""
        state = self.lanes[lane]
        assert under_way.wire >= state.wire, "frames under way from before the peer's position"
        state.wire, state.cursor, state.chain = under_way.wire, max(under_way.cursor, under_way.wire), under_way.chain
        state.in_flight.append(InFlight(under_way.wire, None))
        state.waiting_since = now if state.cursor < top else None

    def appended(self, lane: Lane, now: Instant, *, payload_bytes: int, rows: int) -> None:
        """A batch of `lane` was stored here."""
        state = self.lanes[lane]
        if state.waiting_since is None:
            state.waiting_since = now
        state.waiting_bytes += merged_bytes(payload_bytes, rows)
        state.waiting_rows += rows

    def pick(self, now: Instant) -> Lane | None:
        """The lane to read for next; None when nothing is due, the window is full, or a cap is used up."""
        due = [lane for lane, state in self.lanes.items() if state.is_waiting and self._is_due(lane, state, now)]
        due = [lane for lane in due if self._has_room(lane) and self._caps.opens_at(lane, now) is None]
        return self._scheduler.pick(due, now) if due else None

    def is_at_leisure(self, now: Instant) -> bool:
        """True when nothing is due or being read and little is in flight: there is room for what was put off."""
        if any(state.is_reading or self._is_due(lane, state, now) for lane, state in self.lanes.items()):
            return False
        return self._window.in_flight * 2 <= self._window.size

    def frame_bytes(self, lane: Lane, now: Instant) -> int:
        """Payload bytes the next frame of a lane should have: about half a second of the link, or of the cap in force."""
        return int(max(1.0, min(self._window.frame_bytes, self._caps.frame_bytes(lane, now, seconds=FRAME_S))))

    def is_thin(self, lane: Lane, now: Instant) -> bool:
        """True when bytes of a lane are dearer than work, for the link as measured or for the cap in force."""
        return self._window.is_thin or self._caps.frame_bytes(lane, now, seconds=1.0) < THIN_BYTES_S

    def wake_at(self, now: Instant) -> Instant | None:
        """When a lingering or capped lane falls due, or when missing progress must be noticed; None when nothing waits.

        A lane that is due already waits for an acknowledgement or for a job, and those come as inputs.
        """
        moments = [self._due_at(lane, state, now) for lane, state in self.lanes.items() if state.is_waiting and self._has_room(lane)]
        later = [moment for moment in moments if moment is not None and moment > now]
        deadline = self._progress_deadline()
        return min(later if deadline is None else [*later, deadline], default=None)

    def pace(self, now: Instant) -> LinkPace:
        """How fast the link is, and what holds it back."""
        window, caps = self._window, self._caps.in_force(now)
        return LinkPace(round(window.rate_bytes_s), window.size, window.in_flight, window.base_s, tuple(caps))

    def started(self, lane: Lane) -> None:
        """A job for `lane` was handed out."""
        state = self.lanes[lane]
        state.is_reading, state.waiting_since, state.waiting_bytes, state.waiting_rows = True, None, 0, 0

    def abandoned(self, lane: Lane, now: Instant) -> None:
        """The job's result was of a stale policy version: read again."""
        state = self.lanes[lane]
        state.is_reading, state.waiting_since, state.waiting_bytes = False, now, self._limits.batch_bytes_target

    def gated(self, lane: Lane, outcome: OutboundResult, *, top: int, now: Instant) -> tuple[list[LedgerEntry], list[Frame]]:
        """Enter a job's result: the ledger rows to write, and the frames to send after that commit."""
        state = self.lanes[lane]
        state.is_reading = False
        assert outcome.span.after == state.cursor, "an outbound result that does not continue the lane"
        closed = [part for part in outcome.parts if part.closed]
        wired = [part for part in outcome.parts if not part.closed]
        entries = [self._closed_entry(lane, outcome.span, part, state.chain) for part in closed]
        frames = self._frames(lane, state, outcome.span, wired, entries)
        state.cursor = outcome.span.upto
        if state.cursor < top:
            state.waiting_since, state.waiting_bytes = now, self._limits.batch_bytes_target
        if frames:
            self._put_in_flight(lane, state, frames, now)
        elif state.is_drained:
            state.mark = self._settled_mark(state, state.mark.secured)
        return entries, frames

    def acked(self, ack: Ack, now: Instant) -> OutMark | None:
        """Enter an acknowledgement; the new mark when it moved, else None."""
        state = self.lanes[ack.lane]
        if ack.stored < state.heard.stored or ack.secured < state.heard.secured:
            return None  # on one link a peer's marks only rise: an old acknowledgement came again
        state.heard = OutMark(ack.stored, ack.secured)
        progressed = False
        while state.in_flight and state.in_flight[0].upto <= ack.stored:
            if (sent := state.in_flight.popleft().sent) is not None:
                self._window.acked(sent, now)
            progressed = True
        if progressed:
            self.progressed_at = now if any(not other.is_drained for other in self.lanes.values()) else None
        stored = min(ack.stored, state.wire)
        mark = self._settled_mark(state, ack.secured) if state.is_drained else OutMark(stored, min(ack.secured, stored), stored)
        if mark == state.mark:
            return None
        state.mark = mark
        return mark

    def is_stalled(self, now: Instant) -> bool:
        """True when data is in flight and nothing was acknowledged for the limit's time, and what its largest span takes on this link."""
        deadline = self._progress_deadline()
        return deadline is not None and now >= deadline

    def _is_due(self, lane: Lane, state: LaneOut, now: Instant) -> bool:
        if state.waiting_since is None:
            return False
        is_full = state.waiting_bytes >= self._window.frame_bytes or state.waiting_rows >= self._limits.batch_rows_target
        return is_full or now.seconds_since(state.waiting_since) >= LINGER_S[lane]

    def _due_at(self, lane: Lane, state: LaneOut, now: Instant) -> Instant | None:
        if state.waiting_since is None:
            return None
        due = now if self._is_due(lane, state, now) else state.waiting_since.plus(LINGER_S[lane])
        return max(due, self._caps.opens_at(lane, now) or due)

    def _has_room(self, lane: Lane) -> bool:
        if lane in URGENT_LANES and self._urgent_in_flight() < URGENT_BYTES_MIN:
            return True  # a link that became thin may hold one large frame of bulk for long: alarms have a connection of their own
        # What jobs are reading will be in flight soon: it is counted as what they were asked for.
        reading = sum(state.is_reading for state in self.lanes.values())
        return self._window.has_room(urgent=lane in URGENT_LANES, reserved=reading * self._window.frame_bytes)

    def _urgent_in_flight(self) -> int:
        spans = [span.sent for lane in URGENT_LANES for span in self.lanes[lane].in_flight]
        return sum(sent.frame_bytes for sent in spans if sent is not None)

    def _progress_deadline(self) -> Instant | None:
        if self.progressed_at is None:
            return None
        heads = [state.in_flight[0].sent for state in self.lanes.values() if state.in_flight]
        span_bytes = max((sent.frame_bytes for sent in heads if sent is not None), default=0)
        return self.progressed_at.plus(self._limits.progress_timeout_s + self._window.allowance_s(span_bytes))

    def _settled_mark(self, state: LaneOut, secured: int) -> OutMark:
        # With nothing in flight, all up to the cursor is stored there or closed here; it is secured as soon as what was sent is.
        return OutMark(state.cursor, state.cursor if secured >= state.wire else secured, state.wire)

    def _closed_entry(self, lane: Lane, span: Span, part: OutboundPart, chain: bytes) -> LedgerEntry:
        return _entry(self.peer.node, self.direction, lane, span, 0, 0, part, chain)

    def _frames(self, lane: Lane, state: LaneOut, span: Span, parts: list[OutboundPart], entries: list[LedgerEntry]) -> list[Frame]:
        if not parts:
            return []
        wire_span = Span(state.wire, span.upto)
        frames: list[Frame] = []
        for index, part in enumerate(parts):
            assert part.batch.manifest is not None, "a frame without a manifest"
            state.chain = next_chain(state.chain, part.batch.manifest.digest)
            entries.append(_entry(self.peer.node, self.direction, lane, wire_span, index, len(parts), part, state.chain))
            frames.append(Frame(lane, self.direction, wire_span, index, len(parts), part.batch))
        state.wire = span.upto
        return frames

    def _put_in_flight(self, lane: Lane, state: LaneOut, frames: list[Frame], now: Instant) -> None:
        frame_bytes = sum(wire_bytes(frame) for frame in frames)
        state.in_flight.append(InFlight(frames[0].span.upto, self._window.sent(frame_bytes, now)))
        self._scheduler.sent(lane, frame_bytes)
        self._caps.sent(lane, frame_bytes, now)
        if self.progressed_at is None:
            self.progressed_at = now


def wire_bytes(frame: Frame) -> int:
    """About what a frame weighs on the wire: its payload, its signed header and its runs."""
    return len(frame.batch.payload) + FRAME_OVERHEAD_BYTES + len(frame.batch.header.runs) * RUN_OVERHEAD_BYTES


def _entry(
    peer: str, direction: Direction, lane: Lane, span: Span, part: int, parts: int, piece: OutboundPart, chain: bytes
) -> LedgerEntry:
    header, manifest = piece.batch.header, piece.batch.manifest
    return LedgerEntry(
        peer=peer,
        direction=direction,
        lane=lane,
        span=span,
        part=part,
        parts=parts,
        resource=header.resource,
        runs=header.runs,
        plan_hash=header.plan_hash,
        policy_version=header.policy_version,
        payload_sha256=header.payload_sha256,
        manifest_digest=manifest.digest if manifest and not piece.closed else b"",
        chain=chain,
        closed=piece.closed,
        row_sums=piece.row_sums,
    )


def positions_by_lane(positions: tuple[Position, ...], direction: Direction) -> Mapping[Lane, Position]:
    """The positions of one direction by lane."""
    return {position.lane: position for position in positions if position.direction is direction}
