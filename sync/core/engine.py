"""The replication engine of a node: a pure state machine.

Inputs are method calls; `ready()` returns what they led to. The shell (node/runtime.py, or the simulator) makes `Ready.writes` durable
in one transaction, then hands
out sends, jobs and events, then calls `advance`. No port is called from here, no clock is read, nothing is random.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sync.core.books import Books
from sync.core.inbox import Arrival, Inbox, refused_header
from sync.core.lanes import URGENT_LANES
from sync.core.link import Link, Verifying, next_wake
from sync.core.messages import Ack, Data, Hello, Message, Position, Refused, Stop
from sync.core.outbox import Outbox, positions_by_lane
from sync.core.ready import (
    Arrived,
    Event,
    InboundJob,
    InboundResult,
    Job,
    JobResult,
    LinkBroken,
    LocalBatch,
    Moved,
    OutboundJob,
    OutboundResult,
    PeerFacts,
    Ready,
    RequeueJob,
    RequeueResult,
    Send,
    Stored,
)
from sync.core.refusals import Refusals
from sync.core.window import Window
from sync.model import (
    Batch,
    BatchHeader,
    ClockQuality,
    Direction,
    ForkError,
    Frame,
    Instant,
    Lane,
    Limits,
    PolicyVersion,
    Run,
    State,
    StoredBatch,
    Stream,
)
from sync.model.writes import AppendLedger, AppendRefusal, OutMark, Recovered, SetInPosition, SetOutMark, SettleHeld, StoreBatch, Write

OUTBOUND_JOBS_PER_LINK = 2
"""One on the pipeline thread and one waiting, so that the thread never idles."""

POISON_FRAMES_MAX = 1_024
"""Damaged frames whose tries are remembered; the oldest is forgotten first."""

POISON_TRIES = 3
"""How often a frame that cannot be valid is asked for again before its records are quarantined."""

ChainAt = Mapping[tuple[Direction, Lane], bytes | None]
"""The share ledger's chain at each position a peer's Hello names."""


class Engine:
    """What one node has, gives and gets. See the module docstring for the contract."""

    def __init__(
        self,
        *,
        node: str,
        incarnation: int,
        has_parent: bool,
        version: PolicyVersion,
        recovered: Recovered,
        limits: Limits,
        clock: ClockQuality,
    ) -> None:
        self.node = node
        self.incarnation = incarnation
        self.version = version
        self.clock = clock
        """Quality of the wall clock, stamped on every run made here."""
        self._has_parent = has_parent
        self._limits = limits
        self._books = Books(recovered.streams)
        self._last_lsn = recovered.last_lsn
        self._tops = dict.fromkeys(Lane, 0) | dict(recovered.lane_tops)
        self._out_marks = dict(recovered.out_marks)
        self._up_stored = dict.fromkeys(Lane, 0)
        for (_, direction, lane), mark in self._out_marks.items():
            if direction is Direction.UP:
                self._up_stored[lane] = max(self._up_stored[lane], mark.stored)
        self._in_positions = dict(recovered.in_positions)
        self._links: dict[str, Link] = {}
        self._jobs: dict[int, tuple[str, Job]] = {}
        self._next_job = 1
        self._poison: dict[bytes, int] = {}
        self._refusals = Refusals(recovered.refusals)
        self._writes: list[Write] = []
        self._new_jobs: list[Job] = []
        self._sends: list[Send] = []
        self._events: list[Event] = []
        self._is_handed_out = False

    # ---- what the shell may ask

    @property
    def last_lsn(self) -> int:
        """The newest lsn given out."""
        return self._last_lsn

    @property
    def streams(self) -> Mapping[Stream, object]:
        """The run maps of this node by stream."""
        return self._books.streams

    def out_mark(self, peer: str, direction: Direction, lane: Lane) -> OutMark:
        """How far `peer` has our journal in a lane."""
        return self._out_marks.get((peer, direction, lane), OutMark())

    def link_peers(self) -> list[str]:
        """Peers with a link, sorted."""
        return sorted(self._links)

    def positions_by_incarnation(self, peer: str) -> dict[int, tuple[Position, ...]]:
        """What we hold of the journals of `peer`, by the incarnation they were written in."""
        held: dict[int, tuple[Position, ...]] = {}
        for (name, incarnation, direction, lane), position in sorted(self._in_positions.items()):
            if name == peer:
                held[incarnation] = (*held.get(incarnation, ()), Position(direction, lane, position.upto, position.chain))
        return held

    # ---- inputs

    def offer(self, local: LocalBatch, now: Instant) -> None:
        """Records made here: number them, store them, and report Stored once that is durable."""
        stream = Stream(self.node, self.incarnation, local.lane, local.resource)
        first, last = self._books.number(stream, local.row_count)
        run = Run(self.node, self.incarnation, first, last, 0, at=local.at, clock=self.clock)
        stored = self._append(Batch(_local_header(local, run), local.payload), self.node, (), now)
        self._events.append(Stored(local.ticket, stored.lsn))

    def link_up(self, peer: PeerFacts, hello: Hello, chains: ChainAt, now: Instant) -> None:
        """Both Hellos are in and the policies are exchanged: data may flow. A peer that is not our continuation breaks the link."""
        self.link_down(peer.node, now)
        try:
            self._links[peer.node] = self._open(peer, hello, chains, now)
        except ForkError as error:
            self._break(peer.node, str(error), fatal=True)

    def link_down(self, peer: str, now: Instant) -> None:
        """The session with `peer` ended; whatever was in flight will be asked for again."""
        link = self._links.pop(peer, None)
        if link is None:
            return
        self._jobs = {job: entry for job, entry in self._jobs.items() if entry[0] != peer}

    def receive(self, peer: str, message: Message, now: Instant) -> None:
        """A message of an open link. What the engine does not read (Heartbeat, Query, ...) is the shell's."""
        link = self._links.get(peer)
        if link is None:
            return  # a message that crossed the end of its link
        if isinstance(message, Data):
            self._receive_frame(link, message.frame)
        elif isinstance(message, Ack):
            self._receive_ack(link, message, now)
        elif isinstance(message, Refused):
            self._receive_refusal(link, message)
        elif isinstance(message, Stop):
            self._break(peer, f"{peer} ended the link: {message.reason}", fatal=False)

    def gated(self, outcome: JobResult, now: Instant) -> None:
        """A job's answer; the answers of closed links are dropped."""
        peer, job = self._jobs.pop(outcome.job, (None, None))
        link = self._links.get(peer) if peer is not None else None
        if link is None or job is None:
            return
        if isinstance(outcome, OutboundResult) and isinstance(job, OutboundJob):
            self._gated_outbound(link, job, outcome, now)
        elif isinstance(outcome, InboundResult) and isinstance(job, InboundJob):
            self._gated_inbound(link, outcome, now)
        elif isinstance(outcome, RequeueResult) and isinstance(job, RequeueJob):
            self._requeued(link, outcome, now)

    def policy_changed(self, version: PolicyVersion, now: Instant) -> None:
        """Another policy version is in force: what was held back is decided again, results of the old version are discarded."""
        self.version = version
        for link in self._links.values():
            link.requeue_due = True

    def timeout(self, now: Instant) -> None:
        """Time passed: links without progress are broken (lingering lanes fall due in `ready`)."""
        for peer, link in list(self._links.items()):
            if link.outbox.is_stalled(now):
                link.window.stalled()
                self._break(peer, f"{peer} acknowledged nothing for {self._limits.progress_timeout_s:g} s", fatal=False)

    # ---- output

    def ready(self, now: Instant) -> Ready:
        """Everything the inputs since the last call led to. Persist, hand out, then call `advance`."""
        assert not self._is_handed_out, "ready() before advance()"
        for link in self._links.values():
            self._start_jobs(link, now)
        self._flush_acks()
        writes = (*self._writes, *self._books.take_dirty())
        wake_at = next_wake([link.outbox.wake_at() for link in self._links.values()])
        ready = Ready(writes, tuple(self._new_jobs), tuple(self._sends), tuple(self._events), wake_at)
        self._writes, self._new_jobs, self._sends, self._events = [], [], [], []
        self._is_handed_out = True
        return ready

    def advance(self) -> None:
        """The last Ready is durable and handed out."""
        self._is_handed_out = False

    # ---- links

    def _open(self, peer: PeerFacts, hello: Hello, chains: ChainAt, now: Instant) -> Link:
        out, back = (Direction.UP, Direction.RETURN) if peer.is_parent else (Direction.RETURN, Direction.UP)
        window = Window(self._limits)
        outbox = Outbox(peer, out, self._limits, window)
        known = hello.positions if hello.for_incarnation == self.incarnation else ()
        positions = positions_by_lane(known, out)
        for lane in Lane:
            mark = self.out_mark(peer.node, out, lane)
            outbox.resume(lane, positions.get(lane), mark, chains.get((out, lane)), top=self._tops[lane], now=now)
        held = {lane: position for lane in Lane if (position := self._in_positions.get((peer.node, peer.incarnation, back, lane)))}
        link = Link(peer, window, outbox, Inbox(peer, back, held), requeue_due=True)
        # A refusal is told once; a session that ended before it arrived would leave the peer believing that it delivered.
        for refusal in self._refusals.made_toward(peer.node):
            told = Refused(refusal.direction, refusal.lane, refusal.span, refusal.part, refusal.reason, self.version)
            self._sends.append(Send(peer.node, told, urgent=refusal.lane in URGENT_LANES))
        for lane in held:
            self._await_secured(link, lane)
            link.acks_due.add(lane)
        return link

    def _break(self, peer: str, reason: str, *, fatal: bool) -> None:
        self._events.append(LinkBroken(peer, reason, fatal))
        self._links.pop(peer, None)
        self._jobs = {job: entry for job, entry in self._jobs.items() if entry[0] != peer}

    # ---- receiving

    def _receive_frame(self, link: Link, frame: Frame) -> None:
        if frame.direction is not link.in_direction:
            self._break(
                link.peer.node, f"{link.peer.node} sent data in direction {frame.direction.word}, which is ours to send", fatal=True
            )
            return
        if self._is_forged(frame):
            self._break(
                link.peer.node, f"{link.peer.node} sent records in the name of this node {self.node}: it is not their origin", fatal=True
            )
            return
        arrival = link.inbox.arrival(frame)
        if arrival is Arrival.OLD:
            link.acks_due.add(frame.lane)
        elif arrival is Arrival.GAP:
            self._break(link.peer.node, f"lane {frame.lane.word} of {link.peer.node} skipped to {frame.span}", fatal=False)
        else:
            link.verifying.append(Verifying(self._verify(link, frame), frame))

    def _is_forged(self, frame: Frame) -> bool:
        """True when a frame speaks of records of this very life: they are numbered here and come back from nowhere."""
        return any((run.origin, run.incarnation) == (self.node, self.incarnation) for run in frame.batch.header.runs)

    def _verify(self, link: Link, frame: Frame) -> int:
        return self._start(link, lambda job_id: InboundJob(job_id, link.peer, frame, self.version))

    def _gated_inbound(self, link: Link, outcome: InboundResult, now: Instant) -> None:
        waiting = next(entry for entry in link.verifying if entry.job == outcome.job)
        if outcome.version != self.version and not outcome.quarantine:
            waiting.job = self._verify(link, waiting.frame)
            return
        waiting.outcome = outcome
        # A frame that was verified again under a newer policy keeps its place: those behind it wait, or the chain would break.
        while link.verifying and (done := link.verifying[0].outcome) is not None:
            self._accept(link, link.verifying.popleft().frame, done, now)

    def _accept(self, link: Link, frame: Frame, outcome: InboundResult, now: Instant) -> None:
        if outcome.quarantine and self._tries(frame) < POISON_TRIES:
            self._break(
                link.peer.node,
                f"frame {frame.span} of lane {frame.lane.word} from {link.peer.node} is damaged: {outcome.refusal}",
                fatal=False,
            )
            return
        header = frame.batch.header
        if outcome.refusal:
            header = self._refuse(link, frame, outcome)
        self._store_frame(link, frame, header, now)

    def _tries(self, frame: Frame) -> int:
        key = frame.batch.header.payload_sha256 + frame.span.upto.to_bytes(8, "big")
        tries = self._poison.pop(key, 0) + 1
        self._poison[key] = tries
        if len(self._poison) > POISON_FRAMES_MAX:
            del self._poison[next(iter(self._poison))]
        return tries

    def _refuse(self, link: Link, frame: Frame, outcome: InboundResult) -> BatchHeader:
        state = State.QUARANTINED if outcome.quarantine else State.HELD
        header = frame.batch.header
        refused = AppendRefusal(
            link.peer.node, frame.direction, frame.lane, frame.span, frame.part, header.resource, header.runs, header.payload_sha256,
            outcome.refusal, self.version.digest, by_peer=False,
        )  # fmt: skip
        self._refusals.enter(refused)
        self._writes.append(refused)
        refusal = Refused(frame.direction, frame.lane, frame.span, frame.part, outcome.refusal, self.version)
        self._sends.append(Send(link.peer.node, refusal, urgent=frame.lane in URGENT_LANES))
        return refused_header(header, decider=self.node, state=state)

    def _store_frame(self, link: Link, frame: Frame, header: BatchHeader, now: Instant) -> None:
        accounted = self._books.account(header)
        if accounted.is_news:
            payload = frame.batch.payload if header.row_count else b""
            batch = replace(frame.batch, header=replace(header, runs=accounted.runs), payload=payload)
            stored = self._append(batch, link.peer.node, accounted.duplicates, now)
            self._events.append(Arrived(link.peer.node, stored.lsn, header.resource, frame.direction))
        position = link.inbox.stored(frame)
        if position is None:
            return
        key = (link.peer.node, link.peer.incarnation, frame.direction, frame.lane)
        self._in_positions[key] = position
        self._writes.append(SetInPosition(link.peer.node, link.peer.incarnation, frame.direction, frame.lane, position))
        self._await_secured(link, frame.lane)
        link.acks_due.add(frame.lane)

    def _await_secured(self, link: Link, lane: Lane) -> None:
        link.inbox.await_secured(lane, self._tops[lane])
        link.inbox.secure(lane, self._secured_upto(link, lane))

    def _secured_upto(self, link: Link, lane: Lane) -> int:
        # Returned data is held above already, and at the top there is nobody to wait for.
        if link.in_direction is Direction.RETURN or not self._has_parent:
            return self._tops[lane]
        return self._up_stored[lane]

    def _flush_acks(self) -> None:
        for peer, link in self._links.items():
            for lane in sorted(link.acks_due):
                self._sends.append(Send(peer, link.inbox.ack(lane), urgent=lane in URGENT_LANES))
            link.acks_due.clear()

    # ---- sending

    def _receive_ack(self, link: Link, ack: Ack, now: Instant) -> None:
        if ack.direction is not link.out_direction:
            self._break(link.peer.node, f"{link.peer.node} acknowledged direction {ack.direction.word}, in which it sends", fatal=True)
            return
        mark = link.outbox.acked(ack, now)
        if mark is not None:
            self._marked(link, ack.lane, mark)

    def _marked(self, link: Link, lane: Lane, mark: OutMark) -> None:
        peer, direction = link.peer.node, link.out_direction
        self._out_marks[(peer, direction, lane)] = mark
        self._writes.append(SetOutMark(peer, direction, lane, mark))
        self._events.append(Moved(peer, direction, lane, mark.stored, mark.secured))
        if direction is not Direction.UP:
            return
        self._up_stored[lane] = mark.stored
        for other in self._links.values():
            if other.in_direction is Direction.UP and other.inbox.secure(lane, mark.stored):
                other.acks_due.add(lane)

    def _receive_refusal(self, link: Link, refused: Refused) -> None:
        heard = AppendRefusal(
            link.peer.node, refused.direction, refused.lane, refused.span, refused.part, "", (), b"",
            refused.reason, refused.policy.digest, by_peer=True,
        )  # fmt: skip
        if self._refusals.enter(heard):
            self._writes.append(heard)
            link.requeue_due = True  # the policy that refused it may be in force here by now

    def _gated_outbound(self, link: Link, job: OutboundJob, outcome: OutboundResult, now: Instant) -> None:
        if outcome.version != self.version:
            link.outbox.abandoned(job.lane, now)
            return
        before = link.outbox.lanes[job.lane].mark
        entries, frames = link.outbox.gated(job.lane, outcome, top=self._tops[job.lane], now=now)
        self._writes.extend(AppendLedger(entry) for entry in entries)
        urgent = job.lane in URGENT_LANES
        self._sends.extend(Send(link.peer.node, Data(frame), urgent=urgent) for frame in frames)
        mark = link.outbox.lanes[job.lane].mark
        if mark != before:
            self._marked(link, job.lane, mark)

    def _requeued(self, link: Link, outcome: RequeueResult, now: Instant) -> None:
        link.is_requeueing = False
        link.requeue_due = link.requeue_due or bool(outcome.batches)
        for held in outcome.batches:
            batch = replace(held.batch, header=replace(held.batch.header, backfill=True))
            everything = tuple(range(len(batch.header.runs)))
            self._append(batch, held.source, everything, now)
            self._writes.append(SettleHeld(link.peer.node, link.out_direction, held.lsn))

    def _start_jobs(self, link: Link, now: Instant) -> None:
        if link.requeue_due and not link.is_requeueing:
            link.requeue_due, link.is_requeueing = False, True
            self._start(link, lambda job_id: RequeueJob(job_id, link.peer, link.out_direction, self.version))
        reading = sum(state.is_reading for state in link.outbox.lanes.values())
        while reading < OUTBOUND_JOBS_PER_LINK and (lane := link.outbox.pick(now)) is not None:
            self._start_reading(link, lane)
            reading += 1

    def _start_reading(self, link: Link, lane: Lane) -> None:
        link.outbox.started(lane)
        after, upto = link.outbox.lanes[lane].cursor, self._tops[lane]
        self._start(link, lambda job_id: OutboundJob(job_id, link.peer, link.out_direction, lane, after, upto, self.version))

    # ---- common

    def _append(self, batch: Batch, source: str, duplicates: tuple[int, ...], now: Instant) -> StoredBatch:
        self._last_lsn += 1
        lane = batch.header.lane
        self._tops[lane] = self._last_lsn
        stored = StoredBatch(self._last_lsn, batch, source, duplicates)
        self._writes.append(StoreBatch(stored))
        for link in self._links.values():
            link.outbox.appended(lane, now, payload_bytes=len(batch.payload), rows=batch.header.row_count)
        return stored

    def _start(self, link: Link, make: Callable[[int], Job]) -> int:
        job = make(self._next_job)
        self._next_job += 1
        self._jobs[job.id] = (link.peer.node, job)
        self._new_jobs.append(job)
        return job.id


def _local_header(local: LocalBatch, run: Run) -> BatchHeader:
    return BatchHeader(
        resource=local.resource,
        lane=local.lane,
        schema_version=local.schema_version,
        row_count=local.row_count,
        runs=(run,),
        payload_sha256=local.payload_sha256,
        payload_bytes=len(local.payload),
        decoded_bytes=local.decoded_bytes,
        event_time_min_us=local.event_time_min_us,
        event_time_max_us=local.event_time_max_us,
        grade_max=local.grade_max,
        territories=local.territories,
    )
