"""What a rule is told: its kind, its place in the picture, its numbers, as a plain value with bounds.

Part of edge_ai/spec.py, which gives it to workers; imports no picture code, so the node may import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge_ai.condition import parse_condition
from edge_ai.errors import SpecError
from edge_ai.schedule import Schedule

POINTS_MAX = 64
"""Corners of one zone."""
LEFT_OUT_MAX = 16
"""Polygons of one rule in which nothing counts."""
FRAMES_MIN_MAX = 10_000
CLIP_BEFORE_S_MAX, CLIP_AFTER_S_MAX = 10.0, 20.0
"""Seconds of a clip before its event, which the packet ring holds, and after it."""


class RuleKind(Enum):
    """What a rule watches for."""

    LINE = "line"
    """A track's foot crosses the line; both ways, the way is in the place."""
    ZONE = "zone"
    """A track's foot enters the zone; ends when it leaves."""
    DWELL = "dwell"
    """A thing's foot stays in the zone for `dwell_s`."""
    COUNT = "count"
    """At least `count_min` tracks are in the zone."""
    CROWDING = "crowding"
    """At least `count_min` things are in the zone for `dwell_s`; ends below `count_end`."""
    ABSENCE = "absence"
    """Nothing is in the zone for `dwell_s`."""
    LEFT_OBJECT = "left-object"
    """A thing stands still in the zone for `dwell_s` with none of `owners` near it."""
    SPEED = "speed"
    """A thing moves through the zone at `speed_kmh` or more, by the camera's ground plane."""
    WRONG_WAY = "wrong-way"
    """A thing moves through the zone against `way`."""
    LEVEL = "level"
    """The water at a gauge, from its foot (first point) to its top (second), stands at `level_max` or more."""

    @property
    def points_wanted(self) -> str:
        """How many points the kind needs, in words."""
        return "exactly 2" if self.has_two_points else f"3 to {POINTS_MAX}"

    @property
    def has_two_points(self) -> bool:
        """True for a line and a gauge."""
        return self in (RuleKind.LINE, RuleKind.LEVEL)


