"""The only place that reads the machine's clocks; everything else takes `now` as an argument or a Clock as a constructor argument."""

from __future__ import annotations

import time
from typing import Protocol

from sync.model import HybridTime, Instant


class Clock(Protocol):
    """Wall and monotonic time. Implementations: SystemClock; the simulated one in simulations."""

    def now(self) -> Instant:
        """The monotonic clock, for deadlines and ages."""

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01 UTC as this machine believes."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        """Microseconds of the monotonic clock."""
        return Instant(time.monotonic_ns() // 1_000)

    def wall_us(self) -> int:
        """Microseconds of the wall clock."""
        return time.time_ns() // 1_000


class HybridClock:
    """A hybrid logical clock over a wall clock: it never goes back, whatever the wall clock does."""

    def __init__(self, clock: Clock, latest: HybridTime | None = None) -> None:
        self._clock = clock
        self._latest = latest or HybridTime(0)

    def tick(self) -> HybridTime:
        """A hybrid time later than every one seen or given before."""
        self._latest = self._latest.next(self._clock.wall_us())
        return self._latest

    def observe(self, remote: HybridTime) -> HybridTime:
        """Take a peer's time into account and give a later one."""
        self._latest = self._latest.merge(remote, self._clock.wall_us())
        return self._latest
