"""For whom a node may have to seal, from what heartbeats say: nodes further below than its children, and past a foster parent one above.

What a node says of its level and territory decides only what is looked at; what is sealed goes by the certificate. Called by sealing.py
and opening.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import pyarrow as pa

from node.requests.envelope import Signer
from node.tree.directory import Directory, NodeStatus
from policies.gate import CompiledGate
from sync.model import Direction, Level, ModelError, StoredBatch, code_contains
from sync.ports import Flow, Released


class Place(Protocol):
    """One node for which something may be sealed, and by which plans."""

    @property
    def flow(self) -> Flow:
        """Toward the node itself, as if no other were between."""

    def certified(self, signer: Signer) -> Place:
        """The place with the level and territory that the node's certificate says."""

    @property
    def way(self) -> tuple[object, ...]:
        """What `plans` goes by: places that have it in common have their plans in common."""

    def plans(self, gate: CompiledGate, code: str) -> bytes:
        """A hash of the plans by which a resource goes; empty when none of it ever does."""

    def concerns(self, gate: CompiledGate, stored: StoredBatch) -> bool:
        """False where the header alone says that nothing of a batch is for the place."""

    def seen(self, stored: StoredBatch) -> StoredBatch:
        """The batch as far from its origin as it is one hop before the place."""

    def release(self, gate: CompiledGate, stored: StoredBatch, rows: pa.RecordBatch) -> Released:
        """What of a `seen` batch is for the place."""


@dataclass(frozen=True, slots=True)
class Below:
    """A node below a child: it gets what no node between may hold."""

    flow: Flow
    barriers: tuple[Flow, ...]
    """Toward each node between, the own child first; at least one."""

    def certified(self, signer: Signer) -> Below:
        """As Place."""
        return replace(self, flow=_certified(self.flow, signer))

    @property
    def way(self) -> tuple[object, ...]:
        """As Place."""
        inside = tuple(self.flow.peer_territory.startswith(flow.peer_territory) for flow in self.barriers)
        return self.flow.direction, self.flow.peer_level, tuple(flow.peer_level for flow in self.barriers), inside

    def plans(self, gate: CompiledGate, code: str) -> bytes:
        """As Place."""
        return gate.beyond(self.barriers, self.flow, code)

    def concerns(self, gate: CompiledGate, stored: StoredBatch) -> bool:
        """As Place; of what was let go nobody knows whose territory it was of."""
        return not stored.freed and gate.may_go_beyond(self.barriers, self.flow, stored.batch.header)

    def seen(self, stored: StoredBatch) -> StoredBatch:
        """As Place: returned data keeps no account of its way."""
        return stored

    def release(self, gate: CompiledGate, stored: StoredBatch, rows: pa.RecordBatch) -> Released:
        """As Place."""
        return gate.release_beyond(self.barriers, self.flow, stored, rows)


@dataclass(frozen=True, slots=True)
class Above:
    """The nearest node of the own territory chain above a foster parent: it gets whatever may go up to it."""

    flow: Flow
    hops: int
    """From here to it along the attachment tree; more than one."""
    has_already: Callable[[StoredBatch], bool] = lambda stored: False
    """True for a batch that reached it by way of the parent before."""

    def certified(self, signer: Signer) -> Above:
        """As Place."""
        return replace(self, flow=_certified(self.flow, signer))

    @property
    def way(self) -> tuple[object, ...]:
        """As Place."""
        return self.flow.direction, self.flow.peer_level

    def plans(self, gate: CompiledGate, code: str) -> bytes:
        """As Place."""
        return gate.upward(self.flow, code)

    def concerns(self, gate: CompiledGate, stored: StoredBatch) -> bool:
        """As Place."""
        return stored.batch.header.direction is Direction.UP and not self.has_already(stored)

    def seen(self, stored: StoredBatch) -> StoredBatch:
        """As Place."""
        header = replace(stored.batch.header, origin_distance=stored.batch.header.origin_distance + self.hops - 1)
        return replace(stored, batch=replace(stored.batch, header=header))

    def release(self, gate: CompiledGate, stored: StoredBatch, rows: pa.RecordBatch) -> Released:
        """As Place."""
        return gate.release(self.flow, stored, rows)


