"""A city of one's own on a good day: which links carry what its nodes make, how late it is, and what every node holds at any moment.

Runs the production nodes of the simulator on the links of a topology, without faults of its own: a link's losses are part of its profile.
Called by city_verb.py and sizing.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulations.clock import EPOCH_US
from simulations.planning.profiles import LinkProfile
from simulations.planning.topology_file import Topology
from simulations.topology import NodePlan
from simulations.world import World, build_world
from sync.model import DEFAULT_LIMITS, MICROSECONDS, Direction, Lane, Limits

KBIT_BYTES = 125
"""Bytes in a kilobit."""
MILLISECOND_US = 1_000


@dataclass(frozen=True, slots=True)
class Load:
    """What every node of a level that makes a resource makes of it."""

    resource: str
    records_per_s: float
    every_s: float = 1.0
    """Seconds between two lots of records at one node."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node at one moment."""

    node: str
    level: str
    records: int
    """Records present."""
    pending: int
    """Records that wait for the parent."""
    oldest_s: float
    """Age of the oldest of them; 0.0 when none waits."""
    is_linked: bool
    sent_bytes: int
    """Since the beginning, toward the parent."""
    spare: float
    """Share of the uplink's rate that was free since the last look; 1.0 without a rate."""


@dataclass(frozen=True, slots=True)
class Look:
    """All nodes at one moment."""

    at_s: float
    nodes: tuple[NodeState, ...]


@dataclass(slots=True)
class City:
    """A running city. `looks` lets time pass."""

    world: World
    topology: Topology
    loads: Sequence[Load]
    _sent: dict[str, int] = field(default_factory=dict)
    _looked_us: int = 0

    def looks(self, *, seconds: float, every_s: float) -> Iterator[Look]:
        """The state of the city every `every_s` seconds, for `seconds` of its time."""
        for load in self.loads:
            self._produce(load)
        end_us = self.world.clock.us + round(seconds * MICROSECONDS)
        while self.world.clock.us < end_us:
            self.world.run_until(min(self.world.clock.us + round(every_s * MICROSECONDS), end_us))
            yield self.look()

    def look(self) -> Look:
        """The state of every node now."""
        states = tuple(self._state(plan) for plan in self.world.plans)
        self._sent = {state.node: state.sent_bytes for state in states}
        self._looked_us = self.world.clock.us
        return Look(self.world.clock.seconds, states)

    def _produce(self, load: Load) -> None:
        lowest = min(plan.level for plan in self.world.plans)
        usual = [plan for plan in self.world.plans if load.resource in self.world.workload.resources_of(plan)]
        # A city that is simulated down to its streets only has its sensors there.
        makers = usual or [plan for plan in self.world.plans if plan.level is lowest]
        for index, plan in enumerate(makers):
            # Sensors do not tick together: each node begins at its own moment of the period.
            first_us = self.world.clock.us + round(load.every_s * MICROSECONDS * (index + 1) / (len(makers) + 1))
            self.world.at(first_us, lambda plan=plan: self._make(plan, load, 0.0))  # type: ignore[misc]

    def _make(self, plan: NodePlan, load: Load, owed: float) -> None:
        owed += load.records_per_s * load.every_s
        if owed >= 1:
            self.world.produce(plan.id, load.resource, int(owed))
        self.world.after(load.every_s, lambda: self._make(plan, load, owed - int(owed)))

    def _state(self, plan: NodePlan) -> NodeState:
        host = self.world.hosts[plan.id]
        sent = self.world.network.bytes_sent[plan.id, plan.parent]
        waiting = [host.journal.backlog(plan.parent, Direction.UP, lane) for lane in Lane] if plan.parent else []
        oldest = [backlog.oldest_wall_us for backlog in waiting if backlog.oldest_wall_us is not None]
        age_s = (host.clock.wall_us() - min(oldest)) / MICROSECONDS if oldest else 0.0
        return NodeState(
            node=plan.id,
            level=plan.level.word,
            records=sum(host.journal.counts().values()),
            pending=sum(backlog.records for backlog in waiting),
            oldest_s=max(age_s, 0.0),
            is_linked=bool(plan.parent) and host.has_link(plan.parent),
            sent_bytes=sent,
            spare=self._spare(plan, sent),
        )

    def _spare(self, plan: NodePlan, sent: int) -> float:
        profile, elapsed_us = self.topology.links.get(plan.id), self.world.clock.us - self._looked_us
        if profile is None or not elapsed_us:
            return 1.0
        could = profile.rate_kbit_s * KBIT_BYTES * elapsed_us / MICROSECONDS
        return max(0.0, 1 - (sent - self._sent.get(plan.id, 0)) / could)


def open_city(topology: Topology, loads: Sequence[Load], folder: Path, *, seed: int, limits: Limits = DEFAULT_LIMITS) -> City:
    """A city with journals under `folder`, its links as the topology says."""
    world = build_world(seed, topology.plans, folder, limits=limits)
    for plan in topology.plans:
        if plan.id in topology.links:
            _lay(world, plan, topology.links[plan.id])
    return City(world, topology, loads)


def _lay(world: World, plan: NodePlan, profile: LinkProfile) -> None:
    shortest = round(profile.delay_ms * MILLISECOND_US)
    for pair in ((plan.id, plan.parent), (plan.parent, plan.id)):
        world.network.faults.rates[pair] = profile.rate_kbit_s * KBIT_BYTES
        world.network.faults.delays[pair] = (shortest, shortest + round(profile.jitter_ms * MILLISECOND_US))
        if profile.loss:
            world.network.faults.losses[pair] = profile.loss


def wall_s(look: Look) -> float:
    """Wall time of a look, seconds since 1970 UTC."""
    return EPOCH_US / MICROSECONDS + look.at_s
