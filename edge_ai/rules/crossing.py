"""A line crossed, counted both ways. Pure; called by rule.py."""

from __future__ import annotations

from edge_ai.rule_spec import RuleSpec
from edge_ai.rules.outcome import Begun, RuleOutcome
from edge_ai.rules.places import Places
from edge_ai.rules.view import Agreement, View, Visit
from edge_ai.zones import Point, cell, crosses, side
from sync.model import Instant


class Crossing:
    """Counts a track when enough pictures place it on the other side and its way met the line between its ends."""

    def __init__(self, spec: RuleSpec, wanted: frozenset[int]) -> None:
        self._spec, self._wanted = spec, wanted
        self._line = (spec.points[0], spec.points[1])
        self._places = Places(spec.silence_s)
        self._visits: dict[int, Visit] = {}

    def step(self, view: View) -> list[RuleOutcome]:
        """Take one picture."""
        self._visits = {number: visit for number, visit in self._visits.items() if number in view.alive}
        outcomes: list[RuleOutcome] = []
        for track, foot in view.of(self._wanted):
            visit = self._visits.get(track.id)
            if visit is None:
                against = Agreement(self._spec.frames_min, self._spec.frames_window)
                visit = self._visits[track.id] = Visit(foot, against, settled=self._is_right(foot))
            if self._changed(visit, foot):
                way = "forward" if visit.settled else "back"
                if self._places.begin(f"{way}:{cell(foot)}", view.now, stays_open=False):
                    outcomes.append(Begun(self._spec.name, way, track, ends_at_once=True))
        return outcomes

    def close(self, now: Instant) -> list[RuleOutcome]:
        """The rule goes off: who is where is forgotten."""
        self._visits.clear()
        return []

    def _changed(self, visit: Visit, foot: Point) -> bool:
        right = self._is_right(foot)
        if right is not visit.settled and visit.against.fresh:
            visit.crossed = crosses(self._line, visit.anchor, foot)
        visit.anchor = foot
        return visit.settle(right) and visit.crossed

    def _is_right(self, foot: Point) -> bool:
        return side(self._line, foot) > 0
