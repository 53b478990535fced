"""Rates as pure values: a token bucket, and the bandwidth caps of a link by lane and time of day.

Owns: what each cap has left. Refuses nothing: the outbox asks before it reads for a lane, and tells what left. No clock: `now` is the
shell's monotonic clock, and the shell says where in it the local day began. Called by the outbox and by admission.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sync.model import Instant, Lane

BITS = 8
MINUTE_S = 60
DAY_MINUTES = 1_440
BURST_S = 1.0
"""What a cap lets pass at once after a pause, in seconds of its rate."""
CAPPED_LANES = frozenset({Lane.EVENT, Lane.STATE, Lane.BULK, Lane.BLOB})
"""Lanes of a cap that names none: control and alarm are slowed only by name."""


class TokenBucket:
    """Tokens that come at a steady rate up to a bound; taking more than there is leaves a debt that later tokens pay."""

    def __init__(self, *, per_s: float, burst: float) -> None:
        assert per_s > 0, "a bucket that never fills"
        self._per_s = per_s
        self._burst = burst
        self._level = burst
        self._at: Instant | None = None

    def level(self, now: Instant) -> float:
        """Tokens there are; negative in debt."""
        if self._at is not None:
            self._level = min(self._burst, self._level + max(0.0, now.seconds_since(self._at)) * self._per_s)
        self._at = now
        return self._level

    def take(self, amount: float, now: Instant) -> None:
        """Take tokens, even into debt."""
        self.level(now)
        self._level -= amount

    def wait_s(self, amount: float, now: Instant) -> float:
        """Seconds until the bucket holds `amount`; 0 when it does."""
        return max(0.0, amount - self.level(now)) / self._per_s


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so much over a link in some lanes at some time of the day."""

    peer: str
    """Node id of a child, `parent`, or `*` for every link."""
    kbit_s: float
    lanes: frozenset[Lane] = CAPPED_LANES
    from_minute: int = 0
    to_minute: int = DAY_MINUTES
    """Minutes of the local day, the second not included; a window may pass midnight; equal: the whole day."""

    @property
    def bytes_s(self) -> float:
        """The rate in bytes per second."""
        return self.kbit_s * 1_000 / BITS

    def is_in_force(self, minute: int) -> bool:
        """True at this minute of the local day."""
        if self.from_minute < self.to_minute:
            return self.from_minute <= minute < self.to_minute
        return self.from_minute == self.to_minute or not self.to_minute <= minute < self.from_minute

    def concerns(self, peer: str, *, is_parent: bool) -> bool:
        """True when the cap is on the link to this peer."""
        return self.peer in ("*", peer) or (is_parent and self.peer == "parent")


class LinkCaps:
    """The caps of one link and what each has left. A frame may take a cap into debt; the lane then waits until it is paid."""

    def __init__(self, caps: Iterable[Cap] = (), *, midnight: Instant | None = None) -> None:
        self._buckets = [(cap, TokenBucket(per_s=cap.bytes_s, burst=cap.bytes_s * BURST_S)) for cap in caps]
        self._midnight = midnight or Instant(0)
        """A moment at which a local day began."""

    def day_began(self, midnight: Instant) -> None:
        """The shell's wall clock says that a local day began then."""
        self._midnight = midnight

    def in_force(self, now: Instant) -> list[Cap]:
        """The caps that hold now."""
        return [cap for cap, _ in self._active(now)]

    def frame_bytes(self, lane: Lane, now: Instant, *, seconds: float) -> float:
        """What the tightest cap on the lane lets pass in so many seconds; infinite without one."""
        return min((cap.bytes_s * seconds for cap, _ in self._active(now) if lane in cap.lanes), default=float("inf"))

    def opens_at(self, lane: Lane, now: Instant) -> Instant | None:
        """When the lane may be read for again; None when it may be now."""
        waits = [bucket.wait_s(1.0, now) for cap, bucket in self._active(now) if lane in cap.lanes]
        longest_s = max(waits, default=0.0)
        # A cap ends at a full minute: the lane is looked at again then, however deep its debt is.
        return now.plus(min(longest_s, MINUTE_S)) if longest_s > 0 else None

    def sent(self, lane: Lane, frame_bytes: int, now: Instant) -> None:
        """Count bytes that left in a lane."""
        for cap, bucket in self._active(now):
            if lane in cap.lanes:
                bucket.take(frame_bytes, now)

    def _active(self, now: Instant) -> list[tuple[Cap, TokenBucket]]:
        if not self._buckets:
            return []
        minute = int(now.seconds_since(self._midnight) // MINUTE_S) % DAY_MINUTES
        return [(cap, bucket) for cap, bucket in self._buckets if cap.is_in_force(minute)]


class CapTable:
    """All caps of a node, by link: a link that is opened again goes on with what its caps had left."""

    def __init__(self, caps: Iterable[Cap] = ()) -> None:
        self._caps = tuple(caps)
        self._links: dict[str, LinkCaps] = {}
        self._midnight: Instant | None = None

    @property
    def caps(self) -> tuple[Cap, ...]:
        """What the table was made of."""
        return self._caps

    @property
    def midnight(self) -> Instant | None:
        """When the local day began, as told last."""
        return self._midnight

    def forget_links(self) -> None:
        """Every link begins anew, with all that its caps let pass at once."""
        self._links.clear()

    def of(self, peer: str, *, is_parent: bool) -> LinkCaps:
        """The caps of the link to `peer`."""
        known = self._links.get(peer)
        if known is None:
            chosen = [cap for cap in self._caps if cap.concerns(peer, is_parent=is_parent)]
            known = LinkCaps(chosen, midnight=self._midnight)
            if chosen:
                self._links[peer] = known
        return known

    def day_began(self, midnight: Instant) -> None:
        """A local day began at this moment of the shell's monotonic clock; told again whenever the wall clock may have moved."""
        self._midnight = midnight
        for link in self._links.values():
            link.day_began(midnight)
