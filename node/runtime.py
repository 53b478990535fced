"""The one asyncio shell around the engine.

Links, ingest and timers post inputs; each turn drains them, asks the engine for one `Ready`, makes its writes durable in one
transaction on the commit thread, then
hands out sends, jobs and events. Inputs that arrive during a commit wait for the next turn: that is the group commit. The jobs of
links run on a few threads (job_threads.py), those of one link in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

from node.clock import Clock, HybridClock
from node.engine.commits import Commits
from node.engine.job_threads import JobThreads
from node.engine.pipeline import Pipeline
from node.engine.sealing import seal
from node.engine.small_jobs import SmallJobs, are_small
from node.ingest.inbox import Inbox, PendingBatch
from node.store.door_book import Mark
from sync.core.engine import Engine
from sync.core.lanes import URGENT_LANES
from sync.core.messages import Data
from sync.core.ready import Event, InboundJob, Job, JobResult, LinkBroken, OutboundJob, Ready, Send, Stored
from sync.model import Instant, JournalCorrupt, JournalError, JournalFull, Lane
from sync.model.writes import AppendRefusal, Recovered, Write
from sync.ports import Journal

INPUTS_PER_TURN_MAX = 1_024
"""Inputs one turn takes, so that a flood cannot keep the commit waiting."""

RECORDS_PER_TURN_MAX = 20_000
"""Local records one turn seals."""

IDLE_S = 0.002
"""A node that waited this long for its next input has nothing else to do."""
LIGHT_WRITES_MAX = 32
"""Writes of a commit that may run on the loop."""

FULL_RETRY_S = 1.0
"""Wait before a turn that the disk had no room for is tried again."""

log = logging.getLogger("yunnao.runtime")

Answer = TypeVar("Answer")

Input = Callable[[Engine, Instant], None]


class Runtime:
    """Owns the engine; everything else reaches it through `post`."""

    def __init__(
        self,
        *,
        engine: Engine,
        journal: Journal,
        pipeline: Pipeline,
        records: Inbox,
        lane_of: Callable[[str], tuple[Lane, int]],
        clock: Clock,
        hybrid: HybridClock,
    ) -> None:
        self.engine = engine
        self.on_send: Callable[[Send], None] = lambda send: None
        self.on_event: Callable[[Event], None] = lambda event: None
        self.on_committed: Callable[[], None] = lambda: None
        """Called after every commit, before anything of its turn is handed out."""
        self.stage_marks: Callable[[Sequence[Mark]], None] = lambda marks: None
        """Called with what the sensor door must not forget, before the commit that holds the records it came with."""
        self.on_damage: Callable[[int, Callable[[], None]], None] | None = None
        """Called with the lsn of a batch that a job could not read, and with what starts the job again once that is settled."""
        self._journal = journal
        self._pipeline = pipeline
        self._records = records
        self._lane_of = lane_of
        self._clock = clock
        self._hybrid = hybrid
        self._inputs: deque[Input] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._commits = Commits(clock)
        self._is_idle = False
        """True when this turn's first input was waited for."""
        self._tops: Mapping[Lane, int] = {}
        """The newest lsn of each lane before this turn: what the journal holds until the turn is durable."""
        self._job_threads = JobThreads[JobResult]()
        self._sealed: dict[int, PendingBatch] = {}
        self._next_ticket = 1
        self._failure: BaseException | None = None
        self._has_marks = False
        """True when this turn's commit carries marks of the sensor door."""
        self._after_commit: list[Callable[[], None]] = []
        self._successor: tuple[Callable[[Engine, Recovered], Engine], asyncio.Future[None]] | None = None
        self._jobs_out: Counter[str] = Counter()
        self._job_done = asyncio.Event()
        self._closed_lanes: frozenset[Lane] = frozenset()
        self._waiting_lanes: set[Lane] = set()
        self.is_full = False
        """True while a turn waits for space to be committed in."""

    @property
    def pipeline(self) -> Pipeline:
        """What runs the links' jobs; it only reads."""
        return self._pipeline

    def post(self, apply: Input) -> None:
        """Queue an input for the next turn; call on the event loop."""
        self._inputs.append(apply)
        self._wake.set()

    async def ask(self, question: Callable[[Engine, Instant], Answer]) -> Answer:
        """Put a question to the engine in the next turn.

        The answer comes once that turn is durable, so it never names what a crash could take back.
        """
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def answer(engine: Engine, now: Instant) -> None:
            value = question(engine, now)
            self._after_commit.append(lambda: None if waiting.done() else waiting.set_result(value))

        self.post(answer)
        return await waiting

    async def begin_anew(self, make: Callable[[Engine, Recovered], Engine]) -> None:
        """Before the next turn, put in the place of the engine what `make` builds from it and from what the journal holds.

        As after a start of the process: every session ends and is opened again. Raises what reading the journal raises, with nothing
        changed.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._successor = (make, done)
        self._wake.set()
        await done

    async def wait_for_room(self, peer: str, jobs_max: int, lane: Lane | None = None) -> None:
        """Wait until fewer than `jobs_max` jobs of `peer` are out and `lane` takes data: the back-pressure of a link."""
        while self._jobs_out[peer] >= jobs_max or self.is_full or lane in self._closed_lanes:
            if lane is not None and lane in self._closed_lanes:
                self._waiting_lanes.add(lane)
            self._job_done.clear()
            await self._job_done.wait()

    def close_lanes(self, lanes: frozenset[Lane]) -> None:
        """`lanes` take nothing until the next call: their frames wait on their links, and the door shuts with the first common lane."""
        self._closed_lanes = lanes
        self._turn_door()

    def take_waiting_lanes(self) -> set[Lane]:
        """Closed lanes of which a frame waits on its link, since the last call."""
        waiting, self._waiting_lanes = self._waiting_lanes, set()
        return waiting

    async def beside_commits(self, work: Callable[[], Answer]) -> Answer:
        """Run `work` on the commit thread, between two turns' transactions."""
        return await self._commits.run(work)

    def wake(self) -> None:
        """Local records are waiting; call on the event loop."""
        self._wake.set()

    def stop(self) -> None:
        """End `run` after the turn in progress."""
        self._stopping = True
        self._wake.set()

    def fail(self, failure: BaseException) -> None:
        """End `run` with `failure` at the next turn; call on the event loop."""
        self._failure = failure
        self._wake.set()

    async def run(self) -> None:
        """Turn until stopped.

        Raises JournalError when a commit failed: nothing of that turn was acknowledged or sent, and the engine must be rebuilt.
        """
        wake_at: Instant | None = None
        try:
            while not self._stopping:
                await self._wait_for_input(wake_at)
                if self._successor is not None:
                    await self._succeed(*self._successor)
                ready = self._gather()
                await self._hand_out(ready)
                wake_at = ready.wake_at
        finally:
            # Waited for, off the loop: whoever stops the runtime closes the journal next, and a job may be reading it.
            await asyncio.to_thread(self._close_threads)

    async def _wait_for_input(self, wake_at: Instant | None) -> None:
        self._is_idle = False
        if self._inputs or self._records.waiting:
            await asyncio.sleep(0)
            return
        began = self._clock.now()
        timeout = None if wake_at is None else max(0.0, wake_at.seconds_since(began))
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            self._inputs.append(lambda engine, now: engine.timeout(now))
        self._is_idle = self._clock.now().seconds_since(began) >= IDLE_S

    async def _succeed(self, make: Callable[[Engine, Recovered], Engine], done: asyncio.Future[None]) -> None:
        self._successor = None
        try:
            recovered = await self.beside_commits(self._journal.recover)
        except JournalError as error:
            if not done.done():
                done.set_exception(error)
            return
        former = self.engine
        self.engine = make(former, recovered)
        for peer in former.link_peers():
            self.on_event(LinkBroken(peer, "the engine of this node begins anew: the link is opened again", fatal=False))
        if not done.done():
            done.set_result(None)

    def _gather(self) -> Ready:
        self._wake.clear()
        if self._failure is not None:
            raise self._failure
        now, self._tops = self._clock.now(), self.engine.lane_tops
        for _ in range(min(len(self._inputs), INPUTS_PER_TURN_MAX)):
            self._inputs.popleft()(self.engine, now)
        for pending in self._records.drain(RECORDS_PER_TURN_MAX):
            self._offer(pending, now)
        self._has_marks = self._records.has_marks
        if self._has_marks:
            self.stage_marks(self._records.take_marks())
        return SmallJobs(self._pipeline, self._tops, self._has_job_out).ready(self.engine, now)

    async def _hand_out(self, ready: Ready) -> None:
        # Neither the threads nor the disk wait for the other.
        for job in ready.jobs:
            if self._is_early(job):
                self._start(job)
        if ready.writes or self._has_marks:
            await self._commit(ready.writes)
            self.on_committed()
            self._records.marks_stored()
        answers, self._after_commit = self._after_commit, []
        for tell in answers:
            tell()
        # Frames first: whoever hears an acknowledgement first keeps a machine busy that the records still have to pass.
        for send in sorted(ready.sends, key=lambda send: not isinstance(send.message, Data)):
            self.on_send(send)
        for job in ready.jobs:
            if not self._is_early(job):
                self._start(job)
        for event in ready.events:
            self._report(event)
        self.engine.advance()

    def _is_early(self, job: Job) -> bool:
        """True when nothing that the job reads is of this turn: it may begin before the commit, and its answer is of a later turn."""
        return isinstance(job, InboundJob) or (isinstance(job, OutboundJob) and job.upto <= self._tops.get(job.lane, 0))

    async def _commit(self, writes: Sequence[Write]) -> None:
        """Make a turn durable; while the disk takes nothing, nothing is acknowledged and the same turn is tried again."""
        writes = [replace(write, at_us=self._clock.wall_us()) if isinstance(write, AppendRefusal) else write for write in writes]
        while True:
            try:
                is_light = self._is_idle and len(writes) <= LIGHT_WRITES_MAX and are_small(writes)
                await self._commits.commit(lambda: self._journal.commit(writes), is_light=is_light)
                break
            except JournalFull as error:
                if self._stopping:
                    raise
                if not self.is_full:
                    log.error("nothing can be stored: %s; the door is closed, trying again every %g s", error, FULL_RETRY_S)
                self.is_full = True
                self._turn_door()
                await asyncio.sleep(FULL_RETRY_S)
        if self.is_full:
            self.is_full = False
            log.warning("the journal takes data again")
            self._turn_door()

    def _turn_door(self) -> None:
        self._job_done.set()
        if self.is_full or self._closed_lanes - URGENT_LANES:
            self._records.shut()
        else:
            self._records.open()

    def _report(self, event: Event) -> None:
        if isinstance(event, Stored):
            # Parts of one batch share a ticket and are durable together: the first to be reported acknowledges them all.
            if (pending := self._sealed.pop(event.ticket, None)) is not None:
                self._records.stored(pending)
        else:
            self.on_event(event)

    def _offer(self, pending: PendingBatch, now: Instant) -> None:
        ticket = self._next_ticket
        self._next_ticket += 1
        self._sealed[ticket] = pending
        lane, schema_version = self._lane_of(pending.resource)
        at = self._hybrid.tick()
        for local in seal(
            pending.rows, resource=pending.resource, lane=lane, schema_version=schema_version, at=at, ticket=ticket
        ):
            self.engine.offer(local, now)

    def _has_job_out(self, peer: str) -> bool:
        return self._jobs_out[peer] > 0

    def _start(self, job: Job) -> None:
        peer, engine = job.peer.node, self.engine
        loop = asyncio.get_running_loop()
        self._jobs_out[peer] += 1
        self._job_threads.submit(
            peer, lambda: self._pipeline.run(job), lambda done: loop.call_soon_threadsafe(self._finished, job, done, engine)
        )  # fmt: skip

    def _finished(self, job: Job, done: Future[JobResult], asker: Engine) -> None:
        self._jobs_out[job.peer.node] -= 1
        self._job_done.set()
        if done.cancelled():
            return
        failure = done.exception()
        if isinstance(failure, JournalCorrupt) and failure.lsn is not None and self.on_damage is not None:
            self.on_damage(failure.lsn, lambda: self._start_again(job, asker))
            return
        if failure is not None:
            self._failure = failure  # raised by the next turn: a job never fails on a peer's data, only on our own journal
            self._wake.set()
            return
        outcome = done.result()
        # An engine that began anew counts its jobs from one again.
        self.post(lambda engine, now: engine.gated(outcome, now) if engine is asker else None)

    def _start_again(self, job: Job, asker: Engine) -> None:
        """The batch that the job could not read is set aside; by now the runtime may have stopped, or have another engine."""
        if not self._stopping and self.engine is asker:
            self._start(job)

    def _close_threads(self) -> None:
        self._commits.shutdown()
        self._job_threads.shutdown()
