"""What would have kept false alarms of a rule away, from the numbers of its own judged events: one change at a time, with what it costs.

Pure. Nothing changes by itself: a suggestion names the key, its value and how many false and true events it would have dropped then; a
change that would have dropped a true one is never suggested. Called by api.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, floor

from edge_ai.rule_spec import RuleKind, RuleSpec
from edge_ai.zones import inside
from node.incidents.states import Verdict

FALSE_MIN = 5
"""False alarms below which nothing is suggested: fewer are chance."""
SHARE_MIN = 0.5
"""Share of the false alarms that a change must have dropped."""
PLACE_SHARE_MIN = 0.6
HOUR_SHARE_MIN = 0.7
BLIND_SHARE = 0.8
"""Share of the false alarms that a value drops where no true one says how far it may go."""
CELLS = 8
CELLS_WIDE_MAX = 4
HOURS_MAX = 8
COOLDOWNS_S = (60, 120, 300, 600, 1_800, 3_600)
FRAMES_MAX = 100
BLIND_GROWTH_MAX = 5
"""Times a duration may grow where no true alarm says how far it may go."""
GROWTH_MAX = 10
"""Times a duration may grow."""
HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
STAYS = (RuleKind.DWELL, RuleKind.LEFT_OBJECT, RuleKind.CROWDING, RuleKind.ABSENCE)
WITHOUT_SCORE = (RuleKind.ABSENCE, RuleKind.LEVEL)
"""Kinds whose events no detector's score stands behind."""
AT_ONCE = (RuleKind.LINE, RuleKind.SPEED, RuleKind.WRONG_WAY)

