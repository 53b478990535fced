"""Open and cooling places of one rule: one open event per place, and silence after it. Pure; called by every kind of rule."""

from __future__ import annotations

from dataclasses import dataclass, field

from sync.model import Instant

PLACES_MAX = 256
"""Places of one rule whose cool-down is remembered, newest first."""


@dataclass(slots=True)
class Places:
    """Places by name; what a name means is the kind's affair."""

    silence_s: float
    open: set[str] = field(default_factory=set)
    silent_until: dict[str, Instant] = field(default_factory=dict)

    def begin(self, place: str, now: Instant, *, stays_open: bool) -> bool:
        """True when an event may begin at `place`; then it is open, or cooling."""
        if place in self.open or now < self.silent_until.get(place, Instant(-1)):
            return False
        if stays_open:
            self.open.add(place)
        self._cool(place, now)
        return True

    def end(self, place: str, now: Instant) -> None:
        """The event at `place` is over."""
        self.open.discard(place)
        self._cool(place, now)

    def _cool(self, place: str, now: Instant) -> None:
        self.silent_until.pop(place, None)
        self.silent_until[place] = now.plus(self.silence_s)
        while len(self.silent_until) > PLACES_MAX:
            self.silent_until.pop(next(iter(self.silent_until)))
