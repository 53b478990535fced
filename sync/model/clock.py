"""Time as values: nothing here reads a clock."""

from __future__ import annotations

from dataclasses import dataclass

MICROSECONDS = 1_000_000
"""Microseconds in a second."""


@dataclass(frozen=True, slots=True, order=True)
class Instant:
    """A moment of the local monotonic clock, for deadlines and ages inside one process life."""

    us: int
    """Microseconds since an arbitrary start; never compared between nodes."""

    def plus(self, seconds: float) -> Instant:
        """The moment `seconds` later."""
        return Instant(self.us + round(seconds * MICROSECONDS))

    def seconds_since(self, earlier: Instant) -> float:
        """Seconds from `earlier` to this moment; negative when `earlier` is later."""
        return (self.us - earlier.us) / MICROSECONDS


@dataclass(frozen=True, slots=True, order=True)
class HybridTime:
    """Hybrid logical time: wall clock plus a counter, so that order survives a clock that stands or steps back.

    Source: Kulkarni et al., Logical Physical Clocks, 2014.
    """

    wall_us: int
    """Microseconds since 1970-01-01 UTC as this node believed."""
    counter: int = 0

    def next(self, wall_us: int) -> HybridTime:
        """The first hybrid time after this one at wall clock `wall_us`."""
        if wall_us > self.wall_us:
            return HybridTime(wall_us, 0)
        return HybridTime(self.wall_us, self.counter + 1)

    def merge(self, other: HybridTime, wall_us: int) -> HybridTime:
        """The first hybrid time after this one and `other` at wall clock `wall_us`."""
        return max(self, other).next(wall_us)


@dataclass(frozen=True, slots=True)
class ClockQuality:
    """How far a node's wall clock can be trusted."""

    offset_us: int = 0
    """Estimated own clock minus true time, microseconds."""
    uncertainty_us: int = 0
    """Half width of the interval the offset is known to; 0 means not estimated."""
