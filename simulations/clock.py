"""Simulated time: one monotonic clock for the world, and a wall clock per node that may be wrong."""

from __future__ import annotations

from dataclasses import dataclass

from sync.model import MICROSECONDS, Instant

EPOCH_US = 1_780_272_000 * MICROSECONDS
"""Wall time at which every simulation begins: 2026-06-01 00:00 UTC, months inside the dates of the shipped policy,
so that a clock may jump by a day."""


@dataclass(slots=True)
class WorldClock:
    """Time since the world began."""

    us: int = 0
    leapt_us: int = 0
    """Time in which nothing happened: every clock shows it, and no event of the world was due in it."""

    def now(self) -> Instant:
        """The moment as an Instant."""
        return Instant(self.us + self.leapt_us)

    @property
    def seconds(self) -> float:
        """The moment in seconds."""
        return self.us / MICROSECONDS


@dataclass(slots=True)
class NodeClock:
    """A node's clocks (node.clock.Clock): monotonic time is the world's, wall time is off by `offset_us`."""

    world: WorldClock
    offset_us: int = 0

    def now(self) -> Instant:
        """The world's time."""
        return self.world.now()

    def wall_us(self) -> int:
        """What this node believes."""
        return EPOCH_US + self.world.us + self.world.leapt_us + self.offset_us
