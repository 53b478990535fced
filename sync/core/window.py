"""How many unacknowledged bytes a link may have, over all its lanes: one second of the measured rate, and what its round trips hold.

Additive increase, multiplicative decrease (Chiu and Jain 1989), with the delivery rate measured as in BBR (Cardwell et al.,
Congestion-Based Congestion Control, 2016): bytes acknowledged between the sending of a span and its acknowledgement, over the longer
of the two intervals, so that acknowledgements which come in one burst do not feign a faster link. Owned by one link; it refuses
nothing, the outbox asks it for room.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sync.model import Instant, Limits

START_BYTES = 16 << 10
"""Window of a fresh link: under three seconds of 50 kbit/s; on a local network it takes two round trips to outgrow it."""
THIN_BYTES_S = 4 << 20
"""A link that carries less is thin: its bytes are dearer than the work of compressing them harder."""
NEAR_TRIP_S = 0.02
"""A peer that acknowledges sooner is near, and the link to it is thin only when it was measured to be: of a network of one's own nothing
else may be known for days, because it is never kept busy. Farther away bytes are dear until the link was seen to be wide; on 50 kbit/s
the smallest frame takes three times as long."""
QUEUE_S = 1.0
"""What the window holds beyond its round trips, in seconds of the measured rate."""
TRIPS = 5.0
"""Base round trips of the measured rate that the window holds. While TCP repairs a loss nothing is acknowledged for one or two; a link
that has sent all it may stands idle meanwhile, and TCP, which then takes its user for the limit, never learns the link's rate. On 50
kbit/s with 5 % loss one round trip instead of five costs a third of the throughput; alarms do not wait behind it, they have a
connection of their own."""
HORIZON_S_MAX = 8.0
"""The most seconds of the measured rate that a window holds, however long the round trip."""
LATE_S = 1.0
"""An acknowledgement this much later than the seconds that the window holds means that the window is too large."""
GROWTH_MAX = 8.0
"""Toward the measured rate the window grows at most by this factor for one acknowledged span."""
DECREASE = 0.5
INCREASE_BYTES = 2 << 10
"""Growth above the goal after one whole window was acknowledged in good time."""
FRAME_S = 0.5
"""A frame should take at most this part of a second of the link, so that what follows it does not wait long."""
FRAME_BYTES_MIN = 3 << 10
"""Below this the headers and signatures of frames would weigh more than their records."""
SPAN_BYTES_MAX = 2 << 20
"""Bytes to read for one span on the fastest link. A receiver stores a span whole: with several of them in the window neither end waits for
the other, nor holds more in memory than it must."""
URGENT_SHARE = 0.25
"""What urgent lanes may have in flight beyond a full window."""
URGENT_BYTES_MIN = 8 << 10
RATE_AGE_S = 10.0
"""The fastest of the rates measured this lately counts."""
RATE_ASSUMED_BYTES_S = 2_000.0
"""What a link that was not measured yet is trusted to carry, before it is called stalled: 16 kbit/s."""
RATE_DOUBT = 4.0
"""A link may become this much slower than measured without being called stalled."""
ALLOWANCE_S_MAX = 600.0
"""What a large frame may add to the time without progress."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What is remembered of bytes that left, to measure the link by when they are acknowledged."""

    frame_bytes: int
    sent_at: Instant
    delivered: int
    """Bytes acknowledged on the link by then."""
    delivered_at: Instant
    """When the last of them were."""
    first_sent_at: Instant
    """When the bytes left whose acknowledgement was the last by then."""


