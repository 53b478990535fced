"""How many unacknowledged bytes a link may have: additive increase, multiplicative decrease.

Source: Chiu and Jain, Analysis of the Increase and Decrease Algorithms for Congestion Avoidance, 1989.
"""

from __future__ import annotations

from sync.model import Limits

INCREASE_BYTES = 1 << 20
"""Growth after one whole window was acknowledged without loss."""
START_BYTES = 8 << 20
"""Window of a fresh link."""


class Window:
    """The bytes in flight on one link against a bound that adapts to it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._size = min(max(START_BYTES, limits.window_bytes_min), limits.window_bytes_max)
        self._acked_since_growth = 0
        self.in_flight = 0

    @property
    def size(self) -> int:
        """Bytes that may be unacknowledged."""
        return self._size

    @property
    def has_room(self) -> bool:
        """True when another job may be started; one frame may overshoot the window, so that a large frame can pass a small one."""
        return self.in_flight < self._size

    def sent(self, frame_bytes: int) -> None:
        """Count a frame that left."""
        self.in_flight += frame_bytes

    def acked(self, frame_bytes: int) -> None:
        """Count an acknowledged frame; the window grows once per window of bytes."""
        self.in_flight -= frame_bytes
        assert self.in_flight >= 0, "more bytes acknowledged than sent"
        self._acked_since_growth += frame_bytes
        if self._acked_since_growth >= self._size:
            self._acked_since_growth = 0
            self._size = min(self._size + INCREASE_BYTES, self._limits.window_bytes_max)

    def stalled(self) -> None:
        """Halve the window: the link made no progress."""
        self._size = max(self._size // 2, self._limits.window_bytes_min)
        self._acked_since_growth = 0
