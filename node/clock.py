"""The only place that reads the machine's clocks; everything else takes `now` as an argument or a Clock as a constructor argument."""

from __future__ import annotations

import time
from typing import Protocol

from sync.model import MICROSECONDS, HybridTime, Instant


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


class FlooredClock:
    """A wall clock that is never earlier than the newest time known to have passed: what a parent signed, or when a certificate was issued.

    A machine whose clock battery is empty wakes up in 1970; from the floor on its time runs at the speed of the monotonic clock.
    """

    def __init__(self, clock: Clock, floor_us: int = 0) -> None:
        self._clock = clock
        self._floor_us = floor_us
        self._floored_at = clock.now()

    def now(self) -> Instant:
        """The monotonic clock."""
        return self._clock.now()

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01 UTC, not before the floor."""
        return max(self._clock.wall_us(), self._risen_us())

    def raise_floor(self, floor_us: int) -> None:
        """`floor_us` has passed for certain; an earlier one changes nothing."""
        if floor_us > self._risen_us():
            self._floor_us, self._floored_at = floor_us, self._clock.now()

    def machine_us(self) -> int:
        """What the machine itself believes, whatever is known to have passed."""
        return self._clock.wall_us()

    @property
    def is_behind(self) -> bool:
        """True while the machine's own clock shows a time before the floor."""
        return self._clock.wall_us() < self._risen_us()

    def _risen_us(self) -> int:
        return self._floor_us + (self._clock.now().us - self._floored_at.us if self._floor_us else 0)


HYBRID_DRIFT_US_MAX = 86_400 * MICROSECONDS
"""A peer's hybrid time further ahead of the own clock than this is not taken over: one wrong clock must not carry a whole tree along."""


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
        """Take a peer's time into account, unless it is out of all bounds, and give a later one.

        Order never depends on it: records are ordered by their numbers (Kulkarni et al. bound the drift likewise).
        """
        wall_us = self._clock.wall_us()
        if remote.wall_us - wall_us <= HYBRID_DRIFT_US_MAX:
            self._latest = self._latest.merge(remote, wall_us)
        return self._latest
