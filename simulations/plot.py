"""What a world may have beside faults: a plot, in which people decide things at its nodes, and which says what must come of it.

A plot never tells the checkers that a record may be where it must not; it only says which need not be somewhere, and judges by itself what
the checkers do not know. Called by simulations/world.py; the plots are in simulations/scenarios.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulations.checkers import Copy, Truth, Violation
    from simulations.checkers.convergence import Presence


class Plot:
    """A day on which nobody decides anything."""

    has_rooms = False
    """True when the nodes make records of their own, such as facts about cases: those are not among what the world made."""

    @property
    def parted(self) -> frozenset[tuple[str, str]]:
        """(from, to) pairs that hear nothing of each other, whatever the faults do."""
        return frozenset()

    homes: Mapping[str, tuple[str, ...]] = {}
    """Territories besides its own whose returned records a node may have, by node."""

    @property
    def off(self) -> frozenset[str]:
        """Nodes that are switched off: nothing boots them."""
        return frozenset()

    @property
    def is_over(self) -> bool:
        """True once everything that was to be done is done: a world is not at rest before."""
        return True

    def excused(self, copies: Mapping[str, Copy], truth: Truth) -> Presence:
        """Records that need not be at a node in the end."""
        return {}

    def check(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> list[Violation]:
        """What does not hold in the end."""
        return []