class Window:
    """The bytes in flight on one link against a bound that follows the link."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._size = float(min(max(START_BYTES, limits.window_bytes_min), limits.window_bytes_max))
        self._delivered = 0
        self._delivered_at = self._first_sent_at = self._reduced_at = Instant(0)
        self._rates: deque[tuple[Instant, float]] = deque()
        """(when, bytes per second), descending in rate: the first is the fastest that is not too old."""
        self._base_s = 0.0
        """Shortest time from sending to acknowledgement; 0 before the first."""
        self._is_at_its_rate = False
        """True when the window was full at the last look and held all that the measured rate asks for: then the link sets the rate, and
        neither the window nor whoever has little to send."""
        self.in_flight = 0

    @property
    def size(self) -> int:
        """Bytes that may be unacknowledged."""
        return int(self._size)

    @property
    def rate_bytes_s(self) -> float:
        """The measured rate of acknowledged bytes per second; 0 before the first acknowledgement."""
        return self._rates[0][1] if self._rates else 0.0

    @property
    def is_thin(self) -> bool:
        """True when bytes are dearer than work: seen while the link was full, or, far away and at the beginning, not yet disproved."""
        if self.rate_bytes_s >= THIN_BYTES_S:
            return False
        if not self._rates:
            return self.frame_bytes < THIN_BYTES_S * FRAME_S
        return self._is_at_its_rate or self._base_s > NEAR_TRIP_S

    @property
    def base_s(self) -> float:
        """The shortest time from sending to acknowledgement on this link, seconds; 0 before the first."""
        return self._base_s

    @property
    def horizon_s(self) -> float:
        """Seconds of the measured rate that the window holds."""
        return min(QUEUE_S + TRIPS * self._base_s, HORIZON_S_MAX)

    @property
    def frame_bytes(self) -> int:
        """Payload bytes that a frame should have on this link."""
        wanted = min(self.rate_bytes_s * FRAME_S, SPAN_BYTES_MAX) if self._rates else self._size / 4
        return int(min(max(wanted, FRAME_BYTES_MIN), self._limits.batch_bytes_target))

    def has_room(self, *, urgent: bool = False, reserved: int = 0) -> bool:
        """True when another job may be started beside `reserved` bytes that jobs are already reading.

        One frame may overshoot the window, so that a large frame can pass a small one; urgent lanes may go a bounded share beyond it.
        """
        beyond = max(self._size * URGENT_SHARE, min(URGENT_BYTES_MIN, self._size)) if urgent else 0.0
        return self.in_flight + reserved < self._size + beyond

    def sent(self, frame_bytes: int, now: Instant) -> Sent:
        """Count bytes that leave; hand the answer to `acked`."""
        if not self.in_flight:
            self._delivered_at = self._first_sent_at = now
        self.in_flight += frame_bytes
        return Sent(frame_bytes, now, self._delivered, self._delivered_at, self._first_sent_at)

    def acked(self, sent: Sent, now: Instant) -> None:
        """Count acknowledged bytes, measure the link by them, and let the window follow."""
        was_full = self.in_flight >= self._size
        self.in_flight -= sent.frame_bytes
        assert self.in_flight >= 0, "more bytes acknowledged than sent"
        self._delivered += sent.frame_bytes
        self._delivered_at, self._first_sent_at = now, sent.sent_at
        trip_s = max(now.seconds_since(sent.sent_at), 1e-6)
        self._base_s = min(self._base_s or trip_s, trip_s)
        self._measure(sent, now, was_full=was_full)
        if was_full:
            self._is_at_its_rate = self._size >= self.rate_bytes_s * self.horizon_s
        if trip_s > self.horizon_s + LATE_S:
            self._reduce(sent, now)
        elif was_full:
            self._grow(sent.frame_bytes, trip_s)

    def stalled(self) -> None:
        """Halve the window: the link made no progress."""
        self._resize(self._size / 2)

    def allowance_s(self, span_bytes: int) -> float:
        """Seconds that a span of this size may take beyond the usual time without progress before its link counts as stalled."""
        rate = self.rate_bytes_s / RATE_DOUBT if self._rates else RATE_ASSUMED_BYTES_S
        return min(span_bytes / max(rate, 1.0), ALLOWANCE_S_MAX)

    def _measure(self, sent: Sent, now: Instant, *, was_full: bool) -> None:
        interval_s = max(now.seconds_since(sent.delivered_at), sent.sent_at.seconds_since(sent.first_sent_at), 1e-6)
        rate = (self._delivered - sent.delivered) / interval_s
        # A link that had nothing to do shows how fast it was used, not how fast it is.
        if not was_full and rate < self.rate_bytes_s:
            return
        while self._rates and (self._rates[-1][1] <= rate):
            self._rates.pop()
        self._rates.append((now, rate))
        while now.seconds_since(self._rates[0][0]) > RATE_AGE_S:
            self._rates.popleft()

    def _grow(self, frame_bytes: int, trip_s: float) -> None:
        goal = self.rate_bytes_s * self.horizon_s
        if self._size < goal:
            self._resize(min(goal, self._size * GROWTH_MAX))
        elif trip_s <= self.horizon_s:
            self._resize(self._size + INCREASE_BYTES * frame_bytes / self._size)

    def _reduce(self, sent: Sent, now: Instant) -> None:
        if sent.sent_at < self._reduced_at:
            return  # these bytes left before the last decrease and say nothing about it
        self._reduced_at = now
        self._resize(max(self._size * DECREASE, min(self._size, self.rate_bytes_s * self.horizon_s)))

    def _resize(self, size: float) -> None:
        self._size = float(min(max(size, self._limits.window_bytes_min), self._limits.window_bytes_max))
