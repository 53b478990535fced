"""How many pictures of a camera are looked at in a second, and how many were worth a look, over the last seconds.

Owns the rates of the status. What is known by counters alone says how much there ever was, not how it goes now. Called by board.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from sync.model import Instant

WINDOW_S = 10.0
"""Rates are over this much at most."""
SILENT_S = 5.0
"""An analysis that said nothing for this long has no rate: it speaks each second."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Pictures a second; both None while nothing is known."""

    analysed: float | None = None
    asked: float | None = None
    """Worth an analysis: those that got one, and those that were dropped."""


@dataclass(slots=True)
class Pace:
    """What was counted at the newest moments."""

    _counted: deque[tuple[Instant, int, int]] = field(default_factory=deque)
    """Moment, pictures analysed, pictures dropped."""

    def note(self, now: Instant, *, analysed: int, dropped: int) -> None:
        """Take the counts of now; counts that went back belong to another process, and the rates begin anew."""
        if self._counted and (analysed < self._counted[-1][1] or dropped < self._counted[-1][2]):
            self._counted.clear()
        self._counted.append((now, analysed, dropped))
        while now.seconds_since(self._counted[0][0]) > WINDOW_S:
            self._counted.popleft()

    def rates(self, now: Instant) -> Rates:
        """The rates, unknown until two moments are."""
        if len(self._counted) < 2 or now.seconds_since(self._counted[-1][0]) > SILENT_S:
            return Rates()
        (began, analysed_before, dropped_before), (ended, analysed, dropped) = self._counted[0], self._counted[-1]
        seconds = ended.seconds_since(began)
        if seconds <= 0:
            return Rates()
        looked = (analysed - analysed_before) / seconds
        return Rates(round(looked, 2), round(looked + (dropped - dropped_before) / seconds, 2))
