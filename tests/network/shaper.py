"""One direction of a simulated wire: rate, delay, loss and a bounded queue, decided from a seed; pure, so that a test can check it alone.

Called by tun_pipe.py with the sizes of real packets. The n-th packet of a seed is lost or not whatever its time or content is, so two runs
over the same seed meet the same losses.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sync.model import MICROSECONDS, Instant

BITS = 8
QUEUE_S = 1.0
"""Packets that would wait longer than this for the wire are dropped, as a modem drops them."""
QUEUE_BYTES_MIN = 16 << 10
"""A queue holds this much however thin the wire is."""


@dataclass(frozen=True, slots=True)
class Wire:
    """What a pipe does to packets, the same in both directions."""

    kbit_s: float
    delay_ms: float
    """One way; half of the round trip."""
    loss: float = 0.0
    """Part of the packets that is lost, 0 to 1."""
    seed: int = 1

    @property
    def bytes_s(self) -> float:
        """The rate in bytes per second."""
        return self.kbit_s * 1_000 / BITS


class Shaper:
    """When each packet of one direction comes out, if it does."""

    def __init__(self, wire: Wire, *, salt: int) -> None:
        """`salt` tells the directions of one seed apart."""
        self.wire = wire
        self.is_cut = False
        self.passed_bytes = self.passed = self.lost = self.overflowed = 0
        self._rng = Random(wire.seed * 2 + salt)
        self._free_us = 0

    def enter(self, size: int, now: Instant) -> Instant | None:
        """The moment a packet of `size` bytes that arrives now comes out at the other end; None when it does not."""
        is_lost = self._rng.random() < self.wire.loss
        if self.is_cut or is_lost:
            self.lost += 1
            return None
        starts_us = max(now.us, self._free_us)
        if (starts_us - now.us) / MICROSECONDS * self.wire.bytes_s > max(QUEUE_BYTES_MIN, self.wire.bytes_s * QUEUE_S):
            self.overflowed += 1
            return None
        self._free_us = starts_us + round(size / self.wire.bytes_s * MICROSECONDS)
        self.passed += 1
        self.passed_bytes += size
        return Instant(self._free_us + round(self.wire.delay_ms * 1_000))
