"""A simulated node: the production engine, pipeline, gate, handshake and SQLite journal under simulated time, network and disk.

It does what node/runtime.py does with asyncio and threads, with events of the world instead; nothing of the product is written twice. Its
sessions are in sessions.py, where it stands in tree.py, what it does beside replication in upkeep.py.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from node.audit.desk import AuditDesk
from node.audit.retention import CheckpointSeal
from node.clock import FlooredClock, HybridClock
from node.engine.engine_room import pseudonym_keys, shipped_codes
from node.engine.pipeline import Pipeline, Self
from node.engine.sealing import seal
from node.engine.small_jobs import SmallJobs
from node.fork.change import begin_change, finish_change
from node.fork.clones import ForkMemory
from node.fork.desk import ForkDesk
from node.fork.errors import AwayTooLong, ForkFound
from node.fork.reseed import wish_reseed
from node.identity.files import IdentityFiles
from node.policy.slicing import Slicing
from node.policy.store import PolicyStore
from node.store.journal import SqliteJournal, open_journal
from node.store.torn import DiskImage
from policies.bundle import SignedBundle
from policies.gate import CompiledGate, Station
from policies.ruleset import Ruleset
from simulations.clock import EPOCH_US, NodeClock
from simulations.disks import format_disk, limit_disk
from simulations.network import Session
from simulations.notary import read_bundle
from simulations.powercut import CrashPoint, left_on_disk
from simulations.rooms import Rooms
from simulations.sessions import Sessions
from simulations.surroundings import Seal, Surroundings
from simulations.topology import NodePlan
from simulations.tree import Crown, HostTree, identity_of, open_tree
from simulations.upkeep import Upkeep
from sync.core.engine import Engine
from sync.core.lanes import URGENT_LANES
from sync.core.ready import Event, Job, JobResult, LinkBroken, Moved, Ready, Stored
from sync.model import MICROSECONDS, ClockQuality, Instant, JournalCorrupt, JournalFull, Lane, Level, LinkError, PolicyVersion
from sync.model.writes import StoreBatch
from sync.ports import Vouch

if TYPE_CHECKING:
    from simulations.casework import CaseRoom

JOB_US_MAX = 8_000
"""Longest time of one job of a link."""
PULSE_US = 2 * MICROSECONDS
"""How often a node looks whether dates passed, and tells its neighbours what is new: a heartbeat of the product."""
BUSY_SHARE = 0.5
"""Chance that a link's thread is taken for busy in a turn, so that small jobs go both of their ways."""
FLOOR_US = EPOCH_US - 90 * 86_400 * MICROSECONDS
"""When its certificate was issued: no clock of a node shows an earlier time (node/clock.py)."""


