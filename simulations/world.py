"""A whole hierarchy in one thread: nodes, network, disks and time, driven by a queue of events from one seed."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from random import Random

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.identity.vouch import KeyDirectory
from node.store.schema import Tuning
from policies.bundle import Bundle, SignedBundle, schemas_of
from policies.presets import PRESET_LEVELS, city_bundle_contents, preset_bundle
from simulations.checkers.truth import Numbered
from simulations.clock import EPOCH_US, NodeClock, WorldClock
from simulations.floor import CommitLog
from simulations.host import Host
from simulations.network import Network, Session
from simulations.notary import Notary, Signed
from simulations.plot import Plot
from simulations.surroundings import Seal, Surroundings
from simulations.topology import NodePlan
from simulations.trace import Trace
from simulations.tree import Crown, crown_of
from simulations.workload import Workload
from sync.core.messages import Data
from sync.model import DEFAULT_LIMITS, MICROSECONDS, Lane, Level, Limits, Stream
from sync.model.writes import Write

RECONNECT_US_MAX = 3 * MICROSECONDS
"""A child tries its parent again within this time."""

NOTICE_US_MIN = 1_000
NOTICE_US_MAX = 2 * MICROSECONDS
"""How long a peer takes to notice that a session's other end is gone."""

POLICY_LIFE_US = 400 * 86_400 * MICROSECONDS

TUNING = Tuning(is_synced=False)
"""The simulated disk decides what a power cut leaves, so commits need not wait for the real one."""

OnWire = Callable[[str, str, Data], None]


@dataclass(frozen=True, slots=True)
class Offer:
    """Records handed to a node as one batch."""

    node: str
    resource: str
    id: int
    """Of the first record; see Workload.made."""
    count: int
    at_us: int
    """Time of the world."""


