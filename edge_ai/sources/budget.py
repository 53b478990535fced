"""How many cameras may be opened at once: after a power cut all of them return together. Pure but for its lock.

A process shares one; a node with several capture processes gives each its part of OPENS_PER_S. Called by edge_ai/capture/camera.py.
"""

from __future__ import annotations

import threading

from edge_ai.spec import OPENS_PER_S
from sync.model import Instant


class OpenBudget:
    """A token bucket that gives dates instead of refusals: who asks is told how long to wait, in order of asking."""

    def __init__(self, per_s: float = OPENS_PER_S, *, burst: int = 1) -> None:
        assert per_s > 0, "a rate"
        self._gap_s = 1 / per_s
        self._burst = burst
        self._lock = threading.Lock()
        self._free_at: Instant | None = None

    def change(self, per_s: float) -> None:
        """Another rate for whoever asks from now on."""
        assert per_s > 0, "a rate"
        with self._lock:
            self._gap_s = 1 / per_s

    def wait_s(self, now: Instant) -> float:
        """Take the next place; the seconds until it may be used."""
        with self._lock:
            earliest = now.plus(-self._gap_s * (self._burst - 1))
            at = earliest if self._free_at is None or self._free_at < earliest else self._free_at
            self._free_at = at.plus(self._gap_s)
            return max(0.0, at.seconds_since(now))
