"""Which lane goes next: strict priority above a small floor for every lane that has data.

The floor keeps a flood in a high lane from starving bulk for ever; priority keeps an alarm ahead of any backlog.
"""

from __future__ import annotations

from collections.abc import Sequence

from sync.model import Instant, Lane

FLOOR_SHARE = 0.02
"""Part of the bytes of a period that a lane with data gets even under a flood above it."""
FLOOR_PERIOD_S = 10.0

LINGER_S: dict[Lane, float] = {Lane.CONTROL: 0.0, Lane.ALARM: 0.0, Lane.EVENT: 0.2, Lane.STATE: 0.2, Lane.BULK: 2.0, Lane.BLOB: 0.2}
"""How long a lane may wait for more before a small frame leaves."""

URGENT_LANES = frozenset({Lane.CONTROL, Lane.ALARM})
"""Lanes that share the control connection."""

FRESH_FIRST_LANES = frozenset({Lane.EVENT, Lane.BULK, Lane.BLOB})
"""Lanes that may be fresh-first. State is always oldest-first: a newer value must not be overtaken by an older one."""

FRESH_BACKLOG_LSNS = 256
"""Entries of the journal behind which a fresh-first lane must be at link-up, for its backlog to be put off."""

DEFERRED_REASON = "deferred"
"""Reason class of records that were put off so that newer ones go first."""


class LaneScheduler:
    """Picks among lanes with work; counts what each sent in the current period."""

    def __init__(self) -> None:
        self._period_start: Instant | None = None
        self._sent_bytes = dict.fromkeys(Lane, 0)

    def pick(self, lanes: Sequence[Lane], now: Instant) -> Lane:
        """The lane to serve next among `lanes`, which is not empty."""
        assert lanes, "no lane to pick from"
        self._roll(now)
        total = sum(self._sent_bytes.values())
        starved = [lane for lane in lanes if self._sent_bytes[lane] < total * FLOOR_SHARE]
        above = min(lanes)
        return min(starved) if starved and above not in URGENT_LANES else above

    def sent(self, lane: Lane, frame_bytes: int) -> None:
        """Count bytes that a lane sent."""
        self._sent_bytes[lane] += frame_bytes

    def _roll(self, now: Instant) -> None:
        if self._period_start is None or now.seconds_since(self._period_start) >= FLOOR_PERIOD_S:
            self._period_start = now
            self._sent_bytes = dict.fromkeys(Lane, 0)
