"""One rule of one camera: which kind judges its pictures, and when it is on at all (schedule, a sensor's condition).

Pure: tracks and time in, beginnings and ends out. Called by book.py, and alone by tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge_ai.condition import SensorValues, Values, parse_condition
from edge_ai.errors import SpecError
from edge_ai.ground import Ground
from edge_ai.picture import Pixels
from edge_ai.reasons import reason
from edge_ai.rule_spec import RuleKind, RuleSpec
from edge_ai.rules.crossing import Crossing
from edge_ai.rules.crowd import Crowd
from edge_ai.rules.gauge import Gauge
from edge_ai.rules.movement import Movement
from edge_ai.rules.outcome import RuleOutcome
from edge_ai.rules.presence import Presence
from edge_ai.rules.stay import Stay
from edge_ai.rules.staying import Staying
from edge_ai.rules.view import STEP_S_MAX, View, anchor
from edge_ai.schedule import Schedule
from edge_ai.tracking.tracker import Track
from edge_ai.zones import Point, inside
from sync.model import Instant


class Kind(Protocol):
    """What judges the pictures of a rule. Implementations: one per file of this folder."""

    def step(self, view: View) -> list[RuleOutcome]:
        """Take one picture."""

    def close(self, now: Instant) -> list[RuleOutcome]:
        """End what is open and forget everything."""


class Rule:
    """One rule. A rule that is off sees nothing: what is open ends, and a stay begins anew when it comes on."""

    def __init__(
        self,
        spec: RuleSpec,
        classes: Sequence[str],
        *,
        ground: Ground | None = None,
        values: Values | None = None,
        utc_offset_minutes: int = 0,
    ) -> None:
        wanted = frozenset(index for index, name in enumerate(classes) if not spec.classes or name in spec.classes)
        self._kind = _kind(spec, wanted, classes, ground)
        self._schedule = Schedule(spec.schedule, utc_offset_minutes=utc_offset_minutes)
        self._condition = parse_condition(spec.when) if spec.when else None
        self._values = values or SensorValues()
        self._score_min, self._leave_out = spec.score_min, spec.leave_out
        self._seen_at: Instant | None = None
        self._on = True

    def update(
        self,
        tracks: Sequence[Track],
        alive: frozenset[int],
        size: tuple[int, int],
        now: Instant,
        *,
        wall_us: int = 0,
        pixels: Pixels | None = None,
    ) -> list[RuleOutcome]:
        """Take the tracks of one analysed picture of `size` (width, height); `alive` are the ids not given up yet.

        `wall_us` (microseconds since 1970 UTC) decides schedules, `pixels` are read by gauges.
        """
        seconds = 0.0 if self._seen_at is None else min(now.seconds_since(self._seen_at), STEP_S_MAX)
        self._seen_at = now
        if not self._is_on(wall_us, now):
            was_on, self._on = self._on, False
            return self._kind.close(now) if was_on else []
        self._on = True
        return self._kind.step(View(self._counted(tracks, size), alive, size, now, seconds, pixels))

    def _counted(self, tracks: Sequence[Track], size: tuple[int, int]) -> tuple[Track, ...]:
        """The tracks that may count: seen well enough, and not where nothing counts."""
        if not (self._score_min or self._leave_out):
            return tuple(tracks)
        return tuple(track for track in tracks if track.score >= self._score_min and not self._is_left_out(anchor(track, size)))

    def _is_left_out(self, foot: Point) -> bool:
        return any(inside(area, foot) for area in self._leave_out)

    @property
    def stays(self) -> list[Stay]:
        """What must be known after a restart; empty for kinds that are not about staying."""
        return self._kind.stays if isinstance(self._kind, Staying) else []

    def adopt(self, stays: Sequence[Stay]) -> bool:
        """Take back what was kept before a restart; False when the rule is no longer about staying."""
        if not isinstance(self._kind, Staying):
            return False
        self._kind.adopt(stays)
        return True

    def _is_on(self, wall_us: int, now: Instant) -> bool:
        return self._schedule.is_on(wall_us) and (self._condition is None or self._condition.holds(self._values, now))


def _kind(spec: RuleSpec, wanted: frozenset[int], classes: Sequence[str], ground: Ground | None) -> Kind:
    match spec.kind:
        case RuleKind.LINE:
            return Crossing(spec, wanted)
        case RuleKind.ZONE | RuleKind.COUNT:
            return Presence(spec, wanted)
        case RuleKind.DWELL | RuleKind.LEFT_OBJECT:
            return Staying(spec, wanted, classes)
        case RuleKind.CROWDING | RuleKind.ABSENCE:
            return Crowd(spec, wanted)
        case RuleKind.LEVEL:
            return Gauge(spec)
        case RuleKind.SPEED if ground is None:
            raise SpecError(reason("rule-no-ground", rule=repr(spec.name)))
        case RuleKind.SPEED | RuleKind.WRONG_WAY:
            return Movement(spec, wanted, ground)
