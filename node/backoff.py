"""Full-jitter backoff: after a failure wait a random time below a bound that doubles; a success that lasted resets it.

Source: Brooker, Exponential Backoff And Jitter, 2015.
"""

from __future__ import annotations

from random import Random

GROWTH = 2.0
RESET_AFTER_S = 10.0
"""A session that lived this long counts as a success."""


class Backoff:
    """Waits between tries, from `floor_s` up to `cap_s`."""

    def __init__(self, rng: Random, *, floor_s: float, cap_s: float) -> None:
        self._rng = rng
        self._floor_s = floor_s
        self._cap_s = cap_s
        self._bound_s = floor_s

    def next_wait_s(self) -> float:
        """Seconds to wait before the next try; each call without a `succeeded` doubles the bound."""
        wait_s = self._rng.uniform(0.0, self._bound_s)
        self._bound_s = min(self._bound_s * GROWTH, self._cap_s)
        return wait_s

    def next_wait_after_s(self, asked_s: float) -> float:
        """Seconds to wait when the peer has named a time: that long, and a random time below the bound more; nothing doubles."""
        return asked_s + self._rng.uniform(0.0, self._bound_s)

    def lived(self, seconds: float) -> None:
        """The last session lived this long; long enough, and the bound is small again."""
        if seconds >= RESET_AFTER_S:
            self._bound_s = self._floor_s