def is_foster_parent(territory: str, own: str) -> bool:
    """True for a parent of `territory` that is none of the territory chain of `own`: nothing goes past it but sealed envelopes."""
    return not code_contains(territory, own)


def places_below(directory: Directory) -> list[Below]:
    """Every node that this one certified, directly or not, with another between, by id."""
    found: list[Below] = []
    for child in directory.children():
        statuses = {name: status for name in directory.subtree(child) if (status := directory.below(name)) is not None}
        below = _subtrees(child, statuses)
        flows = {name: flow for name, status in statuses.items() if (flow := _flow(status, Direction.RETURN, below[name])) is not None}
        for name in flows.keys() - {child}:
            if (path := statuses[name].certified_as) and directory.own_id not in path.split("/"):
                continue  # it stands here below a foster parent: those above it seal for it
            between = _between(name, child, statuses)
            if between and all(one in flows for one in between):
                found.append(Below(flows[name], tuple(flows[one] for one in between)))
    return sorted(found, key=lambda place: place.flow.peer)


@dataclass(slots=True)
class PlacesBelow:
    """`places_below` of one node, worked out again only when those below are others, or elsewhere."""

    directory: Directory
    _known: tuple[tuple[str, ...], ...] = ()
    _places: list[Below] = field(default_factory=list)

    def __call__(self) -> list[Below]:
        """The places now."""
        known = tuple((one.id, one.parent, one.level, one.territory, one.certified_as) for one in self.directory.all_below())
        if known != self._known:
            self._known, self._places = known, places_below(self.directory)
        return self._places


def place_above(directory: Directory, *, parent: str, path: tuple[str, ...]) -> Above | None:
    """Who is to open what goes past a foster parent; `path` are those that certify this node, the province first. None while unknown."""
    at, hops = parent, 1
    while hops <= len(Level):
        status = directory.above(at)
        if status is None:
            return None
        if at in path[:-1]:
            flow = _flow(status, Direction.UP, frozenset())
            return None if flow is None or hops < 2 else Above(flow, hops)
        at, hops = status.parent, hops + 1
    return None


def nodes_below(directory: Directory, node: str) -> frozenset[str]:
    """`node`, which stands below, and those known below it."""
    for child in directory.children():
        statuses = {name: status for name in directory.subtree(child) if (status := directory.below(name)) is not None}
        if node in statuses:
            return _subtrees(child, statuses)[node]
    return frozenset({node})


def _certified(flow: Flow, signer: Signer) -> Flow:
    return replace(flow, peer_level=signer.who.level, peer_territory=signer.who.territory.code)


def _between(node: str, child: str, statuses: Mapping[str, NodeStatus]) -> list[str]:
    """The nodes from the own child down to the parent of `node`; empty when the way is not known, or longer than the tree is deep."""
    way: list[str] = []
    at = statuses[node].parent
    while at in statuses and len(way) < len(Level):
        way.insert(0, at)
        if at == child:
            return way
        at = statuses[at].parent
    return []


def _subtrees(child: str, statuses: Mapping[str, NodeStatus]) -> dict[str, frozenset[str]]:
    """By node, the nodes at or below it."""
    found: dict[str, set[str]] = {name: {name} for name in statuses}
    for name in statuses:
        for above in _between(name, child, statuses):
            found[above].add(name)
    return {name: frozenset(nodes) for name, nodes in found.items()}


def _flow(status: NodeStatus, direction: Direction, subtree: frozenset[str]) -> Flow | None:
    try:
        return Flow(status.id, Level.from_word(status.level), status.territory, direction, subtree)
    except ModelError:
        return None  # a level that no program knows: nothing is sealed for it, nor past it
