"""How many are in a zone, whoever they are: crowding and absence. Counts places and not identities. Pure; called by rule.py."""

from __future__ import annotations

from collections import deque
from statistics import median_high

from edge_ai.rule_spec import RuleKind, RuleSpec
from edge_ai.rules.outcome import Begun, Ended, RuleOutcome
from edge_ai.rules.places import Places
from edge_ai.rules.presence import WHOLE
from edge_ai.rules.view import View
from edge_ai.tracking.tracker import Track
from edge_ai.zones import inside
from sync.model import Instant

NOBODY = -1
"""Class of the track that stands for a zone without things."""


class Crowd:
    """The number in the zone, as the median of the last pictures, against a bound that must be kept for `dwell_s`."""

    def __init__(self, spec: RuleSpec, wanted: frozenset[int]) -> None:
        self._spec, self._wanted = spec, wanted
        self._places = Places(spec.silence_s)
        self._numbers: deque[int] = deque(maxlen=spec.frames_window)
        self._held_s = 0.0

    def step(self, view: View) -> list[RuleOutcome]:
        """Take one picture."""
        within = [track for track, foot in view.of(self._wanted) if inside(self._spec.points, foot)]
        self._numbers.append(len(within))
        if len(self._numbers) < self._spec.frames_window:
            return []
        number = median_high(self._numbers)
        if WHOLE in self._places.open:
            return self._dissolve(number, view.now)
        self._held_s = self._held_s + view.seconds if self._holds(number) else 0.0
        if self._held_s < self._spec.dwell_s or not self._places.begin(WHOLE, view.now, stays_open=True):
            return []
        return [self._begun(within, view)]

    def close(self, now: Instant) -> list[RuleOutcome]:
        """The rule goes off."""
        self._numbers.clear()
        self._held_s = 0.0
        if WHOLE not in self._places.open:
            return []
        self._places.end(WHOLE, now)
        return [Ended(self._spec.name, WHOLE)]

    def _holds(self, number: int) -> bool:
        return number == 0 if self._spec.kind is RuleKind.ABSENCE else number >= self._spec.count_min

    def _dissolve(self, number: int, now: Instant) -> list[RuleOutcome]:
        over = number > 0 if self._spec.kind is RuleKind.ABSENCE else number < self._spec.dissolved_below
        if not over:
            return []
        self._held_s = 0.0
        self._places.end(WHOLE, now)
        return [Ended(self._spec.name, WHOLE)]

    def _begun(self, within: list[Track], view: View) -> Begun:
        if self._spec.kind is RuleKind.ABSENCE:
            return Begun(self._spec.name, WHOLE, stand_in(self._spec, view), ends_at_once=False, label="absence")
        track = max(within, key=lambda track: track.score) if within else stand_in(self._spec, view)
        return Begun(self._spec.name, WHOLE, track, ends_at_once=False, label="" if within else "crowd")


def stand_in(spec: RuleSpec, view: View) -> Track:
    """A track with id 0 over the rule's place, for events that are no thing's."""
    xs, ys = [point[0] * view.size[0] for point in spec.points], [point[1] * view.size[1] for point in spec.points]
    return Track(0, NOBODY, 1.0, (min(xs), min(ys), max(xs), max(ys)), hits=0)
