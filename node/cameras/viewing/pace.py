"""How many bytes of live pictures may leave: a bucket for each camera and each asker, filled at a steady rate; how large a piece of video
may be, so that none lies on a thin link for long; and when records go first. Pure; times are arguments.

Called by giving.py before each picture and after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_ai.wire.views import PIECE_BYTES_MAX
from sync.core.outbox import LinkPace
from sync.core.window import THIN_BYTES_S
from sync.model import Instant

BURST_S = 2.0
"""Seconds of its rate that a bucket holds."""
BUCKETS_MAX = 512
"""Beyond it the fullest ones, which nobody has used for longest, are forgotten."""
PIECE_BYTES_FIRST = 32 << 10
"""Of the first piece of a view, of whose way nothing is known: a second of 256 kbit/s."""
PIECE_BYTES_MIN = 8 << 10
QUICK_S, SLOW_S = 1.5, 3.0
"""Between a piece and the question for the next: the next may be twice as large, or half. The asker's own pauses are in it."""
BUSY_SHARE = 0.5
"""Of what a link may have unacknowledged: where so much is on its way, records wait for it."""


def records_first(uplink: LinkPace | None) -> bool:
    """True while records wait for a thin link: what is shown of now has no queue, and would take the place of what must arrive.

    A link that is not thin carries both.
    """
    if uplink is None or uplink.rate_bytes_s >= THIN_BYTES_S:
        return False
    return uplink.in_flight_bytes >= BUSY_SHARE * uplink.window_bytes


@dataclass(slots=True)
class PieceSize:
    """How large the next piece of one view may be: it follows how long the ones before took to be asked on from."""

    bytes_max: int = PIECE_BYTES_FIRST
    _given: tuple[int, Instant] | None = None

    def given(self, size: int, now: Instant) -> None:
        """A piece of so many bytes was handed out."""
        self._given = (size, now)

    def asked(self, now: Instant) -> None:
        """Whoever got the last piece asks for the next one."""
        if self._given is None:
            return
        (size, at), self._given = self._given, None
        seconds = now.seconds_since(at)
        if seconds > SLOW_S:
            self.bytes_max = max(PIECE_BYTES_MIN, min(size, self.bytes_max) // 2)
        elif seconds < QUICK_S:
            self.bytes_max = min(PIECE_BYTES_MAX, 2 * self.bytes_max)


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
