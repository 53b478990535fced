"""How a thing moves through a zone: too fast (speed) or against the right way. Once per track, and once per place while it cools.

Pure; called by rule.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import hypot

from edge_ai.ground import Ground
from edge_ai.rule_spec import RuleKind, RuleSpec
from edge_ai.rules.outcome import Begun, RuleOutcome
from edge_ai.rules.places import Places
from edge_ai.rules.view import Agreement, View
from edge_ai.zones import Point, cell, inside
from sync.model import Instant

SPAN_S = 1.0
"""Seconds over which a way is measured: a box's foot jumps by some pixels from picture to picture."""
SPAN_LEAST = 0.75
"""Share of SPAN_S that a way needs before it says a speed."""
MOVED_MIN = 0.02
"""Share of the picture's width that a thing must have moved before its way is believed."""
AGAINST = -0.5
"""Cosine with the right way at or below which a way is wrong: more than 120 degrees off."""
KMH = 3.6


@dataclass(slots=True)
class _Trail:
    """The last second of one track."""

    points: deque[tuple[Instant, Point]]
    agreement: Agreement
    said: bool = False


class Movement:
    """Speed by the ground plane, or direction in the picture."""

    def __init__(self, spec: RuleSpec, wanted: frozenset[int], ground: Ground | None) -> None:
        self._spec, self._wanted, self._ground = spec, wanted, ground
        self._places = Places(spec.silence_s)
        self._trails: dict[int, _Trail] = {}

    def step(self, view: View) -> list[RuleOutcome]:
        """Take one picture."""
        self._trails = {number: trail for number, trail in self._trails.items() if number in view.alive}
        outcomes: list[RuleOutcome] = []
        for track, foot in view.of(self._wanted):
            trail = self._trails.get(track.id)
            if trail is None:
                trail = self._trails[track.id] = _Trail(deque(), Agreement(self._spec.frames_min, self._spec.frames_window))
            _extend(trail, view.now, foot)
            holds = inside(self._spec.points, foot) and self._breaks(trail, view)
            if not trail.agreement.enough(holds) or trail.said:
                continue
            place = cell(foot)
            trail.said = True
            if self._places.begin(place, view.now, stays_open=False):
                outcomes.append(Begun(self._spec.name, place, track, ends_at_once=True))
        return outcomes

    def close(self, now: Instant) -> list[RuleOutcome]:
        """The rule goes off: trails are forgotten."""
        self._trails.clear()
        return []

    def _breaks(self, trail: _Trail, view: View) -> bool:
        (then, first), (now, last) = trail.points[0], trail.points[-1]
        seconds = now.seconds_since(then)
        if seconds < SPAN_S * SPAN_LEAST:
            return False
        if self._spec.kind is RuleKind.WRONG_WAY:
            return self._is_against(first, last, view.size)
        return self.speed_kmh(first, last, seconds) >= self._spec.speed_kmh

    def speed_kmh(self, first: Point, last: Point, seconds: float) -> float:
        """Along the ground; 0 where the ground is not known."""
        assert self._ground is not None
        start, end = self._ground.metres(first), self._ground.metres(last)
        if start is None or end is None:
            return 0.0
        return hypot(end[0] - start[0], end[1] - start[1]) / seconds * KMH

    def _is_against(self, first: Point, last: Point, size: tuple[int, int]) -> bool:
        width, height = size
        x, y = (last[0] - first[0]) * width, (last[1] - first[1]) * height
        right_x, right_y = self._spec.way[0] * width, self._spec.way[1] * height
        length = hypot(x, y)
        if length < MOVED_MIN * width:
            return False
        return (x * right_x + y * right_y) / (length * hypot(right_x, right_y)) <= AGAINST


def _extend(trail: _Trail, now: Instant, foot: Point) -> None:
    trail.points.append((now, foot))
    while len(trail.points) > 2 and now.seconds_since(trail.points[1][0]) >= SPAN_S:
        trail.points.popleft()
