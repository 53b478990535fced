"""Things in a zone: one event per thing (zone), or one while there are many (count). Pure; called by rule.py."""

from __future__ import annotations

from edge_ai.rule_spec import RuleKind, RuleSpec
from edge_ai.rules.outcome import Begun, Ended, RuleOutcome
from edge_ai.rules.places import Places
from edge_ai.rules.view import Agreement, View, Visit
from edge_ai.tracking.tracker import Track
from edge_ai.zones import cell, inside
from sync.model import Instant

WHOLE = "zone"
"""Place of an event that is about the whole zone."""


class Presence:
    """Tracks that are settled inside; a track that ends leaves the zone empty behind it."""

    def __init__(self, spec: RuleSpec, wanted: frozenset[int]) -> None:
        self._spec, self._wanted = spec, wanted
        self._places = Places(spec.silence_s)
        self._visits: dict[int, Visit] = {}
        self._against = Agreement(spec.frames_min, spec.frames_window)

    def step(self, view: View) -> list[RuleOutcome]:
        """Take one picture."""
        outcomes: list[RuleOutcome] = []
        for number in [number for number in self._visits if number not in view.alive]:
            outcomes += self._leave(self._visits.pop(number), view.now)
        for track, foot in view.of(self._wanted):
            visit = self._visits.setdefault(track.id, Visit(foot, Agreement(self._spec.frames_min, self._spec.frames_window)))
            holds = inside(self._spec.points, foot)
            changed, visit.anchor = visit.settle(holds), foot
            if self._spec.kind is not RuleKind.ZONE:
                continue
            if changed and not visit.settled:
                outcomes += self._leave(visit, view.now)
            elif holds and visit.settled and not visit.place:
                outcomes += self._enter(track, visit, view.now)
        return outcomes if self._spec.kind is RuleKind.ZONE else self._count(view)

    def close(self, now: Instant) -> list[RuleOutcome]:
        """The rule goes off: what is open ends, who is where is forgotten."""
        self._visits.clear()
        self._against.clear()
        ended = [Ended(self._spec.name, place) for place in sorted(self._places.open)]
        for outcome in ended:
            self._places.end(outcome.place, now)
        return list(ended)

    def _enter(self, track: Track, visit: Visit, now: Instant) -> list[RuleOutcome]:
        """Tell it, or ask again with the next picture: who comes while the place is silent and stays is told when it no longer is."""
        place = cell(visit.anchor)
        if not self._places.begin(place, now, stays_open=True):
            return []
        visit.place = place
        return [Begun(self._spec.name, place, track, ends_at_once=False)]

    def _leave(self, visit: Visit, now: Instant) -> list[RuleOutcome]:
        if not visit.place:
            return []
        place, visit.place = visit.place, ""
        self._places.end(place, now)
        return [Ended(self._spec.name, place)]

    def _count(self, view: View) -> list[RuleOutcome]:
        within = [track for track, _ in view.of(self._wanted) if self._visits[track.id].settled]
        is_open = WHOLE in self._places.open
        if not self._against.enough((len(within) >= self._spec.count_min) is not is_open):
            return []
        if is_open:
            self._against.clear()
            self._places.end(WHOLE, view.now)
            return [Ended(self._spec.name, WHOLE)]
        if not within or not self._places.begin(WHOLE, view.now, stays_open=True):
            return []
        self._against.clear()
        return [Begun(self._spec.name, WHOLE, max(within, key=lambda track: track.score), ends_at_once=False)]
