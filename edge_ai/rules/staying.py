"""Things that stay too long (dwell) or are left behind (left object): by place and time, so a broken identity changes nothing.

A thing whose track ends is held where it stood; the next track of its class there is the same thing. What was reported is not reported
again while it stands. Pure; called by rule.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_ai.rule_spec import RuleKind, RuleSpec
from edge_ai.rules.outcome import Begun, Ended, RuleOutcome
from edge_ai.rules.places import Places
from edge_ai.rules.stay import OVERLAP_MIN, Stay, overlap
from edge_ai.rules.view import Agreement, View, Visit
from edge_ai.tracking.tracker import Track
from edge_ai.zones import cell, inside
from sync.model import Instant

NEAR_SIZES = 1.5
"""An owner is near within this many of the longer sides of the owner's box."""
HELD_MAX = 256
"""Things without a track that one rule holds; the one unseen longest goes first."""


class Staying:
    """Things in the zone by the track that is them now, and those that wait for one."""

    def __init__(self, spec: RuleSpec, wanted: frozenset[int], classes: Sequence[str]) -> None:
        self._spec, self._wanted, self._classes = spec, wanted, tuple(classes)
        self._owners = frozenset(index for index, name in enumerate(classes) if name in spec.owners)
        self._still = spec.still or spec.kind is RuleKind.LEFT_OBJECT
        self._places = Places(spec.silence_s)
        self._visits: dict[int, Visit] = {}
        self._stays: dict[int, Stay] = {}
        self._held: list[Stay] = []

    @property
    def stays(self) -> list[Stay]:
        """All things that stay, for keeping over a restart."""
        return [*self._held, *self._stays.values()]

    def adopt(self, stays: Sequence[Stay]) -> None:
        """Take back what was kept: each thing waits for a track at its place."""
        self._held += stays
        self._places.open |= {stay.place for stay in stays if stay.place}

    def step(self, view: View) -> list[RuleOutcome]:
        """Take one picture."""
        self._hold_ended(view)
        outcomes = self._drop_lost(view)
        for stay in self._stays.values():
            stay.stayed_s += view.seconds
        for track, foot in view.of(self._wanted):
            visit = self._visits.setdefault(track.id, Visit(foot, Agreement(self._spec.frames_min, self._spec.frames_window)))
            visit.anchor = foot
            if visit.settle(inside(self._spec.points, foot)):
                outcomes += self._came(track, view) if visit.settled else self._went(track.id, view.now)
            if track.id in self._stays:
                outcomes += self._judge(track, view)
        return outcomes

    def close(self, now: Instant) -> list[RuleOutcome]:
        """The rule goes off: what is open ends, all is forgotten."""
        ended: list[RuleOutcome] = []
        for stay in self.stays:
            ended += self._end(stay, now)
        self._visits.clear()
        self._stays.clear()
        self._held.clear()
        return ended

    def _hold_ended(self, view: View) -> None:
        for number in [number for number in self._visits if number not in view.alive]:
            del self._visits[number]
            stay = self._stays.pop(number, None)
            if stay is not None:
                self._held.append(stay)

    def _drop_lost(self, view: View) -> list[RuleOutcome]:
        outcomes: list[RuleOutcome] = []
        for stay in self._held:
            stay.unseen_s += view.seconds
        lost = [stay for stay in self._held if stay.is_lost] or self._held[: max(0, len(self._held) - HELD_MAX)]
        for stay in lost:
            self._held.remove(stay)
            outcomes += self._end(stay, view.now)
        return outcomes

    def _came(self, track: Track, view: View) -> list[RuleOutcome]:
        box, label = view.box(track), self._classes[track.label]
        same = [stay for stay in self._held if self._fits(stay, label) and overlap(stay.box, box) >= OVERLAP_MIN]
        if not same:
            self._stays[track.id] = Stay(label, box, box)
            return []
        stay = max(same, key=lambda stay: overlap(stay.box, box))
        self._held.remove(stay)
        stay.stayed_s += stay.unseen_s
        stay.unseen_s = 0.0
        self._stays[track.id] = stay
        return []

    def _fits(self, stay: Stay, label: str) -> bool:
        """One class, or two that the rule names both: a van is a car in one picture and a truck in the next."""
        return stay.label == label or (label in self._spec.classes and stay.label in self._spec.classes)

    def _went(self, number: int, now: Instant) -> list[RuleOutcome]:
        stay = self._stays.pop(number, None)
        return [] if stay is None else self._end(stay, now)

    def _judge(self, track: Track, view: View) -> list[RuleOutcome]:
        stay = self._stays[track.id]
        stay.box = view.box(track)
        if self._still and stay.has_moved:
            ended = self._end(stay, view.now)
            self._stays[track.id] = Stay(stay.label, stay.box, stay.box)
            return ended
        if not stay.known and self._is_attended(view, stay):
            stay.stayed_s = 0.0
        place = cell(((stay.box[0] + stay.box[2]) / 2, stay.box[3]))
        if stay.known or stay.stayed_s < self._spec.dwell_s or not self._places.begin(place, view.now, stays_open=True):
            return []
        stay.known, stay.place = True, place
        return [Begun(self._spec.name, place, track, ends_at_once=False)]

    def _is_attended(self, view: View, stay: Stay) -> bool:
        width, height = view.size
        x, y = (stay.box[0] + stay.box[2]) / 2 * width, stay.box[3] * height
        for owner, (foot_x, foot_y) in view.of(self._owners):
            reach = NEAR_SIZES * max(owner.box[2] - owner.box[0], owner.box[3] - owner.box[1])
            if (foot_x * width - x) ** 2 + (foot_y * height - y) ** 2 <= reach**2:
                return True
        return False

    def _end(self, stay: Stay, now: Instant) -> list[RuleOutcome]:
        if not stay.place:
            return []
        place, stay.place = stay.place, ""
        self._places.end(place, now)
        return [Ended(self._spec.name, place)]
