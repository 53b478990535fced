"""Rules over tracks: line crossing, zone entry, dwell and count, with N frames in a row, cool-down per place and one open event per place.

Pure: tracks and time in, beginnings and ends out. The anchor of a track is the bottom centre of its uncut box. Called by
edge_ai/pipeline.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_ai.spec import RuleKind, RuleSpec
from edge_ai.tracker import Track
from edge_ai.zones import Point, cell, crosses, inside, side
from sync.model import Instant

PLACES_MAX = 256
"""Places of one rule whose cool-down is remembered, newest first."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A rule's condition is confirmed."""

    rule: str
    place: str
    track: Track
    """The track that confirmed it."""
    ends_at_once: bool
    """True for a crossing, which has no duration."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The condition of an earlier Begun no longer holds."""

    rule: str
    place: str


RuleOutcome = Begun | Ended


@dataclass(slots=True)
class _Seen:
    """What one rule remembers of one track."""

    anchor: Point
    settled_inside: bool = False
    streak: int = 0
    """Analysed frames in a row that contradict the settled answer."""
    crossed: bool = False
    """The streak began with a way through the line itself, not around its end."""
    entered: Instant | None = None
    open_place: str = ""


@dataclass(slots=True)
class _Places:
    """Open and cooling places of one rule."""

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
        self.open.discard(place)
        self._cool(place, now)

    def _cool(self, place: str, now: Instant) -> None:
        self.silent_until.pop(place, None)
        self.silent_until[place] = now.plus(self.silence_s)
        while len(self.silent_until) > PLACES_MAX:
            self.silent_until.pop(next(iter(self.silent_until)))


class Rule:
    """One rule of one camera."""

    def __init__(self, spec: RuleSpec, classes: Sequence[str]) -> None:
        self._spec = spec
        self._wanted = frozenset(index for index, name in enumerate(classes) if not spec.classes or name in spec.classes)
        self._tracks: dict[int, _Seen] = {}
        self._places = _Places(spec.silence_s)
        self._count_streak = 0

    def update(self, tracks: Sequence[Track], alive: frozenset[int], size: tuple[int, int], now: Instant) -> list[RuleOutcome]:
        """Take the tracks of one analysed picture of `size` (width, height); `alive` are the ids not given up yet."""
        outcomes = self._forget(alive, now)
        for track in tracks:
            if track.label in self._wanted:
                outcomes += self._advance(track, _anchor(track, size), now)
        if self._spec.kind is RuleKind.COUNT:
            outcomes += self._count(tracks, now)
        return outcomes

    def _advance(self, track: Track, anchor: Point, now: Instant) -> list[RuleOutcome]:
        seen = self._tracks.get(track.id)
        if seen is None:
            settled = self._holds(anchor) if self._spec.kind is RuleKind.LINE else False
            seen = self._tracks[track.id] = _Seen(anchor, settled)
        changed = self._confirm_change(seen, anchor)
        seen.anchor = anchor
        if self._spec.kind is RuleKind.LINE:
            return self._crossed(track, seen, now) if changed and seen.crossed else []
        if changed:
            seen.entered = now if seen.settled_inside else None
        if self._spec.kind is RuleKind.COUNT:
            return []
        return self._zone(track, seen, now)

    def _confirm_change(self, seen: _Seen, anchor: Point) -> bool:
        """True when `frames_min` pictures in a row say the opposite of the settled answer, which then flips."""
        if self._holds(anchor) is seen.settled_inside:
            seen.streak = 0
            return False
        if seen.streak == 0:
            seen.crossed = self._spec.kind is RuleKind.LINE and crosses(self._line, seen.anchor, anchor)
        seen.streak += 1
        if seen.streak < self._spec.frames_min:
            return False
        seen.settled_inside, seen.streak = not seen.settled_inside, 0
        return True

    def _crossed(self, track: Track, seen: _Seen, now: Instant) -> list[RuleOutcome]:
        way = "forward" if seen.settled_inside else "back"
        if self._places.begin(f"{way}:{cell(seen.anchor)}", now, stays_open=False):
            return [Begun(self._spec.name, way, track, ends_at_once=True)]
        return []

    def _zone(self, track: Track, seen: _Seen, now: Instant) -> list[RuleOutcome]:
        if seen.open_place:
            return [] if seen.settled_inside else self._close(seen, now)
        waited = seen.entered is not None and (self._spec.kind is RuleKind.ZONE or now.seconds_since(seen.entered) >= self._spec.dwell_s)
        place = cell(seen.anchor)
        if waited and self._places.begin(place, now, stays_open=True):
            seen.open_place = place
            return [Begun(self._spec.name, place, track, ends_at_once=False)]
        if waited and self._spec.kind is RuleKind.ZONE:
            seen.entered = None
        return []

    def _count(self, tracks: Sequence[Track], now: Instant) -> list[RuleOutcome]:
        within = [track for track in tracks if (seen := self._tracks.get(track.id)) is not None and seen.settled_inside]
        is_open, holds = "zone" in self._places.open, len(within) >= self._spec.count_min
        self._count_streak = self._count_streak + 1 if holds is not is_open else 0
        if self._count_streak < self._spec.frames_min:
            return []
        if is_open:
            self._places.end("zone", now)
            return [Ended(self._spec.name, "zone")]
        begins = self._places.begin("zone", now, stays_open=True)
        return [Begun(self._spec.name, "zone", max(within, key=lambda track: track.score), ends_at_once=False)] if begins else []

    def _forget(self, alive: frozenset[int], now: Instant) -> list[RuleOutcome]:
        outcomes: list[RuleOutcome] = []
        for gone in [track for track in self._tracks if track not in alive]:
            outcomes += self._close(self._tracks.pop(gone), now)
        return outcomes

    def _close(self, seen: _Seen, now: Instant) -> list[RuleOutcome]:
        if not seen.open_place:
            return []
        place, seen.open_place = seen.open_place, ""
        self._places.end(place, now)
        return [Ended(self._spec.name, place)]

    def _holds(self, anchor: Point) -> bool:
        if self._spec.kind is RuleKind.LINE:
            return side(self._line, anchor) > 0
        return inside(self._spec.points, anchor)

    @property
    def _line(self) -> tuple[Point, Point]:
        return self._spec.points[0], self._spec.points[1]


def _anchor(track: Track, size: tuple[int, int]) -> Point:
    x1, _, x2, y2 = track.box
    return (x1 + x2) / 2 / size[0], y2 / size[1]