COOLDOWN_S = {
    RuleKind.LINE: 1.0, RuleKind.ZONE: 10.0, RuleKind.DWELL: 60.0, RuleKind.COUNT: 10.0, RuleKind.CROWDING: 60.0, RuleKind.ABSENCE: 60.0,
    RuleKind.LEFT_OBJECT: 60.0, RuleKind.SPEED: 3.0, RuleKind.WRONG_WAY: 5.0, RuleKind.LEVEL: 60.0,
}  # fmt: skip
"""Seconds a place stays silent after an event there, where the rule names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """One rule of a camera; points are shares of the picture's width and height (0-1), so any resolution fits."""

    name: str
    kind: RuleKind
    points: tuple[tuple[float, float], ...]
    """Two for a line and a gauge, three or more for a zone."""
    classes: tuple[str, ...] = ()
    """Class names that count; empty: all."""
    score_min: float = 0.0
    """What is seen with a lower score does not count for this rule; 0: the algorithm's own least score decides."""
    leave_out: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Polygons in which nothing counts: a flag, a reflection, a road behind the fence."""
    frames_min: int = 3
    """Analysed frames that must agree."""
    frames_of: int = 0
    """Among how many of the last ones they must; 0: in a row."""
    dwell_s: float = 10.0
    count_min: int = 5
    count_end: int = 0
    """Below this number a crowd has dissolved; 0: three quarters of `count_min`."""
    cooldown_s: float | None = None
    """Seconds a place stays silent after an event; None: COOLDOWN_S of the kind."""
    still: bool = False
    """Of `dwell`: the thing may not move by more than half its size."""
    owners: tuple[str, ...] = ()
    """Of `left-object`: classes whose nearness says that the thing is not left."""
    speed_kmh: float = 60.0
    way: tuple[float, ...] = ()
    """Of `wrong-way`: the right way in the picture, as x and y, of any length."""
    level_low: float = 0.0
    """Of `level`: what the gauge says at its foot, in the unit of `level_max`."""
    level_high: float = 1.0
    level_max: float = 0.5
    schedule: tuple[str, ...] = ()
    """Windows such as `mon-fri 07:00-22:00` in which the rule is on; empty: always."""
    when: str = ""
    """A sensor's condition such as `water-level of gauge-7 > 0.3`; empty: none."""
    second_stage: str = ""
    """An algorithm that looks at each thing's crop before it counts; empty: the detector's word is enough."""
    second_class: str = ""
    """What the second stage must say."""
    clip_s: tuple[float, ...] = ()
    """Seconds before and after the event that its clip has; empty: no clip."""

    def __post_init__(self) -> None:
        """Refuse what no picture could satisfy."""
        self._check_place()
        if not 1 <= self.frames_min <= FRAMES_MIN_MAX:
            raise SpecError(f"rule {self.name!r} has frames_min {self.frames_min}: give 1 to {FRAMES_MIN_MAX}")
        if self.frames_of and not self.frames_min <= self.frames_of <= FRAMES_MIN_MAX:
            raise SpecError(
                f"rule {self.name!r} has frames_of {self.frames_of}: give 0, or frames_min ({self.frames_min}) to {FRAMES_MIN_MAX}"
            )
        if self.dwell_s <= 0 or self.count_min < 1 or (self.cooldown_s is not None and self.cooldown_s < 0):
            raise SpecError(f"rule {self.name!r} has a negative or empty duration or count: dwell_s > 0, count_min >= 1, cooldown_s >= 0")
        self._check_kind()
        Schedule(self.schedule, utc_offset_minutes=0)
        if self.when:
            parse_condition(self.when)

    def _check_place(self) -> None:
        fits = len(self.points) == 2 if self.kind.has_two_points else 3 <= len(self.points) <= POINTS_MAX
        if not fits:
            raise SpecError(f"rule {self.name!r} of kind {self.kind.value} has {len(self.points)} points: give {self.kind.points_wanted}")
        corners = [point for area in (self.points, *self.leave_out) for point in area]
        if any(not 0 <= value <= 1 for point in corners for value in point):
            raise SpecError(f"rule {self.name!r} has a point outside 0-1: points are shares of the picture's width and height")
        if len(self.leave_out) > LEFT_OUT_MAX or any(not 3 <= len(area) <= POINTS_MAX for area in self.leave_out):
            raise SpecError(f"rule {self.name!r} has a bad leave_out: give {LEFT_OUT_MAX} polygons at most, 3 to {POINTS_MAX} points each")
        if not 0 <= self.score_min < 1:
            raise SpecError(f"rule {self.name!r} has score_min {self.score_min:g}: give 0 to below 1")

    def _check_kind(self) -> None:
        if not 0 <= self.count_end <= self.count_min:
            raise SpecError(f"rule {self.name!r} has count_end {self.count_end}: give 0 to count_min ({self.count_min})")
        if self.speed_kmh <= 0:
            raise SpecError(f"rule {self.name!r} has speed_kmh {self.speed_kmh:g}: give more than 0")
        if self.kind is RuleKind.WRONG_WAY and (len(self.way) != 2 or not any(self.way)):
            raise SpecError(f"rule {self.name!r} of kind wrong-way has way {list(self.way)}: give the right way as [x, y], such as [1, 0]")
        if self.kind is RuleKind.LEVEL and not self.level_low < self.level_max <= self.level_high:
            raise SpecError(f"rule {self.name!r} has level_max {self.level_max:g}: it lies above level_low, at most at level_high")
        if self.kind is RuleKind.LEVEL and self.points[0] == self.points[1]:
            raise SpecError(f"rule {self.name!r} has one point twice: give the foot and the top of the gauge")
        if bool(self.second_stage) is not bool(self.second_class):
            raise SpecError(f"rule {self.name!r} names second_stage or second_class alone: give both or none")
        if self.clip_s and not _is_clip(self.clip_s):
            raise SpecError(
                f"rule {self.name!r} has clip_s {list(self.clip_s)}: give seconds before (0 to {CLIP_BEFORE_S_MAX:g}) and after "
                f"(more than 0, at most {CLIP_AFTER_S_MAX:g}), such as [5, 8]"
            )

    @property
    def silence_s(self) -> float:
        """Seconds a place stays silent after an event there."""
        return COOLDOWN_S[self.kind] if self.cooldown_s is None else self.cooldown_s

    @property
    def frames_window(self) -> int:
        """Among how many pictures `frames_min` must agree."""
        return self.frames_of or self.frames_min

    @property
    def dissolved_below(self) -> int:
        """Number of things below which a crowd is none."""
        return self.count_end or max(1, -(-self.count_min * 3 // 4))


def _is_clip(seconds: tuple[float, ...]) -> bool:
    return len(seconds) == 2 and 0 <= seconds[0] <= CLIP_BEFORE_S_MAX and 0 < seconds[1] <= CLIP_AFTER_S_MAX