class Host:
    """One node. `boot` starts it from its disk, `crash` loses everything else."""

    def __init__(
        self,
        plan: NodePlan,
        folder: Path,
        *,
        incarnation: int,
        clock: NodeClock,
        vouch: Vouch,
        seal: Seal,
        around: Surroundings,
        path: tuple[str, ...],
        crown: Crown,
        first_bundles: Sequence[SignedBundle] = (),
    ) -> None:
        """`path` leads from the province to the node; `first_bundles` are issued here when the disk is set up."""
        self.plan = plan
        self.clock = clock
        self.is_up = False
        self.is_disk_full = False
        self.crash_at: CrashPoint | None = None
        self.lives = 0
        self.on_policy: Callable[[str, PolicyVersion], None] = lambda node, version: None
        """(host, version): another policy came into force."""
        self.incarnation = incarnation
        self.journal: SqliteJournal
        self.engine: Engine
        self.policy: PolicyStore
        self.slicing: Slicing
        self.forks: ForkDesk
        self.tree: HostTree
        self.upkeep: Upkeep
        self.rooms: Rooms | None = None
        self.furnish: Callable[[Host], Rooms] | None = None
        """Makes the rooms of each life; None in a world without."""
        self.desk: CaseRoom | None = None
        self.seat: Callable[[Host], CaseRoom] | None = None
        """Makes the desk of the cases of each life; None in a world without."""
        self.folder = folder
        self.around = around
        self.sessions = Sessions(self)
        self.closed_lanes: frozenset[Lane] = frozenset()
        self.waiting_lanes: set[Lane] = set()
        """Closed lanes of which a frame waits on its link."""
        self.paused_until_us = 0
        self.identity = identity_of(plan, path)
        self._path = path
        self._crown = crown
        self._vouch = vouch
        self._seal = seal
        self._first_bundles = first_bundles
        self._fork_memory = ForkMemory()
        self._inputs: deque[Callable[[Engine, Instant], None]] = deque()
        self._turn_is_due = False
        self._wake_at: Instant | None = None
        self._next_job_us: dict[str, int] = {}
        self._jobs_out: Counter[str] = Counter()
        """By peer: jobs that its thread has or waits to have."""

    @property
    def id(self) -> str:
        """The node id."""
        return self.plan.id

    @property
    def parent(self) -> str:
        """The parent's id: of the order that moved this node, else as planned; empty at the top."""
        return self.tree.desk.parent

    @property
    def is_ready(self) -> bool:
        """True once links may open: what must be done before the first one is done."""
        return self.is_up and (self.rooms is None or self.rooms.is_settled)

    @property
    def is_door_shut(self) -> bool:
        """True while no local record is taken for want of room: as node/runtime.py, with the first common lane."""
        return bool(self.closed_lanes - URGENT_LANES)

    @property
    def journal_path(self) -> Path:
        """The journal file."""
        return self.folder / "journal.db"

    # ---- life

    def boot(self) -> None:
        """Start from the disk, as after any crash; one that is empty is set up first, and a change of incarnation finished."""
        is_new = not self.folder.exists()
        if is_new:
            format_disk(self.journal_path, node=self.id, incarnation=self.incarnation, tuning=self.around.tuning)
            IdentityFiles(self.folder).replace_incarnation(self.incarnation)
        finish_change(self.folder, self.journal_path, node=self.id)
        self.incarnation = IdentityFiles(self.folder).incarnation()
        self.lives += 1
        life = self.around.rng.getrandbits(62) | 1
        self.journal = open_journal(
            self.journal_path, node=self.id, incarnation=self.incarnation, life=life, tuning=self.around.tuning
        )
        self.machine = FlooredClock(self.clock, FLOOR_US)
        self.hybrid = HybridClock(self.machine)
        self._open_policy(is_new=is_new)
        self._open_desks()
        self._open_engine()
        if self.furnish is not None:
            self.rooms = self.furnish(self)
        if self.seat is not None:
            self.desk = self.seat(self)
        self.is_up = True
        self.set_disk_full(is_full=self.is_disk_full)
        self._keep_pulse()

    def crash(self) -> None:
        """Lose everything that is not on the disk."""
        self.is_up = False
        self.crash_at = None
        self._fork_memory = ForkMemory()
        self._end_desks()
        self.journal.close()
        self.paused_until_us = 0
        self.sessions.links.clear()
        self.closed_lanes = frozenset()
        self._inputs.clear()
        self._turn_is_due = False
        self._wake_at = None
        self._next_job_us.clear()
        self._jobs_out.clear()

    def end_process(self) -> None:
        """End this life, as an order or a fork makes a node do; whoever watches `around.down` boots it again."""
        self.crash()
        self.around.down(self.id)

    def renew(self, incarnation: int) -> None:
        """The node is set up again on an empty disk: from its next start on it is another life."""
        self.incarnation = incarnation

    def begin_incarnation(self, shared: dict[Lane, int]) -> None:
        """A stopped node goes on under a new incarnation; what its disk shares with other copies ends at `shared`, by lane."""
        old = IdentityFiles(self.folder).incarnation()
        new = self.around.rng.getrandbits(62) | 1
        begin_change(self.folder, self.journal_path, node=self.id, old=old, new=new, shared=shared)

    def pause(self, for_us: int) -> None:
        """Stand still: nothing is done until then, what arrives waits."""
        self.paused_until_us = max(self.paused_until_us, self.clock.world.us + for_us)

    def go_on(self) -> None:
        """End a pause; what waits still comes when the pause was to end."""
        self.paused_until_us = 0

    @property
    def is_paused(self) -> bool:
        """True while the node stands still."""
        return self.clock.world.us < self.paused_until_us

    def set_disk_full(self, *, is_full: bool) -> None:
        """Take away all free space of the disk, or give it back; it stays so over a restart."""
        self.is_disk_full = is_full
        if self.is_up:
            limit_disk(self.journal._writer, is_full=is_full)  # noqa: SLF001 - the disk is full, whatever the product thinks

    def close(self) -> None:
        """The world ends."""
        if self.is_up:
            self._end_desks()
            self.journal.close()

    def _end_desks(self) -> None:
        self.upkeep.end()
        if self.rooms is not None:
            self.rooms.close()
        if self.desk is not None:
            self.desk.close()

    def _open_policy(self, *, is_new: bool) -> None:
        self.policy = PolicyStore(
            self.folder / "policy", seal=self._seal.of(self.id), compile_gate=self._compile, clock=self.machine,  # type: ignore[arg-type]
            decode=read_bundle,
        )  # fmt: skip
        for bundle in self._first_bundles if is_new else ():
            self.policy.install(bundle)
        self.policy.on_new = self._policy_is_new
        self.policy.on_dates = lambda reasons: self.post(lambda engine, now: engine.dates_moved(reasons, now))

    def _open_desks(self) -> None:
        self.tree = open_tree(
            self.plan, self._path, self.folder, incarnation=self.incarnation, crown=self._crown, clock=self.machine,
            on_moved=lambda order: self.later(0, self.end_process),
        )  # fmt: skip
        self.tree.desk.on_spread = self.sessions.spread_orders
        self.tree.desk.on_standing = lambda standing: self.post(lambda engine, now: engine.stands(self.tree.ordered(standing)))
        self.tree.desk.on_fenced = self.sessions.fence
        self.forks = ForkDesk(
            node=self.id, incarnation=self.incarnation, journal=self.journal, vouch=self._vouch, clock=self.machine,
            memory=self._fork_memory, on_found=self._fork_found, on_away=self._was_away, folder=self.folder, is_top=not self.plan.parent,
        )  # fmt: skip

    def _open_engine(self) -> None:
        me = Self(self.id, self.plan.level, self.plan.territory)
        self.pipeline = Pipeline(
            me=me, journal=self.journal, gate_of=lambda: self.policy.gate, vouch=self._vouch, limits=self.around.limits, compression="lz4"
        )
        self.pipeline.fosters, self.pipeline.known_before = self.tree.desk.fosters, self.forks.known_before
        recovered = self.journal.recover()
        self.engine = Engine(
            node=self.id,
            incarnation=self.incarnation,
            has_parent=bool(self.parent),
            version=self.policy.version,
            recovered=recovered,
            limits=self.around.limits,
            clock=ClockQuality(),
        )
        self.slicing = Slicing(
            self.policy, node=self.id, parent=self.parent, is_sliced=self.plan.level is Level.GRID,
            codes={*shipped_codes(), *self.journal.kept_resources()},
        )  # fmt: skip
        self.slicing.on_wants = self.sessions.ask_for_slices
        tops = {stream: run_map.top for stream, run_map in recovered.streams.items() if stream.origin == self.id}
        self.around.booted(self.id, self.incarnation, tops)
        self.upkeep = Upkeep(self)
        self._begin_audit()

    def _begin_audit(self) -> None:
        # The crown's key stands for each node's own: it signs checkpoints, and no world is as old as the entries that they let go.
        seal = CheckpointSeal(self.id, lambda: self._crown.signer.key)
        audit = AuditDesk(self.id, self.journal, self.upkeep.runtime, self.machine, seal)
        audit.begin(software="simulated", parent=self.parent, policy=self.policy.version.digest.hex())
        self.upkeep.keep_log(audit)

    def _was_away(self, away: AwayTooLong) -> None:
        self.around.trace.note(self.id, "away")
        self.later(0, self._seed_anew)

    def _fork_found(self, fork: ForkFound) -> None:
        self.around.trace.note(self.id, "fork", fork.peer)
        # As node/appliance.py: this life ends, and the next start finishes the change.
        self.later(0, lambda: self._go_on_after(fork))

    def _seed_anew(self) -> None:
        # As node/appliance.py: this life ends, and the next one begins with a reseed.
        self.crash()
        wish_reseed(self.folder, self.journal_path, now_us=self.machine.wall_us())
        self.around.down(self.id)

    def _go_on_after(self, fork: ForkFound) -> None:
        memory = self._fork_memory
        self.crash()
        self._fork_memory = memory  # the process goes on, only its life ends
        self.begin_incarnation(dict(fork.shared))
        self.around.down(self.id)

    def _compile(self, ruleset: Ruleset) -> CompiledGate:
        keys = pseudonym_keys(self.id.encode(), ruleset)
        return CompiledGate(ruleset, Station(self.id, self.plan.level, keys), now_us=self.machine.wall_us())

    # ---- inputs

    def post(self, apply: Callable[[Engine, Instant], None]) -> None:
        """Queue an input for the next turn."""
        self._inputs.append(apply)
        if not self._turn_is_due:
            self._turn_is_due = True
            self.later(self.around.rng.randint(50, 2_000), self._turn)

    def offer(self, resource: str, lane: Lane, rows: pa.RecordBatch, ticket: int, *, schema_version: int = 1) -> None:
        """Records made here, acknowledged as `ticket`."""
        sealed = tuple(seal(rows, resource=resource, lane=lane, schema_version=schema_version, at=self.hybrid.tick(), ticket=ticket))

        def offer_all(engine: Engine, now: Instant) -> None:
            for local in sealed:
                engine.offer(local, now)

        self.post(offer_all)

    def _policy_is_new(self) -> None:
        version = self.policy.version
        self.on_policy(self.id, version)
        self.post(lambda engine, now: engine.policy_changed(version, now))
        self.sessions.spread_bundles()

    # ---- links

    def admits(self, child: Host) -> bool:
        """True when a session of `child` is let in: as planned, or as an order says."""
        try:
            return self.tree.desk.admits(child.identity) or child.plan.parent == self.id
        except LinkError as error:
            self.around.trace.note(self.id, "refused", str(error))
            return False

    def open_link(self, session: Session, *, is_parent: bool) -> None:
        """A session with `session.other(id)` stands."""
        self.sessions.open(session, is_parent=is_parent)

    def close_link(self, peer: str) -> None:
        """The session with `peer` is gone."""
        self.sessions.close(peer)
        self.upkeep.lost(peer)

    def session_with(self, peer: str) -> Session | None:
        """The session with `peer`, handshake included; None when there is none."""
        return self.sessions.of(peer)

    def has_link(self, peer: str) -> bool:
        """True while a session with `peer` stands, handshake included."""
        return peer in self.sessions.links

    def _keep_pulse(self) -> None:
        self.policy.look_at_dates()
        self.sessions.beat()
        self.later(PULSE_US, self._keep_pulse)

    # ---- turns

    def later(self, delay_us: int, action: Callable[[], None]) -> None:
        """Run `action` unless this life has ended by then."""
        life = self.lives

        def run() -> None:
            if not self.is_up or self.lives != life:
                return
            if self.is_paused:
                self.around.at(self.paused_until_us, run)
            else:
                action()

        self.around.at(self.clock.world.us + delay_us, run)

    def _turn(self) -> None:
        self._turn_is_due = False
        now, tops = self.clock.now(), self.engine.lane_tops
        while self._inputs:
            self._inputs.popleft()(self.engine, now)
        ready = SmallJobs(self.pipeline, tops, self._is_busy_with).ready(self.engine, now)
        self.around.trace.ready(self.id, ready)
        self._note_numbers(ready)
        if self._commit(ready):
            self._hand_out(ready)

    def _note_numbers(self, ready: Ready) -> None:
        stored = {write.stored.lsn: write.stored.batch.header for write in ready.writes if isinstance(write, StoreBatch)}
        for event in ready.events:
            if isinstance(event, Stored) and event.ticket >= 0:
                header = stored[event.lsn]
                run = header.runs[0]
                self.around.numbered(event.ticket, run.stream(header.lane, header.resource), run.first, run.last)

    def _commit(self, ready: Ready) -> bool:
        """Make the turn durable; False when the power went before anything was handed out."""
        if self.crash_at is None or not ready.writes:
            return not ready.writes or self._commit_whole(ready)
        point = self.crash_at
        before = DiskImage.of(self.journal_path)
        if point is not CrashPoint.BEFORE_COMMIT and not self._commit_whole(ready):
            return False
        after = DiskImage.of(self.journal_path)
        self.around.trace.note(self.id, "crash", point.value)
        self.crash()
        left_on_disk(point, before, after, self.around.rng).write(self.journal_path)
        self.around.down(self.id)
        return False

    def _commit_whole(self, ready: Ready) -> bool:
        try:
            self.journal.commit(ready.writes)
        except JournalFull:
            # As node/appliance.py: nothing was written or handed out; the node starts again after a while.
            self.around.trace.note(self.id, "full")
            self.end_process()
            return False
        self.around.committed(self.id, ready.writes)
        self.upkeep.committed()
        return True

    def _hand_out(self, ready: Ready) -> None:
        self.upkeep.durable()
        for send in ready.sends:
            self.sessions.hand_out(send)
        for job in ready.jobs:
            self._start(job)
        for event in ready.events:
            self._report(event)
        self.engine.advance()
        self._set_timer(ready.wake_at)

    def _is_busy_with(self, peer: str) -> bool:
        return self._jobs_out[peer] > 0 or self.around.rng.random() < BUSY_SHARE

    def _start(self, job: Job) -> None:
        # One pipeline thread per link: jobs of a peer run one after another.
        peer, now_us, rng = job.peer.node, self.clock.world.us, self.around.rng
        start = max(now_us, self._next_job_us.get(peer, 0)) + rng.randint(100, 2_000)
        takes_us = rng.randint(100, JOB_US_MAX)
        self._next_job_us[peer] = start + takes_us
        self._jobs_out[peer] += 1
        self.later(start - now_us, lambda: self._work(job, takes_us))

    def _work(self, job: Job, takes_us: int) -> None:
        # The policy is the one of the beginning; by the end another may be in force.
        try:
            outcome = self.pipeline.run(job)
        except JournalCorrupt as error:
            if error.lsn is None:
                raise
            self._jobs_out[job.peer.node] -= 1
            self.upkeep.damaged(error.lsn, then=lambda: self._start(job))
            return
        self.later(takes_us, lambda: self._finished(job, outcome))

    def _finished(self, job: Job, outcome: JobResult) -> None:
        self._jobs_out[job.peer.node] -= 1
        self.post(lambda engine, now: engine.gated(outcome, now))

    def _report(self, event: Event) -> None:
        if isinstance(event, Stored) and event.ticket >= 0:
            self.around.stored(self.id, event.ticket)
            if self.desk is not None:
                self.desk.stored(event.ticket)
        elif isinstance(event, Stored) and self.rooms is not None:
            self.rooms.stored(event.ticket)
        elif isinstance(event, Moved):
            self.sessions.moved(event)
        elif isinstance(event, LinkBroken):
            self.sessions.broken(event)

    def _set_timer(self, wake_at: Instant | None) -> None:
        self._wake_at = wake_at
        if wake_at is not None:
            self.later(max(1, wake_at.us - self.clock.now().us), lambda: self._wake(wake_at))

    def _wake(self, moment: Instant) -> None:
        if self._wake_at == moment:
            self.post(lambda engine, now: engine.timeout(now))
