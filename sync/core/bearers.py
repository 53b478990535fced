"""Who may bring which records: a child speaks only for nodes attached at or below it.

A *life* is an origin in one incarnation; its number is random, so nobody can speak for a life it has not seen. The first child that brings
a life bears it, unless the node it names is known to stand elsewhere; after a re-parenting a life has two bearers, because the old way
still holds records of it. Late-joined nodes need no notice: a life that nobody knows is believed, as a heartbeat would be.
Owned by receiving.py; refuses nothing itself, it gives the reason. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sync.model import Run, Stream

BY_WAY_OF = "come by way of"
"""In every reason for which a peer may not bring a life: word of a move ends it."""
NO_ORDER = "no order put it there"
"""In every reason for which a child may not bring rows of a territory that is not its own: the order of a move ends it."""

LifeKey = tuple[str, int]
"""Origin and incarnation."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where nodes are known to stand."""

    subtrees: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By child: itself and the nodes below it."""
    above: frozenset[str] = frozenset()
    formerly: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By child: nodes that an order moved away from below it; it may still hold records of theirs."""


class Bearers:
    """What each child may bring, learned from what it brought, and durable with the first record."""

    def __init__(self, node: str, known: Iterable[tuple[str, int, str]], streams: Iterable[Stream]) -> None:
        """`known` are (origin, incarnation, child); `streams` are all that this node holds."""
        self._node = node
        self._lives: dict[str, set[LifeKey]] = {}
        self._owners: dict[LifeKey, str] = {}
        self._subtrees: dict[str, frozenset[str]] = {}
        self._formerly: dict[str, frozenset[str]] = {}
        self._above: frozenset[str] = frozenset()
        self.told = 0
        """How often this node was told where nodes stand."""
        for origin, incarnation, child in known:
            self.bear(child, (origin, incarnation))
        brought = Counter((stream.origin, stream.incarnation) for stream in streams)
        self._streams = Counter({child: sum(brought[life] for life in lives) for child, lives in self._lives.items()})

    def stands(self, standing: Standing) -> None:
        """Where nodes are known to stand now."""
        self.told += 1
        self._subtrees, self._formerly, self._above = dict(standing.subtrees), dict(standing.formerly), standing.above

    @property
    def standing(self) -> Standing:
        """Where nodes are known to stand, as told last."""
        return Standing(dict(self._subtrees), self._above, dict(self._formerly))

    def formerly(self, child: str) -> frozenset[str]:
        """Nodes that an order moved away from below `child`, as far as told."""
        return self._formerly.get(child, frozenset())

    def unknown(self, child: str, runs: Iterable[Run]) -> set[LifeKey]:
        """The lives in `runs` that `child` has not brought before."""
        return {(run.origin, run.incarnation) for run in runs} - self._lives.get(child, set())

    def lie(self, child: str, lives: Iterable[LifeKey]) -> str:
        """Why `child` may not bring one of `lives`; empty when it may bring them all."""
        for origin, incarnation in sorted(lives):
            if origin == child or origin in self._subtrees.get(child, ()) or origin in self._formerly.get(child, ()):
                continue
            if where := self._place(origin, (origin, incarnation)):
                return f"records of {origin} {BY_WAY_OF} {child}, but {origin} is {where}"
        return ""

    def bear(self, child: str, life: LifeKey) -> None:
        """`child` brings this life."""
        self._lives.setdefault(child, set()).add(life)
        self._owners.setdefault(life, child)

    def streams_of(self, child: str) -> int:
        """Streams that `child` brought."""
        return self._streams[child]

    def count(self, child: str, streams: int) -> None:
        """`child` brought that many new streams."""
        self._streams[child] += streams

    def _place(self, origin: str, life: LifeKey) -> str:
        if origin == self._node:
            return "this node"
        if origin in self._above:
            return "above this node"
        owner = next((child for child, nodes in self._subtrees.items() if origin in nodes), self._owners.get(life, ""))
        return f"attached at or below {owner}" if owner else ""
