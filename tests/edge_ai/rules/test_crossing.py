"""A line crossed, on scripted tracks."""

from __future__ import annotations

from edge_ai.rules import Rule
from edge_ai.spec import RuleKind
from tests.edge_ai.rules.scripted import places, play, rule, track


def line(**changes: object) -> Rule:
    values: dict[str, object] = {"points": ((0.5, 1.0), (0.5, 0.0)), "frames_min": 3, "cooldown_s": None}
    return rule(RuleKind.LINE, **(values | changes))


def test_crossing_counts_once_each_way() -> None:
    there = [[track(x, 50)] for x in (30, 40, 48, 52, 60, 70)]
    back = [[track(x, 50)] for x in (80, 70, 60, 45, 35, 25, 15)]
    assert places(play(line(), there + back)) == ["forward", "back"]


def test_a_place_of_the_line_is_silent_for_a_while_each_way_and_then_speaks_again() -> None:
    across = [[track(x, 50, number=number)] for number in (1, 2) for x in (30, 40, 48, 52, 60, 70)]
    back = [[track(x, 50, number=3)] for x in (70, 60, 52, 48, 40, 30)]
    assert places(play(line(cooldown_s=10), across + back)) == ["forward", "back"]
    assert places(play(line(cooldown_s=1), across + back)) == ["forward", "forward", "back"]


def test_flicker_on_the_line_counts_nothing() -> None:
    assert places(play(line(), [[track(x, 50)] for x in (49, 51, 49, 51, 49, 51, 52, 49)])) == []


def test_way_around_the_end_of_a_line_counts_nothing() -> None:
    short = line(points=((0.5, 0.3), (0.5, 0.0)))
    assert places(play(short, [[track(x, 80)] for x in (30, 40, 48, 52, 60, 70, 80)])) == []


def test_other_classes_do_not_count() -> None:
    people = line(classes=("person",))
    assert places(play(people, [[track(x, 50, label=1)] for x in (30, 40, 52, 60, 70, 80)])) == []


def test_one_wrong_picture_among_some_is_forgiven_where_the_rule_says_so() -> None:
    steps = [[track(x, 50)] for x in (30, 45, 52, 49, 55, 60)]
    assert places(play(line(frames_min=3, frames_of=4), steps)) == ["forward"]
    assert places(play(line(frames_min=3), steps)) == []