@dataclass(slots=True)
class World:
    """Everything there is. Make it with `build_world`, then `run_until`."""

    seed: int
    plans: Sequence[NodePlan]
    clock: WorldClock
    rng: Random
    trace: Trace
    network: Network
    workload: Workload
    hosts: dict[str, Host] = field(default_factory=dict)
    acknowledged: list[Offer] = field(default_factory=list)
    on_wire: OnWire = lambda source, target, data: None
    offers: dict[int, Offer] = field(default_factory=dict)
    """Every offer by its ticket."""
    numbered: dict[Stream, list[Numbered]] = field(default_factory=dict)
    """Which numbers the origins gave to which records; what a power cut took back is taken out again."""
    commits: CommitLog = field(default_factory=CommitLog)
    signed: Signed = field(default_factory=dict)
    plot: Plot = field(default_factory=Plot)
    on_commit: Callable[[str, Sequence[Write]], None] = lambda node, writes: None
    """(node, writes): a commit went through."""
    on_down: Callable[[str], None] = lambda node: None
    """(node): its power went; whoever plans the faults boots it again."""
    _queue: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _ids: count[int] = field(default_factory=lambda: count(1))

    # ---- time

    def at(self, us: int, action: Callable[[], None]) -> None:
        """Do `action` at a time of the world."""
        heapq.heappush(self._queue, (max(us, self.clock.us), next(self._ids), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do `action` in `seconds`."""
        self.at(self.clock.us + round(seconds * MICROSECONDS), action)

    def run_until(self, us: int) -> None:
        """Let time pass up to `us`."""
        while self._queue and self._queue[0][0] <= us:
            moment, _, action = heapq.heappop(self._queue)
            self.clock.us = self.trace.us = moment
            action()
        self.clock.us = us

    # ---- what the nodes make

    def produce(self, node: str, resource: str, records: int) -> None:
        """Records made at a node now, if it is up."""
        host = self.hosts[node]
        if not host.is_up or host.is_door_shut:
            return
        rows, first = self.workload.records(host.plan, resource, records)
        ticket = next(self._ids)
        self.offers[ticket] = Offer(node, resource, first, records, self.clock.us)
        host.offer(resource, lanes()[resource], rows, ticket)

    def take(self, node: str, resource: str, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
        """Rows that a desk of a node hands in now, as they are to be stored, and their ticket."""
        rows, first = self.workload.taken(node, resource, rows)
        ticket = next(self._ids)
        self.offers[ticket] = Offer(node, resource, first, rows.num_rows, self.clock.us)
        return rows, ticket

    def note_stored(self, node: str, ticket: int) -> None:
        """A local batch is durable and was acknowledged; several in one turn may carry one ticket."""
        offer = self.offers[ticket]
        if self.acknowledged and self.acknowledged[-1] is offer:
            return
        self.acknowledged.append(offer)
        self.trace.note(node, "stored", f"{offer.resource} {offer.count}")

    def note_numbered(self, ticket: int, stream: Stream, first: int, last: int) -> None:
        """The records of a ticket, or the next part of them, are being committed as these numbers."""
        entries = self.numbered.setdefault(stream, [])
        offer = self.offers[ticket]
        before = sum(entry.last - entry.first + 1 for entry in entries if offer.id <= entry.id < offer.id + offer.count)
        entries.append(Numbered(first, last, offer.id + before))

    def note_booted(self, node: str, incarnation: int, tops: Mapping[Stream, int]) -> None:
        """A node found its own streams up to `tops` on its disk: numbers above them are given out again."""
        for stream, entries in self.numbered.items():
            if (stream.origin, stream.incarnation) == (node, incarnation):
                entries[:] = [entry for entry in entries if entry.last <= tops.get(stream, 0)]

    def note_committed(self, node: str, writes: Sequence[Write]) -> None:
        """A commit went through."""
        self.commits.add(node, writes)
        self.on_commit(node, writes)

    # ---- links

    def keep_linked(self, child: str) -> None:
        """The child's reconnect loop: once now and then, open a session when there is none."""
        host = self.hosts[child]
        parent = self.hosts[host.parent]
        is_awake = host.is_ready and parent.is_ready and not (host.is_paused or parent.is_paused)
        if is_awake and not host.has_link(parent.id) and self.network.can_reach(child, parent.id) and parent.admits(host):
            session = Session(next(self._ids), child, parent.id)
            parent.open_link(session, is_parent=False)
            host.open_link(session, is_parent=True)
        self.at(self.clock.us + self.rng.randint(MICROSECONDS // 2, RECONNECT_US_MAX), lambda: self.keep_linked(child))

    def cut_session(self, one: str, other: str) -> None:
        """Close the session between two nodes; both ends notice now."""
        for end, peer in ((one, other), (other, one)):
            if self.hosts[end].is_up:
                self.hosts[end].close_link(peer)

    def down(self, node: str) -> None:
        """A node's power went: its peers notice after a while that their sessions ended; what is on its way may still arrive."""
        for host in self.hosts.values():
            session = host.session_with(node) if host.is_up else None
            if session is not None:
                self.at(self.clock.us + self.rng.randint(NOTICE_US_MIN, NOTICE_US_MAX), lambda session=session: self.give_up(session))  # type: ignore[misc]
        self.on_down(node)

    def give_up(self, session: Session) -> None:
        """The transport ends a session, if it still is one."""
        for end in (session.child, session.parent):
            if self.hosts[end].is_up and self.hosts[end].session_with(session.other(end)) is session:
                self.hosts[end].close_link(session.other(end))

    def close(self) -> None:
        """Release files."""
        for host in self.hosts.values():
            host.close()


@cache
def lanes() -> dict[str, Lane]:
    """Lane of every resource of the shipped catalogue."""
    return {entry.code: entry.lane for entry in city_bundle_contents(Level.PROVINCIAL).catalogue}


@cache
def _schemas() -> dict[str, pa.Schema]:
    return schemas_of(city_bundle_contents(Level.PROVINCIAL).catalogue)


def preset_of(plan: NodePlan) -> Bundle:
    """The shipped bundle of a node that has one to issue."""
    return preset_bundle(plan.level, issuer=plan.id, not_before_us=EPOCH_US - POLICY_LIFE_US, not_after_us=EPOCH_US + POLICY_LIFE_US)


FirstBundle = Callable[[NodePlan], Bundle]
"""What a node that rules issues at epoch 1."""


def build_world(
    seed: int, plans: Sequence[NodePlan], folder: Path, *, limits: Limits = DEFAULT_LIMITS, first_bundle: FirstBundle = preset_of
) -> World:
    """A world of `plans` with journals under `folder`, every node up and trying to reach its parent."""
    clock, rng, trace = WorldClock(), Random(seed), Trace()  # noqa: S311 - a simulation is random on purpose
    network = Network(
        clock,
        Random(rng.getrandbits(64)),  # noqa: S311
        at=lambda us, action: world.at(us, action),
        give_up=lambda session: world.give_up(session),
    )
    made_by = Random(rng.getrandbits(64))  # noqa: S311
    workload = Workload(made_by, wall_us=lambda node: world.hosts[node].clock.wall_us(), schemas=_schemas())
    world = World(seed, plans, clock, rng, trace, network, workload)
    seal = Seal({plan.id: plan.territory for plan in plans})
    directory = KeyDirectory()
    paths: dict[str, tuple[str, ...]] = {"": ()}
    crown = crown_of(plans[0])
    for plan in plans:
        paths[plan.id] = (*paths[plan.parent], plan.id)
        host = _host(world, plan, folder, seal, directory, limits, _bundles(plan, first_bundle), paths[plan.id], crown)
        world.hosts[plan.id] = host
        host.boot()
    for plan in plans:
        if plan.parent:
            world.keep_linked(plan.id)
    return world


def _host(
    world: World, plan: NodePlan, folder: Path, seal: Seal, directory: KeyDirectory, limits: Limits, bundles: Sequence[SignedBundle],
    path: tuple[str, ...], crown: Crown,
) -> Host:
    key = Ed25519PrivateKey.from_private_bytes(world.rng.randbytes(32))
    vouch = Notary(plan.id, key, directory, world.signed)
    directory.learn_key(plan.id, key.public_key().public_bytes_raw())
    around = Surroundings(
        rng=Random(world.rng.getrandbits(64)),  # noqa: S311
        trace=world.trace,
        limits=limits,
        tuning=TUNING,
        at=world.at,
        send=lambda session, source, data, urgent: world.network.send(session, source, data, urgent=urgent),
        link_lost=world.cut_session,
        stored=world.note_stored,
        numbered=world.note_numbered,
        booted=world.note_booted,
        committed=world.note_committed,
        wire=lambda source, target, data: world.on_wire(source, target, data),
        down=world.down,
    )
    incarnation = world.rng.getrandbits(62) | 1
    clock = NodeClock(world.clock, offset_us=world.rng.randint(-2 * MICROSECONDS, 2 * MICROSECONDS))
    return Host(
        plan, folder / plan.id, incarnation=incarnation, clock=clock, vouch=vouch, seal=seal, around=around, path=path, crown=crown,
        first_bundles=bundles,
    )  # fmt: skip


def _bundles(plan: NodePlan, first_bundle: FirstBundle) -> list[SignedBundle]:
    return [SignedBundle(first_bundle(plan), b"", "")] if plan.level in PRESET_LEVELS else []
