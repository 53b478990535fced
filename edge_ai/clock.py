"""The clocks of a worker process: the only file of this package that reads them.

A worker is a process of its own below the node, so it cannot use node/clock.py. Called by the workers' entry points; everything else gets a
Clock.
"""

from __future__ import annotations

import time
from typing import Protocol

from sync.model import Instant


class Clock(Protocol):
    """Monotonic and wall time; node.clock.Clock has the same shape."""

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
        return time.time_ns() // 1_000  # noqa: TID251 - the worker's shell


def thread_us() -> int:
    """Microseconds of processor time that the calling thread has used: what work costs, whatever else the machine does."""
    return time.thread_time_ns() // 1_000