Foot = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An event that a person judged."""

    verdict: Verdict
    score: float
    at_us: int
    ended_us: int | None
    place: str
    foot: Foot | None = None
    """Where the thing stood, in shares of the picture; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One change of a rule."""

    key: str
    now: str
    """What stands there now, as TOML."""
    then: str
    """What to put there, as TOML."""
    drops: int
    """False alarms that it would have dropped; of the true ones none."""
    of: int


def suggestions(rule: RuleSpec, events: Sequence[Judged], *, analysed_fps: float, utc_offset_minutes: int) -> list[Suggestion]:
    """Changes that would have dropped at least half of the false alarms and no true one, the best first; none below FALSE_MIN."""
    false = [event for event in events if event.verdict is Verdict.FALSE]
    true = [event for event in events if event.verdict is Verdict.TRUE]
    if len(false) < FALSE_MIN:
        return []
    found = [
        *_score(rule, false, true),
        *_duration(rule, false, true, analysed_fps),
        *_place(rule, false, true),
        *_hours(rule, false, true, utc_offset_minutes),
        *_cooldown(rule, events, len(false)),
    ]
    return sorted(found, key=lambda each: -each.drops)


def _score(rule: RuleSpec, false: Sequence[Judged], true: Sequence[Judged]) -> Iterator[Suggestion]:
    if rule.kind in WITHOUT_SCORE:
        return
    least = _limit([event.score for event in false], [event.score for event in true], step=0.01)
    drops = sum(event.score < least for event in false)
    if rule.score_min < least < 1 and drops >= SHARE_MIN * len(false):
        yield Suggestion("score_min", f"{rule.score_min:g}", f"{least:.2f}", drops, len(false))


def _duration(rule: RuleSpec, false: Sequence[Judged], true: Sequence[Judged], fps: float) -> Iterator[Suggestion]:
    """An event that lasted for d seconds stood for as long as its rule waits and d more; of a zone d seconds of pictures said yes."""
    if rule.kind in AT_ONCE or rule.kind is RuleKind.LEVEL:
        return
    stays = rule.kind in STAYS
    lasted = [_lasted_s(event) for event in false]
    if any(event.ended_us is None for event in true):
        return  # one that goes on may last for as long as it likes, and says nothing of how short a true one is
    bound = [_lasted_s(event) for event in true]
    values, floor_of = ([rule.dwell_s + each for each in lasted], [rule.dwell_s + each for each in bound])
    if not stays:
        values, floor_of = [round(each * fps) for each in lasted], [round(each * fps) for each in bound]
    now, key = (rule.dwell_s, "dwell_s") if stays else (rule.frames_min, "frames_min")
    least = min(_limit(values, floor_of, step=1), now * (GROWTH_MAX if true else BLIND_GROWTH_MAX))
    least = least if stays else min(least, FRAMES_MAX)
    ended = [value for value, event in zip(values, false, strict=True) if event.ended_us is not None]
    drops = sum(value < least for value in ended)
    if least > now and drops >= SHARE_MIN * len(false):
        yield Suggestion(key, f"{now:g}", f"{floor(least)}", drops, len(false))


def _lasted_s(event: Judged) -> float:
    return float("inf") if event.ended_us is None else max(0.0, (event.ended_us - event.at_us) / 1e6)


def _limit(false: Sequence[float], true: Sequence[float], *, step: float) -> float:
    """The value just above the false ones that lie below every true one; where no true one is known, above most of them."""
    known = sorted(value for value in false if value != float("inf"))
    if not known:
        return 0.0
    highest = min(true, default=float("inf"))
    below = [value for value in known if value < highest] if true else known[: ceil(BLIND_SHARE * len(known))]
    if not below:
        return 0.0
    above = (floor(below[-1] / step + 1e-9) + 1) * step
    return min(above, highest)


def _place(rule: RuleSpec, false: Sequence[Judged], true: Sequence[Judged]) -> Iterator[Suggestion]:
    """The smallest rectangle of cells that holds most false feet and no true one; what is left out already counts for nothing.

    Unknown feet of true ones forbid it."""
    if rule.kind is RuleKind.LEVEL or any(event.foot is None for event in true):
        return
    feet = [event.foot for event in false if event.foot is not None]
    counts = Counter(_cell(foot) for foot in feet if not any(inside(area, foot) for area in rule.leave_out))
    kept = {_cell(event.foot) for event in true if event.foot is not None}
    best: tuple[int, int, tuple[int, int, int, int]] | None = None
    for left, top, wide, high in product(range(CELLS), range(CELLS), range(1, CELLS_WIDE_MAX + 1), range(1, CELLS_WIDE_MAX + 1)):
        if left + wide > CELLS or top + high > CELLS or any(_within(cell, left, top, wide, high) for cell in kept):
            continue
        drops = sum(count for cell, count in counts.items() if _within(cell, left, top, wide, high))
        if drops >= PLACE_SHARE_MIN * len(false) and (best is None or (wide * high, -drops) < (best[0], -best[1])):
            best = (wide * high, drops, (left, top, wide, high))
    if best is not None:
        west, north, width, height = (value / CELLS for value in best[2])
        corners = [[west, north], [west + width, north], [west + width, north + height], [west, north + height]]
        kept_out = [[list(point) for point in area] for area in rule.leave_out]
        yield Suggestion("leave_out", str(kept_out), str([*kept_out, corners]), best[1], len(false))


def _cell(foot: Foot) -> tuple[int, int]:
    column, row = (min(max(int(value * CELLS), 0), CELLS - 1) for value in foot)
    return column, row


def _within(cell: tuple[int, int], left: int, top: int, wide: int, high: int) -> bool:
    return left <= cell[0] < left + wide and top <= cell[1] < top + high


def _hours(rule: RuleSpec, false: Sequence[Judged], true: Sequence[Judged], offset_minutes: int) -> Iterator[Suggestion]:
    """A stretch of the day with most false alarms and no true one; on one day alone it is no habit."""
    if rule.schedule or len({_local(event, offset_minutes) // DAY_US for event in false}) < 2:
        return
    counts = Counter(_hour(event, offset_minutes) for event in false)
    kept = {_hour(event, offset_minutes) for event in true}
    for length, start in product(range(1, HOURS_MAX + 1), range(24)):
        hours = {(start + hour) % 24 for hour in range(length)}
        drops = sum(counts[hour] for hour in hours)
        if drops >= HOUR_SHARE_MIN * len(false) and not hours & kept:
            yield Suggestion("schedule", "[]", f'["daily {(start + length) % 24:02}:00-{start or 24:02}:00"]', drops, len(false))
            return


def _local(event: Judged, offset_minutes: int) -> int:
    return event.at_us + offset_minutes * 60_000_000


def _hour(event: Judged, offset_minutes: int) -> int:
    return _local(event, offset_minutes) % DAY_US // HOUR_US


def _cooldown(rule: RuleSpec, events: Sequence[Judged], false: int) -> Iterator[Suggestion]:
    """Events that followed another at their place so soon that a longer silence would have swallowed them."""
    for seconds in COOLDOWNS_S:
        if seconds <= rule.silence_s:
            continue
        swallowed = _swallowed(events, seconds)
        if any(event.verdict is Verdict.TRUE for event in swallowed):
            return
        drops = sum(event.verdict is Verdict.FALSE for event in swallowed)
        if drops >= SHARE_MIN * false:
            yield Suggestion("cooldown_s", f"{rule.silence_s:g}", f"{seconds}", drops, false)
            return


def _swallowed(events: Sequence[Judged], seconds: float) -> list[Judged]:
    silent_until: dict[str, float] = {}
    swallowed = []
    for event in sorted(events, key=lambda each: each.at_us):
        if event.at_us < silent_until.get(event.place, 0):
            swallowed.append(event)
            continue
        silent_until[event.place] = (event.ended_us or event.at_us) + seconds * 1e6
    return swallowed
