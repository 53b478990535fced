"""The engine's receiving room: which frame may be stored, in which order, and what is acknowledged.

Owns: the link's inbox and the frames under verification. Refuses: frames of the wrong direction, in this node's own name, out of turn.
Called by the engine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sync.core.bearers import BY_WAY_OF, NO_ORDER, LifeKey
from sync.core.desk import Desk
from sync.core.inbox import Arrival, refused_header
from sync.core.link import Link, Verifying
from sync.core.messages import InForce, Refused
from sync.core.poison import POISON_TRIES, Poison
from sync.core.ready import Arrived, FrameRefused, InboundJob, InboundResult
from sync.core.reprieves import OVER_MAX
from sync.model import BatchHeader, Direction, Frame, Instant, Lane, PolicyVersion, State
from sync.model.writes import AppendRefusal, SetBearer, SetInPosition

DOUBT_S = 10.0
"""How long a frame waits whose nodes are known to stand elsewhere; five heartbeats, half the time after which a sender gives a link up."""

SPAN_PARTS_MAX = 64
SPAN_BYTES_MAX = 8 << 20
"""Parts of a span, and bytes of their payloads, that wait for its last part. A sender of ours reads a quarter of that for a span; larger it
is only with one large batch, and then it has one part."""

UNREAD_JOB = 0
"""Stands for the job of a frame that none is started for; jobs count from 1."""


class Receiving:
    """What arrives from every peer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._poison = Poison()

    def frame(self, link: Link, frame: Frame, *, unreadable: str = "") -> None:
        """A frame came in: verify it when it is the next one. One that this program cannot read is refused in its turn."""
        peer = link.peer.node
        if frame.direction is not link.in_direction:
            reason = f"{peer} sent data in direction {frame.direction.word}, which is ours to send"
            self._desk.break_link(peer, reason, fatal=True)
            return
        if self._is_forged(frame):
            reason = f"{peer} sent records in the name of this node {self._desk.node}: it is not their origin"
            self._desk.break_link(peer, reason, fatal=True)
            return
        arrival = link.inbox.arrival(frame)
        if arrival is Arrival.OLD:
            link.acks_due.add(frame.lane)
        elif arrival is Arrival.GAP:
            self._desk.break_link(peer, f"lane {frame.lane.word} of {peer} skipped to {frame.span}", fatal=False)
        elif unreadable:
            self._queue(link, Verifying(UNREAD_JOB, frame, InboundResult(UNREAD_JOB, self._desk.version, unreadable)))
        else:
            self._queue(link, Verifying(self._verify(link, frame), frame, told=self._desk.bearers.told))

    def gated(self, link: Link, outcome: InboundResult, now: Instant) -> None:
        """A frame is verified: store its span once that is here whole, and those before it are stored."""
        waiting = next(entry for line in link.verifying.values() for entry in line if entry.job == outcome.job)
        waiting.outcome = outcome
        if not self._is_taken_back(link, waiting):
            self.settle(link, now)

    def settle(self, link: Link, now: Instant) -> None:
        """Store the spans that are verified, in the order in which they came in each lane."""
        for lane in sorted(link.verifying):
            while self._settle_span(link, lane, now):
                pass

    def _queue(self, link: Link, waiting: Verifying) -> None:
        link.verifying.setdefault(waiting.frame.lane, deque()).append(waiting)

    def _settle_span(self, link: Link, lane: Lane, now: Instant) -> bool:
        """Store the first span of a lane; False when there is none that can be stored yet.

        Whole or not at all: a sender whose link ends in the middle of a span decides it again, maybe otherwise, and its books would say
        of records that are here that they were held back.
        """
        # A damaged frame ends its link: those behind it come again, after it.
        if self._desk.links.get(link.peer.node) is not link:
            return False
        parts = self._first_span(link.verifying.get(lane, ()))
        # A frame that was verified again under a newer policy keeps its place: those behind it wait, or the chain would break.
        taken_back = [part for part in parts if self._is_taken_back(link, part)]
        if not parts or taken_back or self._is_in_doubt(link, lane, parts, now) or self._is_damaged(link, parts):
            return False
        line = link.verifying[lane]
        for _ in parts:
            self._accept(link, line.popleft(), now)
        if not line:
            del link.verifying[lane]
        return True

    def _first_span(self, line: Iterable[Verifying]) -> list[Verifying]:
        """The parts of the first span of a line, all of them verified; empty while there are none.

        One with more than may wait is stored part by part: nothing that a peer sends fills the memory.
        """
        parts: list[Verifying] = []
        waiting_bytes = 0
        for entry in line:
            parts.append(entry)
            waiting_bytes += len(entry.frame.batch.payload)
            if entry.frame.is_last or len(parts) >= SPAN_PARTS_MAX or waiting_bytes >= SPAN_BYTES_MAX:
                return parts if all(part.outcome is not None for part in parts) else []
        return []

    def _is_taken_back(self, link: Link, waiting: Verifying) -> bool:
        """True when the frame is verified again: the policy changed since, maybe while it waited in line, or word of a move came that
        may be the one for want of which it was refused."""
        done, told = waiting.outcome, self._desk.bearers.told
        if done is None or done.quarantine or waiting.job == UNREAD_JOB:
            return False
        if done.version == self._desk.version and (waiting.told == told or NO_ORDER not in done.refusal):
            return False
        waiting.job, waiting.told, waiting.outcome = self._verify(link, waiting.frame), told, None
        return True

    def _is_in_doubt(self, link: Link, lane: Lane, parts: Sequence[Verifying], now: Instant) -> bool:
        """True while the word that the nodes of the next span have moved may still be on its way: it comes with heartbeats."""
        peer = link.peer.node
        runs = (run for part in parts for run in part.frame.batch.header.runs)
        lives = self._desk.bearers.unknown(peer, runs) if link.in_direction is Direction.UP else set()
        lie = self._desk.bearers.lie(peer, lives)
        if not lie or lie in link.liars or link.verifying_count > self._desk.limits.inbound_jobs_max:
            link.doubted_since.pop(lane, None)
            return False
        if now.seconds_since(link.doubted_since.setdefault(lane, now)) < DOUBT_S:
            return True
        del link.doubted_since[lane]
        link.liars.add(lie)
        return False

    def _is_damaged(self, link: Link, parts: Sequence[Verifying]) -> bool:
        """True when a part cannot be what its sender made, and is asked for again: the link ends."""
        for part in parts:
            done, frame = part.outcome, part.frame
            if done is not None and done.quarantine and not self._poison.is_final(frame):
                reason = f"frame {frame.span} of lane {frame.lane.word} from {link.peer.node} is damaged: {done.refusal}"
                self._desk.break_link(link.peer.node, reason, fatal=False)
                return True
        return False

    def resume(self, link: Link, lanes: list[Lane]) -> None:
        """A link begins: tell the peer again what it may have missed."""
        # A refusal is told once; a session that ended before it arrived would leave the peer believing that it delivered.
        for refusal in self._desk.refusals.made_toward(link.peer.node, link.peer.incarnation):
            self._desk.tell(link.peer.node, [_told(refusal, self._desk.version)], refusal.lane)
        self._tell_policy(link)
        for lane in lanes:
            self._await_secured(link, lane)
            link.acks_due.add(lane)

    def policy_moved(self) -> None:
        """The own version is another, dates have passed, or nodes moved: tell whoever had frames refused here."""
        for link in self._desk.links.values():
            self._tell_policy(link)

    def _tell_policy(self, link: Link) -> None:
        reasons = self._desk.refusals.reasons_toward(link.peer.node, link.peer.incarnation)
        if reasons:
            over = sorted(word for word in self._desk.over.union(self._desk.again) if any(word in reason for reason in reasons))
            self._desk.tell(link.peer.node, [InForce(self._desk.version, tuple(over[:OVER_MAX]))], Lane.CONTROL)

    def flush_acks(self) -> None:
        """Acknowledge what this turn stores or secures; sent after its commit."""
        for peer, link in self._desk.links.items():
            for lane in sorted(link.acks_due):
                self._desk.tell(peer, [link.inbox.ack(lane)], lane)
            link.acks_due.clear()

    def _is_forged(self, frame: Frame) -> bool:
        """True when a frame speaks of records of this very life: they are numbered here and come back from nowhere."""
        own = (self._desk.node, self._desk.incarnation)
        return any((run.origin, run.incarnation) == own for run in frame.batch.header.runs)

    def _verify(self, link: Link, frame: Frame) -> int:
        return self._desk.start(link, lambda job_id: InboundJob(job_id, link.peer, frame, self._desk.version))

    def _accept(self, link: Link, waiting: Verifying, now: Instant) -> None:
        frame, outcome = waiting.frame, waiting.outcome
        assert outcome is not None, "a frame that is stored before it is verified"
        header = frame.batch.header
        lives = self._desk.bearers.unknown(link.peer.node, header.runs) if link.in_direction is Direction.UP else set()
        if reason := self._misfit(link, header, lives):
            self._refuse(link, frame, reason, State.HELD)
            self._desk.over.discard(BY_WAY_OF)  # what is known of where nodes stand did not end it
            # What it speaks of is not this peer's to speak of, or more than the books may hold: nothing of it is entered.
            self._position(link, frame)
            return
        if outcome.refusal:
            state = State.QUARANTINED if outcome.quarantine else State.HELD
            header = self._refuse(link, frame, outcome.refusal, state)
        elif outcome.left is not None:
            header = outcome.left.header
        self._bear(link, lives)
        self._store(link, frame if outcome.left is None else replace(frame, batch=outcome.left), header, now)
        self._position(link, frame)

    def _misfit(self, link: Link, header: BatchHeader, lives: set[LifeKey]) -> str:
        """Why the books cannot take a frame, whatever it holds; empty when they can."""
        limits, peer = self._desk.limits, link.peer.node
        if lives and (lie := self._desk.bearers.lie(peer, lives)):
            return lie
        if lives and self._desk.bearers.streams_of(peer) + len(lives) > limits.streams_per_child_max:
            return f"{peer} brings more than {limits.streams_per_child_max} streams"
        if torn := self._desk.books.fragmented(header, ranges_max=limits.fragments_per_stream_max):
            return f"{torn.resource} of {torn.origin} comes in more than {limits.fragments_per_stream_max} pieces: send its oldest first"
        return ""

    def _bear(self, link: Link, lives: set[LifeKey]) -> None:
        for origin, incarnation in sorted(lives):
            self._desk.bearers.bear(link.peer.node, (origin, incarnation))
            self._desk.write(SetBearer(origin, incarnation, link.peer.node))

    def _refuse(self, link: Link, frame: Frame, reason: str, state: State) -> BatchHeader:
        header = frame.batch.header
        refused = AppendRefusal(
            link.peer.node, frame.direction, frame.lane, frame.span, frame.part, header.resource, header.runs, header.payload_sha256,
            reason, self._desk.version.digest, by_peer=False, quarantine=state is State.QUARANTINED,
            tries=POISON_TRIES if state is State.QUARANTINED else 1, incarnation=link.peer.incarnation, program=self._desk.program,
        )  # fmt: skip
        self._desk.refusals.enter(refused)
        self._desk.write(refused)
        self._desk.turn.events.append(FrameRefused(link.peer.node, frame.lane, reason))
        self._desk.tell(link.peer.node, [_told(refused, self._desk.version)], frame.lane)
        return refused_header(header, decider=self._desk.node, state=state)

    def _store(self, link: Link, frame: Frame, header: BatchHeader, now: Instant) -> None:
        peer, known = link.peer, len(self._desk.books.streams)
        accounted = self._desk.books.account(header, is_from_peer=True)
        if link.in_direction is Direction.UP:
            self._desk.bearers.count(peer.node, len(self._desk.books.streams) - known)
        if accounted.is_news:
            payload = frame.batch.payload if header.row_count else b""
            # A span that was decided twice, because it was lost in part, may bring as live what its first account held back.
            backfill = header.backfill or accounted.is_late
            batch = replace(frame.batch, header=replace(header, runs=accounted.runs, backfill=backfill), payload=payload)
            stored = self._desk.append(batch, peer.node, accounted.duplicates, now)
            self._desk.turn.events.append(Arrived(peer.node, stored.lsn, header.resource, frame.direction))

    def _position(self, link: Link, frame: Frame) -> None:
        """The frame is decided: with its span's last part the position moves on."""
        peer, position = link.peer, link.inbox.stored(frame)
        if position is None:
            return
        self._desk.in_positions[(peer.node, peer.incarnation, frame.direction, frame.lane)] = position
        self._desk.write(SetInPosition(peer.node, peer.incarnation, frame.direction, frame.lane, position))
        self._await_secured(link, frame.lane)
        link.acks_due.add(frame.lane)

    def _await_secured(self, link: Link, lane: Lane) -> None:
        link.inbox.await_secured(lane, self._desk.tops[lane])
        link.inbox.secure(lane, self._secured_upto(link, lane))

    def _secured_upto(self, link: Link, lane: Lane) -> int:
        # Returned data is held above already, and at the top there is nobody to wait for.
        if link.in_direction is Direction.RETURN or not self._desk.has_parent:
            return self._desk.tops[lane]
        return self._desk.up_stored[lane]


def _told(refusal: AppendRefusal, version: PolicyVersion) -> Refused:
    return Refused(
        refusal.direction, refusal.lane, refusal.span, refusal.part, refusal.reason, version, quarantine=refusal.quarantine,
        under=refusal.policy_version, program=refusal.program,
    )  # fmt: skip


def settles_at(link: Link) -> Instant | None:
    """When a span in doubt is decided even if nothing arrives; None when none is."""
    return min(link.doubted_since.values()).plus(DOUBT_S) if link.doubted_since else None
