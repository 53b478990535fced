"""A simulated node: the production engine, pipeline, gate, handshake and SQLite journal under simulated time, network and disk.

It does what node/runtime.py does with asyncio and threads, with events of the world instead; nothing of the product is written twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random

import pyarrow as pa

from node.clock import HybridClock
from node.handshake import Handshake, Me, Step
from node.pipeline import Pipeline, Self
from node.policy_store import PolicyStore
from node.sealing import seal
from node.store.journal import SqliteJournal, open_journal
from node.store.schema import Tuning
from node.store.torn import DiskImage, torn, unsynced_bytes
from policies.bundle import SignedBundle
from policies.errors import PolicyError
from policies.gate import CompiledGate, Station
from policies.ruleset import Ruleset
from simulations.clock import NodeClock
from simulations.disks import format_disk, limit_disk
from simulations.network import Session
from simulations.topology import NodePlan
from simulations.trace import Trace
from sync.core.engine import Engine
from sync.core.messages import Ack, Bundles, Data, Hello, Message, Refused, Stop
from sync.core.ready import Event, Job, LinkBroken, PeerFacts, Ready, Stored
from sync.model import MICROSECONDS, ClockQuality, Instant, JournalFull, Lane, Limits, PolicyVersion, Stream, SyncError
from sync.model.writes import StoreBatch, Write
from sync.ports import Vouch
from sync.wire.codec import Unknown, decode, encode


class CrashPoint(Enum):
    """Where in a turn the power goes."""

    BEFORE_COMMIT = "before-commit"
    IN_COMMIT = "in-commit"
    """The disk is left torn."""
    BEFORE_SENDS = "before-sends"
    """Durable, but nothing was handed out."""


HANDSHAKE_TIMEOUT_US = 15 * MICROSECONDS
"""As node/links.py."""
JOB_US_MAX = 8_000
"""Longest time of one job of a link."""
FLIP_SHARE = 0.5
"""Torn commits of which one byte that arrived is wrong."""


@dataclass(slots=True)
class Surroundings:
    """What a host needs of its world."""

    rng: Random
    trace: Trace
    limits: Limits
    tuning: Tuning
    at: Callable[[int, Callable[[], None]], None]
    """Run something at a time of the world, microseconds."""
    send: Callable[[Session, str, bytes, bool], None]
    link_lost: Callable[[str, str], None]
    """(host, peer): close the session between the two and let the child try again."""
    stored: Callable[[str, int], None]
    """(host, ticket): a local batch was acknowledged."""
    numbered: Callable[[int, Stream, int, int], None]
    """(ticket, stream, first, last): a local batch is about to be committed under these numbers."""
    booted: Callable[[str, int, Mapping[Stream, int]], None]
    """(host, incarnation, tops): what a host found of its own streams when it started."""
    committed: Callable[[str, Sequence[Write]], None]
    """(host, writes): a commit went through."""
    wire: Callable[[str, str, Data], None]
    """(source, target, frame): for the checker that watches what is on the wire."""
    down: Callable[[str], None]
    """(host): its power went in the middle of a turn."""


@dataclass(slots=True)
class Link:
    """A session as this end sees it."""

    session: Session
    handshake: Handshake
    is_up: bool = False


@dataclass(slots=True)
class Seal:
    """Bundles of a simulation need no signatures: what they say is what counts."""

    territories: dict[str, str]

    def territory_of(self, signed: SignedBundle) -> str:
        """The issuer's territory."""
        return self.territories[signed.bundle.issuer]


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
        first_bundles: Sequence[SignedBundle] = (),
    ) -> None:
        """`first_bundles` are issued here when the disk is set up."""
        self.plan = plan
        self.clock = clock
        self.is_up = False
        self.is_disk_full = False
        self.crash_at: CrashPoint | None = None
        self.lives = 0
        self.on_policy: Callable[[str, PolicyVersion], None] = lambda node, version: None
        """(host, version): another policy came into force."""
        self.journal: SqliteJournal
        self.engine: Engine
        self.policy: PolicyStore
        self.folder = folder
        self._incarnation = incarnation
        self._vouch = vouch
        self._seal = seal
        self.around = around
        self._first_bundles = first_bundles
        self._paused_until_us = 0
        self.links: dict[str, Link] = {}
        self._inputs: deque[Callable[[Engine, Instant], None]] = deque()
        self._turn_is_due = False
        self._wake_at: Instant | None = None
        self._next_job_us: dict[str, int] = {}

    @property
    def id(self) -> str:
        """The node id."""
        return self.plan.id

    @property
    def journal_path(self) -> Path:
        """The journal file."""
        return self.folder / "journal.db"

    # ---- life

    def boot(self) -> None:
        """Start from the disk, as after any crash; one that is empty is set up first."""
        is_new = not self.folder.exists()
        if is_new:
            format_disk(self.journal_path, node=self.id, incarnation=self._incarnation, tuning=self.around.tuning)
        self.journal = open_journal(self.journal_path, node=self.id, incarnation=self._incarnation, tuning=self.around.tuning)
        self.policy = PolicyStore(self.folder / "policy", seal=self._seal, compile_gate=self._compile, clock=self.clock)  # type: ignore[arg-type]
        if is_new:
            for bundle in self._first_bundles:
                self.policy.install(bundle)
        self.policy.on_new = self._policy_is_new
        self.hybrid = HybridClock(self.clock)
        me = Self(self.id, self.plan.level, self.plan.territory)
        self.pipeline = Pipeline(
            me=me, journal=self.journal, gate_of=lambda: self.policy.gate, vouch=self._vouch, limits=self.around.limits, compression="lz4"
        )
        recovered = self.journal.recover()
        self.engine = Engine(
            node=self.id,
            incarnation=self._incarnation,
            has_parent=bool(self.plan.parent),
            version=self.policy.version,
            recovered=recovered,
            limits=self.around.limits,
            clock=ClockQuality(),
        )
        tops = {stream: run_map.top for stream, run_map in recovered.streams.items() if stream.origin == self.id}
        self.around.booted(self.id, self._incarnation, tops)
        self.lives += 1
        self.is_up = True
        self.set_disk_full(is_full=self.is_disk_full)

    def crash(self) -> None:
        """Lose everything that is not on the disk."""
        self.is_up = False
        self.crash_at = None
        self.journal.close()
        self._paused_until_us = 0
        self.links.clear()
        self._inputs.clear()
        self._turn_is_due = False
        self._wake_at = None
        self._next_job_us.clear()

    def renew(self, incarnation: int) -> None:
        """The node was set up again on an empty disk: from its next start on it is another life."""
        self._incarnation = incarnation

    def pause(self, for_us: int) -> None:
        """Stand still: nothing is done until then, what arrives waits."""
        self._paused_until_us = max(self._paused_until_us, self.clock.world.us + for_us)

    def go_on(self) -> None:
        """End a pause; what waits still comes when the pause was to end."""
        self._paused_until_us = 0

    @property
    def is_paused(self) -> bool:
        """True while the node stands still."""
        return self.clock.world.us < self._paused_until_us

    def set_disk_full(self, *, is_full: bool) -> None:
        """Take away all free space of the disk, or give it back; it stays so over a restart."""
        self.is_disk_full = is_full
        if self.is_up:
            limit_disk(self.journal._writer, is_full=is_full)  # noqa: SLF001 - the disk is full, whatever the product thinks

    def close(self) -> None:
        """The world ends."""
        if self.is_up:
            self.journal.close()

    def _compile(self, ruleset: Ruleset) -> CompiledGate:
        return CompiledGate(ruleset, Station(self.id, self.plan.level), now_us=self.clock.wall_us())

    # ---- inputs

    def post(self, apply: Callable[[Engine, Instant], None]) -> None:
        """Queue an input for the next turn."""
        self._inputs.append(apply)
        if not self._turn_is_due:
            self._turn_is_due = True
            self._later(self.around.rng.randint(50, 2_000), self._turn)

    def offer(self, resource: str, lane: Lane, rows: pa.RecordBatch, ticket: int) -> None:
        """Records made here, acknowledged as `ticket`."""
        sealed = tuple(seal(rows, resource=resource, lane=lane, schema_version=1, at=self.hybrid.tick(), ticket=ticket))

        def offer_all(engine: Engine, now: Instant) -> None:
            for local in sealed:
                engine.offer(local, now)

        self.post(offer_all)

    def _policy_is_new(self) -> None:
        version = self.policy.version
        self.on_policy(self.id, version)
        self.post(lambda engine, now: engine.policy_changed(version, now))
        for peer, link in sorted(self.links.items()):
            if link.is_up and link.handshake.hello is not None:
                self.say(link, Bundles(self.policy.missing_in(PolicyVersion(), link.handshake.hello.territory)))
                self.around.trace.note(self.id, "bundles", peer)

    # ---- links

    def open_link(self, session: Session, *, is_parent: bool) -> None:
        """A session with `session.other(id)` stands: begin the handshake."""
        peer = session.other(self.id)
        held = self.engine.positions_by_incarnation(peer)
        shaking = Handshake(
            Me(self.id, self._incarnation, self.plan.level, self.plan.territory),
            peer=peer,
            is_parent=is_parent,
            positions=lambda incarnation: held.get(incarnation, ()),
            shelf=self.policy,
            tick=self.hybrid.tick,
        )
        link = self.links[peer] = Link(session, shaking)
        session.receivers[self.id] = lambda data: self._receive(link, peer, data)
        self._later(HANDSHAKE_TIMEOUT_US, lambda: self._give_up_handshake(link, peer))
        for message in shaking.begin():
            self.say(link, message)

    def _give_up_handshake(self, link: Link, peer: str) -> None:
        if self.links.get(peer) is link and not link.is_up:
            self.around.link_lost(self.id, peer)

    def close_link(self, peer: str) -> None:
        """The session with `peer` is gone."""
        if self.links.pop(peer, None) is not None:
            self.post(lambda engine, now: engine.link_down(peer, now))

    def session_with(self, peer: str) -> Session | None:
        """The session with `peer`, handshake included; None when there is none."""
        link = self.links.get(peer)
        return link.session if link else None

    def has_link(self, peer: str) -> bool:
        """True while a session with `peer` stands, handshake included."""
        return peer in self.links

    def say(self, link: Link, message: Message, *, urgent: bool = True) -> None:
        """Send a message to the other end of a link."""
        self.around.send(link.session, self.id, encode(message), urgent)

    def _receive(self, link: Link, peer: str, data: bytes) -> None:
        if self.links.get(peer) is not link:
            return
        if self.is_paused:
            self.around.at(self._paused_until_us, lambda: self._receive(link, peer, data))
            return
        try:
            message = decode(data, self.around.limits)
            if link.is_up:
                self._receive_open(peer, message)
                return
            for answer in () if isinstance(message, Unknown) else link.handshake.receive(message):
                self.say(link, answer)
        except (SyncError, PolicyError) as error:
            # As node/links.py: the session ends with the reason, and the child opens another.
            self.around.trace.note(self.id, "refused", str(error))
            self.around.link_lost(self.id, peer)
            return
        if link.handshake.step is Step.DONE:
            self._link_is_up(link, peer)

    def _receive_open(self, peer: str, message: object) -> None:
        if isinstance(message, Bundles):
            self.policy.take(message.bundles)
        elif isinstance(message, Data | Ack | Refused | Stop):
            self.post(lambda engine, now: engine.receive(peer, message, now))

    def _link_is_up(self, link: Link, peer: str) -> None:
        hello = link.handshake.hello
        assert isinstance(hello, Hello), "a finished handshake has a Hello"
        link.is_up = True
        for message in link.handshake.late_bundles():
            self.say(link, message)
        is_parent = peer == self.plan.parent
        facts = PeerFacts(peer, hello.incarnation, hello.level, hello.territory, is_parent, frozenset() if is_parent else frozenset({peer}))
        mine = hello.positions if hello.for_incarnation == self._incarnation else ()
        chains = {
            (position.direction, position.lane): self.journal.ledger_chain(peer, position.direction, position.lane, position.upto)
            for position in mine
        }
        self.around.trace.note(self.id, "link", peer)
        self.post(lambda engine, now: engine.link_up(facts, hello, chains, now))

    # ---- turns

    def _later(self, delay_us: int, action: Callable[[], None]) -> None:
        """Run `action` unless this life has ended by then."""
        life = self.lives

        def run() -> None:
            if not self.is_up or self.lives != life:
                return
            if self.is_paused:
                self.around.at(self._paused_until_us, run)
            else:
                action()

        self.around.at(self.clock.world.us + delay_us, run)

    def _turn(self) -> None:
        self._turn_is_due = False
        now = self.clock.now()
        while self._inputs:
            self._inputs.popleft()(self.engine, now)
        ready = self.engine.ready(now)
        self.around.trace.ready(self.id, ready)
        self._note_numbers(ready)
        if self._commit(ready):
            self._hand_out(ready)

    def _note_numbers(self, ready: Ready) -> None:
        stored = {write.stored.lsn: write.stored.batch.header for write in ready.writes if isinstance(write, StoreBatch)}
        for event in ready.events:
            if isinstance(event, Stored):
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
        self._left_on_disk(point, before, after).write(self.journal_path)
        self.around.down(self.id)
        return False

    def _commit_whole(self, ready: Ready) -> bool:
        try:
            self.journal.commit(ready.writes)
        except JournalFull:
            # As node/appliance.py: nothing was written or handed out; the node starts again after a while.
            self.around.trace.note(self.id, "full")
            self.crash()
            self.around.down(self.id)
            return False
        self.around.committed(self.id, ready.writes)
        return True

    def _left_on_disk(self, point: CrashPoint, before: DiskImage, after: DiskImage) -> DiskImage:
        # Closing tidied the files up, which a power cut does not.
        if point is not CrashPoint.IN_COMMIT:
            return after
        rng = self.around.rng
        cut = rng.randint(0, unsynced_bytes(before, after))
        return torn(before, after, cut=cut, flip=rng if rng.random() < FLIP_SHARE else None)

    def _hand_out(self, ready: Ready) -> None:
        for send in ready.sends:
            link = self.links.get(send.peer)
            if link is not None and link.is_up:
                if isinstance(send.message, Data):
                    self.around.wire(self.id, send.peer, send.message)
                self.say(link, send.message, urgent=send.urgent)
        for job in ready.jobs:
            self._start(job)
        for event in ready.events:
            self._report(event)
        self.engine.advance()
        self._set_timer(ready.wake_at)

    def _start(self, job: Job) -> None:
        # One pipeline thread per link: jobs of a peer run one after another.
        peer, now_us, rng = job.peer.node, self.clock.world.us, self.around.rng
        start = max(now_us, self._next_job_us.get(peer, 0)) + rng.randint(100, 2_000)
        takes_us = rng.randint(100, JOB_US_MAX)
        self._next_job_us[peer] = start + takes_us

        def work() -> None:
            # The policy is the one of the beginning; by the end another may be in force.
            outcome = self.pipeline.run(job)
            self._later(takes_us, lambda: self.post(lambda engine, now: engine.gated(outcome, now)))

        self._later(start - now_us, work)

    def _report(self, event: Event) -> None:
        if isinstance(event, Stored):
            self.around.stored(self.id, event.ticket)
        elif isinstance(event, LinkBroken):
            self.around.trace.note(self.id, "broken", event.reason)
            self.around.link_lost(self.id, event.peer)

    def _set_timer(self, wake_at: Instant | None) -> None:
        self._wake_at = wake_at
        if wake_at is not None:
            self._later(max(1, wake_at.us - self.clock.world.us), lambda: self._wake(wake_at))

    def _wake(self, moment: Instant) -> None:
        if self._wake_at == moment:
            self.post(lambda engine, now: engine.timeout(now))
