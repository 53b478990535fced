"""Suggestions from judged events: the change is named with what it costs, and none is made of chance or against a true alarm."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from edge_ai.rule_spec import RuleKind, RuleSpec
from node.incidents.states import Verdict
from node.incidents.suggesting import DAY_US, HOUR_US, Foot, Judged, Suggestion, suggestions

RULE = RuleSpec(name="door", kind=RuleKind.ZONE, points=((0, 0), (1, 0), (1, 1), (0, 1)))
DAWN_US = 1_790_000_000_000_000 // DAY_US * DAY_US
SPREAD = tuple((column / 8 + 0.05, row / 8 + 0.05) for column, row in ((0, 0), (7, 7), (0, 7), (7, 0), (3, 0), (0, 3), (5, 5)))


def judged(
    verdict: str,
    *,
    score: float = 0.5,
    hour: float = 0.0,
    day: int = 0,
    lasted_s: float | None = 60.0,
    foot: Foot | None = None,
    place: str = "",
) -> Judged:
    at_us = DAWN_US + day * DAY_US + round(hour * HOUR_US)
    ended_us = None if lasted_s is None else at_us + round(lasted_s * 1e6)
    return Judged(verdict=Verdict(verdict), score=score, at_us=at_us, ended_us=ended_us, place=place or f"p{at_us}", foot=foot)


def scattered(count: int, verdict: str = "false", **same: object) -> list[Judged]:
    """Events with nothing in common but what is given: hours, days and places differ."""
    return [
        judged(verdict, hour=(3.4 * number) % 24, day=number, foot=SPREAD[number % len(SPREAD)], place=f"c{number}", **same)  # type: ignore[arg-type]
        for number in range(count)
    ]


def asked(events: Sequence[Judged], rule: RuleSpec = RULE) -> dict[str, Suggestion]:
    found = suggestions(rule, events, analysed_fps=5.0, utc_offset_minutes=0)
    return {one.key: one for one in found}


def test_fewer_than_five_false_alarms_suggest_nothing() -> None:
    assert asked(scattered(4, score=0.1) + scattered(9, "true", score=0.9)) == {}


def test_a_score_that_drops_false_ones_and_no_true_one() -> None:
    events = [*scattered(6, score=0.41), *scattered(1, score=0.95), *scattered(3, "true", score=0.7)]
    assert asked(events)["score_min"] == Suggestion("score_min", "0", "0.42", drops=6, of=7)


def test_scores_that_lie_among_the_true_ones_suggest_no_score() -> None:
    assert "score_min" not in asked(scattered(8, score=0.6) + scattered(1, "true", score=0.5))


def test_without_true_alarms_the_highest_false_scores_are_left() -> None:
    events = [replace(event, score=0.3 + 0.05 * number) for number, event in enumerate(scattered(10))]
    found = asked(events)["score_min"]
    assert (found.then, found.drops) == ("0.66", 8)


def test_short_false_alarms_of_a_zone_want_more_frames() -> None:
    events = scattered(6, lasted_s=0.8) + scattered(4, "true", lasted_s=20.0)
    assert asked(events)["frames_min"] == Suggestion("frames_min", "3", "5", drops=6, of=6)


def test_short_false_alarms_of_a_stay_want_a_longer_one_and_true_ones_that_go_on_say_nothing() -> None:
    rule = RuleSpec(name="park", kind=RuleKind.DWELL, points=RULE.points, dwell_s=60.0)
    events = scattered(6, lasted_s=30.0)
    assert asked(events + scattered(2, "true", lasted_s=900.0), rule)["dwell_s"].then == "91"
    assert "dwell_s" not in asked(events + scattered(2, "true", lasted_s=None), rule)


def test_false_alarms_in_one_corner_are_left_out_in_the_smallest_rectangle() -> None:
    corner = [replace(event, foot=(0.9, 0.06)) for event in scattered(6)]
    events = [*corner, *scattered(2), *[replace(event, foot=(0.7, 0.06)) for event in scattered(2, "true")]]
    found = asked(events)["leave_out"]
    area = tomllib.loads(f"x = {found.then}")["x"]
    assert (area, found.drops) == ([[[0.875, 0.0], [1.0, 0.0], [1.0, 0.125], [0.875, 0.125]]], 6)
    RuleSpec(name="r", kind=RuleKind.ZONE, points=RULE.points, leave_out=tuple(tuple(map(tuple, each)) for each in area))


def test_a_place_with_a_true_alarm_or_unknown_feet_is_not_left_out() -> None:
    corner = [replace(event, foot=(0.9, 0.06)) for event in scattered(6)]
    assert "leave_out" not in asked([*corner, replace(judged("true"), foot=(0.95, 0.01))])
    assert "leave_out" not in asked([*corner, judged("true")])


@pytest.mark.parametrize(("hours", "then"), [((22.5, 23.5, 0.5), "daily 01:00-22:00"), ((0.2, 1.5, 1.9), "daily 02:00-24:00")])
def test_false_alarms_at_night_suggest_a_schedule(hours: tuple[float, ...], then: str) -> None:
    events = [judged("false", hour=hours[number % 3], day=number) for number in range(9)]
    found = asked([*events, judged("true", hour=12)])["schedule"]
    assert (tomllib.loads(f"x = {found.then}")["x"], found.drops) == ([then], 9)
    replace(RULE, schedule=(then,))


def test_one_bad_night_is_no_schedule_and_a_rule_with_one_keeps_it() -> None:
    night = [judged("false", hour=1 + number / 10) for number in range(9)]
    assert "schedule" not in asked(night)
    nights = [judged("false", hour=1, day=number) for number in range(9)]
    assert "schedule" not in asked(nights, replace(RULE, schedule=("mon-fri 00:00-24:00",)))


def test_false_alarms_in_a_row_at_one_place_want_a_longer_silence() -> None:
    events = [judged("false", hour=number * 3 / 60, lasted_s=1.0, place="c1r1") for number in range(8)]
    assert asked(events)["cooldown_s"] == Suggestion("cooldown_s", "10", "300", drops=4, of=8)


def test_a_true_alarm_in_the_row_forbids_the_silence() -> None:
    events = [judged("true" if number == 5 else "false", hour=number * 3 / 60, lasted_s=1.0, place="c1r1") for number in range(8)]
    assert "cooldown_s" not in asked(events)


def test_alarms_without_a_score_or_an_end_get_no_such_suggestion() -> None:
    absence = RuleSpec(name="a", kind=RuleKind.ABSENCE, points=RULE.points)
    line = RuleSpec(name="l", kind=RuleKind.LINE, points=((0, 0), (1, 1)))
    assert "score_min" not in asked(scattered(9, score=0.1), absence)
    assert {"frames_min", "dwell_s"} & set(asked(scattered(9, lasted_s=0.0), line)) == set()


def test_a_place_that_is_left_out_already_is_not_suggested_again() -> None:
    corner = ((0.0, 0.0), (0.13, 0.0), (0.13, 0.13), (0.0, 0.13))
    events = [judged("false", hour=3.4 * number, day=number, foot=(0.05, 0.05), place=f"c{number}") for number in range(6)]
    assert "leave_out" in asked(events)
    assert "leave_out" not in asked(events, replace(RULE, leave_out=(corner,)))
