"""Canaries: values that policy withholds, each unlike anything else, put into records; and where they are afterwards.

Owns which node may hold which canary, written down by hand, apart from the product's compiler and from the oracle of the checkers.
Called by simulations/scenarios/day.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import cast

from simulations.leaks import Hit, Needles, find_values
from simulations.network import Network, NetworkFaults, Session
from simulations.rules import LIMIT_VALUE
from simulations.topology import NodePlan
from simulations.workload import Column, Values, Workload
from simulations.world import World
from sync.model import Level

TOKEN_CHARS = 18
"""Characters of a canary: two alike in one world are as likely as two equal 90-bit numbers."""
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"

RESIDENT, HIGH_READING = "resident", "high reading"


@dataclass(slots=True)
class CanaryWorkload(Workload):
    """The usual records; names, numbers and phones of residents and the devices of readings are canaries."""

    chance: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - a simulation is random on purpose
    canaries: dict[str, dict[str, str]] = field(default_factory=lambda: {RESIDENT: {}, HIGH_READING: {}})
    """By kind: the node that made the record, by canary."""

    def _token(self) -> str:
        return "".join(self.chance.choice(_ALPHABET) for _ in range(TOKEN_CHARS))

    def _residents(self, plan: NodePlan, names: list[str], wall_us: int) -> list[Column]:
        columns = Workload._residents(self, plan, names, wall_us)  # noqa: SLF001 - of its own base
        tokens = [self._token() for _ in names]
        self.canaries[RESIDENT] |= dict.fromkeys(tokens, plan.id)
        columns[4:7] = [tokens, [f"id {token}" for token in tokens], [f"phone {token}" for token in tokens]]
        return columns

    def _readings(self, plan: NodePlan, names: list[str], wall_us: int) -> list[Column]:
        columns = Workload._readings(self, plan, names, wall_us)  # noqa: SLF001 - of its own base
        tokens = [self._token() for _ in names]
        high = (token for token, value in zip(tokens, cast("Values", columns[5]), strict=True) if value > LIMIT_VALUE)
        self.canaries[HIGH_READING] |= dict.fromkeys(high, plan.id)
        columns[3] = tokens
        return columns


class Tap:
    """A network that keeps a copy of every message as it leaves its sender, before any transport encrypts it."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.messages: dict[str, list[bytes]] = defaultdict(list)
        """By target."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._network, name)

    @property
    def faults(self) -> NetworkFaults:
        """Those of the network."""
        return self._network.faults

    @faults.setter
    def faults(self, faults: NetworkFaults) -> None:
        self._network.faults = faults

    def send(self, session: Session, source: str, data: bytes, *, urgent: bool) -> None:
        """Keep, and send."""
        self.messages[session.other(source)].append(data)
        self._network.send(session, source, data, urgent=urgent)


@dataclass(slots=True)
class Canaries:
    """The canaries of one world, from its beginning to the scan."""

    workload: CanaryWorkload
    tap: Tap
    plans: Sequence[NodePlan]

    @classmethod
    def put(cls, world: World) -> Canaries:
        """Put them into a world before its time passes."""
        former = world.workload
        workload = CanaryWorkload(former.rng, former.wall_us, former.schemas, former.made, chance=Random(f"canaries {world.seed}"))  # noqa: S311
        tap = Tap(world.network)
        world.workload, world.network = workload, cast("Network", tap)
        return cls(workload, tap, world.plans)

    def withheld(self, node: NodePlan, kinds: Mapping[str, Sequence[Level]]) -> list[str]:
        """Canaries that `node` may not hold: those of `kinds`, by levels they may not reach, but for the ones it made itself."""
        return [
            token
            for kind, levels in kinds.items()
            if node.level in levels
            for token, origin in self.workload.canaries[kind].items()
            if origin != node.id
        ]

    def found(self, folder: Path, kinds: Mapping[str, Sequence[Level]], erased: Mapping[str, Sequence[str]]) -> list[Hit]:
        """Every withheld canary in the files of a node below `folder`, or in a message to it; in its files also those `erased` there."""
        hits: list[Hit] = []
        for plan in self.plans:
            tokens, gone = self.withheld(plan, kinds), erased.get(plan.id, ())
            if tokens or gone:
                here = find_values(folder / plan.id, [*tokens, *gone])
                hits += [Hit(hit.value, f"{plan.id}/{hit.file}", hit.where) for hit in here]
            if tokens:
                needles = Needles(tokens)
                hits += [Hit(value, f"{plan.id}/wire", "frame") for value in needles.inside(b"\0".join(self.tap.messages[plan.id]))]
        return hits

    def planted(self, kinds: Mapping[str, Sequence[Level]]) -> Counter[str]:
        """How many canaries each node must not have."""
        return Counter({plan.id: len(self.withheld(plan, kinds)) for plan in self.plans})
