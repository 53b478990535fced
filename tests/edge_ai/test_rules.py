"""Rules on scripted tracks."""

from __future__ import annotations

from collections.abc import Sequence

from edge_ai.rules import Begun, Ended, Rule, RuleOutcome
from edge_ai.spec import RuleKind, RuleSpec
from edge_ai.tracker import Track
from sync.model import Instant

CLASSES = ("person", "vehicle")
SIZE = (100, 100)
SQUARE = ((0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6))
STEP_S = 0.2


def track(x: float, y: float, *, number: int = 1, label: int = 0) -> Track:
    return Track(number, label, 0.9, (x - 5, y - 20, x + 5, y), hits=5)


def play(rule: Rule, frames: Sequence[Sequence[Track]], *, start: int = 0, alive: frozenset[int] | None = None) -> list[RuleOutcome]:
    outcomes: list[RuleOutcome] = []
    for index, tracks in enumerate(frames, start=start):
        ids = frozenset(one.id for one in tracks) if alive is None else alive
        outcomes += rule.update(tracks, ids, SIZE, Instant(0).plus(index * STEP_S))
    return outcomes


def line(**changes: object) -> Rule:
    values: dict[str, object] = {"name": "l", "kind": RuleKind.LINE, "points": ((0.5, 1.0), (0.5, 0.0)), "frames_min": 3}
    return Rule(RuleSpec(**(values | changes)), CLASSES)  # type: ignore[arg-type]


def zone(kind: RuleKind = RuleKind.ZONE, **changes: object) -> Rule:
    values: dict[str, object] = {"name": "z", "kind": kind, "points": SQUARE, "frames_min": 2, "cooldown_s": 0}
    return Rule(RuleSpec(**(values | changes)), CLASSES)  # type: ignore[arg-type]


def ways(outcomes: Sequence[RuleOutcome]) -> list[str]:
    return [outcome.place for outcome in outcomes if isinstance(outcome, Begun)]


def test_crossing_counts_once_each_way() -> None:
    there = [[track(x, 50)] for x in (30, 40, 48, 52, 60, 70)]
    back = [[track(x, 50)] for x in (80, 70, 60, 45, 35, 25, 15)]
    assert ways(play(line(), there + back)) == ["forward", "back"]


def test_flicker_on_the_line_counts_nothing() -> None:
    assert ways(play(line(), [[track(x, 50)] for x in (49, 51, 49, 51, 49, 51, 52, 49)])) == []


def test_way_around_the_end_of_a_line_counts_nothing() -> None:
    rule = line(points=((0.5, 0.3), (0.5, 0.0)))
    assert ways(play(rule, [[track(x, 80)] for x in (30, 40, 48, 52, 60, 70, 80)])) == []


def test_other_classes_do_not_count() -> None:
    rule = line(classes=("person",))
    assert ways(play(rule, [[track(x, 50, label=1)] for x in (30, 40, 52, 60, 70, 80)])) == []


def test_anchor_is_the_foot_of_the_uncut_box() -> None:
    foot_below_the_picture = [[Track(1, 0, 0.9, (45, 30, 55, 130), 5)]] * 5
    assert ways(play(zone(), foot_below_the_picture)) == []


def test_zone_opens_after_frames_in_a_row_and_ends_when_left() -> None:
    rule = zone()
    outcomes = play(rule, [[track(50, 50)]] * 4 + [[track(90, 90)]] * 3)
    assert [type(outcome) for outcome in outcomes] == [Begun, Ended]


def test_zone_ends_when_the_track_ends() -> None:
    outcomes = play(zone(), [[track(50, 50)]] * 3 + [[]])
    assert isinstance(outcomes[-1], Ended)


def test_place_stays_silent_while_it_cools() -> None:
    visit = [[track(50, 50)]] * 3 + [[track(90, 90)]] * 3
    assert len(ways(play(zone(cooldown_s=60), visit + visit))) == 1
    assert len(ways(play(zone(cooldown_s=0), visit + visit))) == 2


def test_two_tracks_at_one_place_are_one_event() -> None:
    both = [[track(50, 50), track(50, 51, number=2)]] * 4
    assert len(ways(play(zone(), both))) == 1


def test_dwell_counts_only_who_stays() -> None:
    rule = zone(RuleKind.DWELL, dwell_s=2.0)
    assert ways(play(rule, [[track(50, 50)]] * 8)) == []
    assert len(ways(play(rule, [[track(50, 50)]] * 8, start=8))) == 1


def test_count_opens_at_the_number_and_closes_below() -> None:
    rule = zone(RuleKind.COUNT, count_min=2)
    outcomes = play(rule, [[track(50, 50), track(55, 55, number=2)]] * 5 + [[track(50, 50)]] * 3)
    assert [type(outcome) for outcome in outcomes] == [Begun, Ended]
