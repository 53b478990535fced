"""Notices when two lives of one node take turns: a clone runs beside it.

A restored or forked node goes from one incarnation to the next and stays there. When an incarnation comes back that had been followed by
another, two copies are alive. Pure: time comes in, suspicions go out. Fed by node/fork/desk.py, shown in status.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sync.model import MICROSECONDS

INCARNATIONS_MAX = 8
"""Newest incarnations of one node that are remembered."""

NODES_MAX = 4_096
"""Nodes that are watched; the one that was met longest ago goes first."""

QUIET_US = 3_600 * MICROSECONDS
"""A suspicion ends this long after the lives last took turns."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Two lives of one node that took turns."""

    node: str
    incarnations: tuple[int, int]
    """The one that came back, and the one before it."""
    since_us: int
    """Wall time of the first turn, microseconds since 1970 UTC."""
    last_us: int
    turns: int


@dataclass(slots=True)
class CloneWatch:
    """The incarnations under which peers came, newest last."""

    _met: dict[str, list[int]] = field(default_factory=dict)
    _suspicions: dict[str, Suspicion] = field(default_factory=dict)

    def met(self, node: str, incarnation: int, now_us: int) -> Suspicion | None:
        """`node` opened a link as `incarnation`; a suspicion when that life had been followed by another."""
        lives = self._met.pop(node, [])
        self._met[node] = lives
        if len(self._met) > NODES_MAX:
            del self._met[next(iter(self._met))]
        if lives and lives[-1] == incarnation:
            return None
        came_back = incarnation in lives
        before = lives[-1] if lives else 0
        self._met[node] = [*(life for life in lives if life != incarnation), incarnation][-INCARNATIONS_MAX:]
        return self._suspect(node, (incarnation, before), now_us) if came_back else None

    def suspicions(self, now_us: int) -> list[Suspicion]:
        """Those whose lives took turns within QUIET_US, by node."""
        self._suspicions = {node: entry for node, entry in self._suspicions.items() if now_us - entry.last_us < QUIET_US}
        return [self._suspicions[node] for node in sorted(self._suspicions)]

    def _suspect(self, node: str, incarnations: tuple[int, int], now_us: int) -> Suspicion:
        former = self._suspicions.get(node)
        since_us, turns = (former.since_us, former.turns + 1) if former else (now_us, 1)
        suspicion = self._suspicions[node] = Suspicion(node, incarnations, since_us, now_us, turns)
        return suspicion


FORKS_MAX = 4
"""Forks that a node resolves within FORKS_WITHIN_US, of which one on a child's word: each sends the whole journal again."""
FORKS_WITHIN_US = 3_600 * MICROSECONDS


@dataclass(slots=True)
class ForkMemory:
    """What outlasts a life within one process: the lives that were met, and the forks that were resolved."""

    watch: CloneWatch = field(default_factory=CloneWatch)
    _resolved: list[tuple[int, bool]] = field(default_factory=list)
    """(monotonic microseconds, on a child's word)."""

    def may_resolve(self, now_us: int, *, by_child: bool) -> bool:
        """True, and entered, when one more fork may be resolved now."""
        self._resolved = [entry for entry in self._resolved if now_us - entry[0] < FORKS_WITHIN_US]
        if len(self._resolved) >= FORKS_MAX or (by_child and any(was_child for _, was_child in self._resolved)):
            return False
        self._resolved.append((now_us, by_child))
        return True
