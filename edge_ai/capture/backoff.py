"""When to try a camera again: full jitter between a floor and a rising ceiling. Pure; chance and time are arguments.

Called by edge_ai/capture/health.py for cameras and by node/cameras/process.py for worker processes.
Source: Brooker, Exponential Backoff and Jitter, 2015; the floor and the late reset follow EDGE_AI failure 2 (flapping cameras).
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sync.model import Instant


@dataclass(frozen=True, slots=True)
class BackoffLimits:
    """Seconds that shape the waiting."""

    floor_s: float = 5.0
    cap_s: float = 60.0
    reset_after_s: float = 60.0
    """Success must last this long before failures are forgotten: a brief success keeps the ceiling."""


class Backoff:
    """The waiting of one thing that fails and recovers."""

    def __init__(self, rng: Random, limits: BackoffLimits = BackoffLimits()) -> None:
        self._rng = rng
        self._limits = limits
        self._failures = 0
        self._well_since: Instant | None = None

    @property
    def failures(self) -> int:
        """Failures since the last lasting success."""
        return self._failures

    def succeeded(self, now: Instant) -> None:
        """A sign of life; forgets the failures once it has lasted `reset_after_s`."""
        if self._well_since is None:
            self._well_since = now
        elif now.seconds_since(self._well_since) >= self._limits.reset_after_s:
            self._failures = 0

    def failed(self, now: Instant) -> Instant:
        """Note a failure; the moment of the next attempt."""
        self._well_since = None
        self._failures += 1
        ceiling = min(self._limits.cap_s, self._limits.floor_s * 2 ** min(self._failures, 16))
        return now.plus(self._rng.uniform(self._limits.floor_s, ceiling))
