"""How many bytes of live pictures may leave: a bucket for each camera and each asker, filled at a steady rate. Pure; times are arguments.

Called by giving.py before each picture and after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sync.model import Instant

BURST_S = 2.0
"""Seconds of its rate that a bucket holds."""
BUCKETS_MAX = 512
"""Beyond it the fullest ones, which nobody has used for longest, are forgotten."""


@dataclass(slots=True)
class _Bucket:
    bytes: float
    at: Instant


@dataclass(slots=True)
class Pace:
    """Buckets by name; all of one rate."""

    bytes_per_s: int
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def has_room(self, name: str, now: Instant) -> bool:
        """True while something may be sent: a picture may overdraw the bucket, and what follows waits for it."""
        return self._filled(name, now).bytes > 0

    def spend(self, name: str, size: int, now: Instant) -> None:
        """So many bytes were sent."""
        self._filled(name, now).bytes -= size

    def _filled(self, name: str, now: Instant) -> _Bucket:
        full = self.bytes_per_s * BURST_S
        bucket = self._buckets.pop(name, None) or _Bucket(full, now)
        bucket.bytes = min(full, bucket.bytes + self.bytes_per_s * max(0.0, now.seconds_since(bucket.at)))
        bucket.at = now
        self._buckets[name] = bucket
        if len(self._buckets) > BUCKETS_MAX:
            del self._buckets[next(iter(self._buckets))]
        return bucket
