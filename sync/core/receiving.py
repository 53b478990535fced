"""The engine's receiving room: which frame may be stored, in which order, and what is acknowledged.

Owns: the link's inbox and the frames under verification. Refuses: frames of the wrong direction, in this node's own name, out of turn.
Called by the engine.
"""

from __future__ import annotations

from dataclasses import replace

from sync.core.bearers import BY_WAY_OF, LifeKey
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
            link.verifying.append(Verifying(UNREAD_JOB, frame, InboundResult(UNREAD_JOB, self._desk.version, unreadable)))
        else:
            link.verifying.append(Verifying(self._verify(link, frame), frame))

    def gated(self, link: Link, outcome: InboundResult, now: Instant) -> None:
        """A frame is verified: store it once those before it are stored."""
        waiting = next(entry for entry in link.verifying if entry.job == outcome.job)
        waiting.outcome = outcome
        if not self._is_taken_back(link, waiting):
            self.settle(link, now)

    def settle(self, link: Link, now: Instant) -> None:
        """Store the frames that are verified, in the order in which they came."""
        # A frame that was verified again under a newer policy keeps its place: those behind it wait, or the chain would break.
        while link.verifying and (done := link.verifying[0].outcome) is not None:
            # A damaged frame ends its link: those behind it come again, after it.
            if self._desk.links.get(link.peer.node) is not link or self._is_taken_back(link, link.verifying[0]):
                return
            if self._is_in_doubt(link, now):
                return
            self._accept(link, link.verifying.popleft().frame, done, now)

    def _is_taken_back(self, link: Link, waiting: Verifying) -> bool:
        """True when the policy changed since the frame was verified, maybe while it waited in line: it is verified again."""
        done = waiting.outcome
        if done is None or done.version == self._desk.version or done.quarantine or waiting.job == UNREAD_JOB:
            return False
        waiting.job, waiting.outcome = self._verify(link, waiting.frame), None
        return True

    def _is_in_doubt(self, link: Link, now: Instant) -> bool:
        """True while the word that the nodes of the next frame have moved may still be on its way: it comes with heartbeats."""
        runs, peer = link.verifying[0].frame.batch.header.runs, link.peer.node
        lives = self._desk.bearers.unknown(peer, runs) if link.in_direction is Direction.UP else set()
        lie = self._desk.bearers.lie(peer, lives)
        if not lie or lie in link.liars or len(link.verifying) > self._desk.limits.inbound_jobs_max:
            link.doubted_since = None
            return False
        link.doubted_since = link.doubted_since or now
        if now.seconds_since(link.doubted_since) < DOUBT_S:
            return True
        link.doubted_since = None
        link.liars.add(lie)
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

    def _accept(self, link: Link, frame: Frame, outcome: InboundResult, now: Instant) -> None:
        if outcome.quarantine and not self._poison.is_final(frame):
            reason = f"frame {frame.span} of lane {frame.lane.word} from {link.peer.node} is damaged: {outcome.refusal}"
            self._desk.break_link(link.peer.node, reason, fatal=False)
            return
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
        self._bear(link, lives)
        self._store(link, frame, header, now)
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
            tries=POISON_TRIES if state is State.QUARANTINED else 1, incarnation=link.peer.incarnation,
        )  # fmt: skip
        self._desk.refusals.enter(refused)
        self._desk.write(refused)
        self._desk.turn.events.append(FrameRefused(link.peer.node, frame.lane, reason))
        self._desk.tell(link.peer.node, [_told(refused, self._desk.version)], frame.lane)
        return refused_header(header, decider=self._desk.node, state=state)

    def _store(self, link: Link, frame: Frame, header: BatchHeader, now: Instant) -> None:
        peer, known = link.peer, len(self._desk.books.streams)
        accounted = self._desk.books.account(header)
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
        under=refusal.policy_version,
    )  # fmt: skip


def settles_at(link: Link) -> Instant | None:
    """When a frame in doubt is decided even if nothing arrives; None when none is."""
    return None if link.doubted_since is None else link.doubted_since.plus(DOUBT_S)
