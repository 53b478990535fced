"""The engine's sending room: which stretch of the journal goes to a peer next, what its frames, acknowledgements and refusals mean here.

Owns: the link's outbox. Refuses: acknowledgements of a direction in which the peer sends. Called by the engine.
"""

from __future__ import annotations

from dataclasses import replace

from sync.core.desk import Desk
from sync.core.lanes import FRESH_BACKLOG_LSNS
from sync.core.link import Link
from sync.core.messages import Ack, Data, InForce, Refused
from sync.core.ready import OutboundJob, OutboundResult, RequeueJob, RequeueResult, Withheld
from sync.model import Direction, Instant, Lane
from sync.model.writes import AppendLedger, AppendRefusal, SettleHeld
from sync.ports import NO_REPRIEVE, Reprieve

REQUEUE_BATCHES = 64
FRESH_REQUEUE_BATCHES = 4
"""Held batches that come back at once."""

OLD_PEER = "old-peer"
"""Reason of envelopes that were held back because the peer's program did not pass them on."""

OUTBOUND_JOBS_PER_LINK = 2
"""One on the pipeline thread and one waiting, so that the thread never idles."""


class Sending:
    """What leaves for every peer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def resume(self, link: Link) -> None:
        """A link begins: where the peer has less than was noted (it was restored or replaced), the marks go back with it.

        What lies above is sent again; of what was freed meanwhile its account goes, as expired: the freed rows are no longer here, and
        that somebody above had them once is no proof that somebody has them now.
        """
        for lane, state in link.outbox.lanes.items():
            noted = self._desk.out_mark(link.peer.node, link.out_direction, lane)
            if link.out_direction is Direction.UP:
                self._desk.up_stored[lane] = state.mark.stored
            if state.mark.stored < noted.stored or state.mark.secured < noted.secured:
                self._desk.marked(link, lane, state.mark)
            if lane in self._desk.fresh_first and self._desk.tops[lane] - state.cursor > FRESH_BACKLOG_LSNS:
                state.defer_upto = self._desk.tops[lane]

    def start_jobs(self, link: Link, now: Instant) -> None:
        """Hand out as many jobs of the link as its window and its thread can take."""
        if self._desk.reprieves.begin(link.peer.node, self._desk.last_lsn, now):
            link.requeue_due = True
        if link.requeue_due and not link.is_requeueing and (not self._desk.fresh_first or link.outbox.is_at_leisure(now)):
            link.requeue_due, link.is_requeueing = False, True
            # Where newer records go first, older ones come back a few at a time, when nothing else is waiting.
            most = FRESH_REQUEUE_BATCHES if self._desk.fresh_first else REQUEUE_BATCHES
            self._desk.start(link, lambda job_id: self._requeue_job(job_id, link, most))
        reading = sum(state.is_reading for state in link.outbox.lanes.values())
        while reading < OUTBOUND_JOBS_PER_LINK and (lane := link.outbox.pick(now)) is not None:
            self._start_reading(link, lane, now)
            reading += 1

    def acked(self, link: Link, ack: Ack, now: Instant) -> None:
        """The peer says how far it has our journal."""
        if ack.direction is not link.out_direction:
            reason = f"{link.peer.node} acknowledged direction {ack.direction.word}, in which it sends"
            self._desk.break_link(link.peer.node, reason, fatal=True)
            return
        mark = link.outbox.acked(ack, now)
        if mark is not None:
            self._desk.marked(link, ack.lane, mark)

    def refused(self, link: Link, refused: Refused) -> None:
        """The peer refused one of our frames: its records are held, and decided again when the policy moves."""
        if refused.direction is not link.out_direction or refused.span.upto > self._desk.tops[refused.lane]:
            reason = f"{link.peer.node} refused {refused.span} of lane {refused.lane.word}, which was never sent to it"
            self._desk.break_link(link.peer.node, reason, fatal=True)
            return
        heard = AppendRefusal(
            link.peer.node, refused.direction, refused.lane, refused.span, refused.part, "", (), b"",
            refused.reason, refused.under or refused.policy.digest, by_peer=True, quarantine=refused.quarantine,
            incarnation=self._desk.incarnation, program=refused.program or self._desk.reprieves.program(link.peer.node),
            refuser=link.peer.incarnation,
        )  # fmt: skip
        self._desk.reprieves.heard(link.peer.node, refused.policy)
        if self._desk.refusals.enter(heard):
            self._desk.write(heard)
            self._desk.turn.events.append(Withheld(link.peer.node, refused.lane, refused.reason, refused.quarantine))
            # Either policy may have moved since; what no policy mends waits for an operator.
            link.requeue_due = link.requeue_due or not refused.quarantine

    def stands_elsewhere(self, link: Link, told: InForce) -> None:
        """The peer's policy moved since it refused frames of ours."""
        self._desk.reprieves.heard(link.peer.node, told.policy, frozenset(told.over))

    def gated(self, link: Link, job: OutboundJob, outcome: OutboundResult, now: Instant) -> None:
        """Frames are made: enter them into the share ledger and send them after that commit."""
        if outcome.version != self._desk.version:
            link.outbox.abandoned(job.lane, now)
            return
        before = link.outbox.lanes[job.lane].mark
        entries, frames = link.outbox.gated(job.lane, outcome, top=job.upto, now=now)
        self._desk.write(*(AppendLedger(entry) for entry in entries))
        self._desk.tell(link.peer.node, (Data(frame) for frame in frames), job.lane)
        state = link.outbox.lanes[job.lane]
        if self._desk.again and any(run.reason in self._desk.again for entry in entries for run in entry.runs):
            link.requeue_due = True  # decided under the old dates, entered after held records were asked for
        if state.defer_upto and state.cursor >= state.defer_upto:
            state.defer_upto, link.requeue_due = 0, True
        mark = state.mark
        if mark != before:
            self._desk.marked(link, job.lane, mark)

    def requeued(self, link: Link, outcome: RequeueResult, now: Instant) -> None:
        """Held batches come back: they are appended again as backfill, and their old ledger rows are settled."""
        link.is_requeueing = False
        link.requeue_due = link.requeue_due or bool(outcome.batches)
        for held in outcome.batches:
            batch = replace(held.batch, header=replace(held.batch.header, backfill=True))
            everything = tuple(range(len(batch.header.runs)))
            self._desk.append(batch, held.source, everything, now)
            self._desk.write(SettleHeld(link.peer.node, link.out_direction, held.lsn))

    def _requeue_job(self, job_id: int, link: Link, batches_max: int) -> RequeueJob:
        words = dict(self._desk.again)
        if link.peer.takes_envelopes:
            words[OLD_PEER] = self._desk.last_lsn  # while it has this program nothing is held back for that
        again = tuple(sorted(words.items()))
        current = self._desk.reprieves.round(link.peer.node)
        reprieve = NO_REPRIEVE
        if current is not None:
            reprieve = Reprieve(current.version.digest, current.upto, current.over, current.program, self._desk.dated_upto)
        return RequeueJob(job_id, link.peer, link.out_direction, self._desk.version, batches_max, again, reprieve)

    def _start_reading(self, link: Link, lane: Lane, now: Instant) -> None:
        frame_bytes, is_thin = link.outbox.frame_bytes(lane, now), link.outbox.is_thin(lane, now)
        link.outbox.started(lane)
        peer, after, upto = link.peer, link.outbox.lanes[lane].cursor, self._desk.tops[lane]
        defer_upto = link.outbox.lanes[lane].defer_upto
        if defer_upto:
            upto = min(upto, defer_upto)
        # What the parent of the old parent has as well need not climb a second way: its account does.
        spared = self._desk.out_mark(peer.former, Direction.UP, lane).secured if peer.former else 0
        def job(job_id: int) -> OutboundJob:
            return OutboundJob(
                job_id, peer, link.out_direction, lane, after, upto, self._desk.version, accounts_upto=spared, bytes_target=frame_bytes,
                defer_upto=defer_upto, is_thin=is_thin,
            )

        self._desk.start(link, job)
