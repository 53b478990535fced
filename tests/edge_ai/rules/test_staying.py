"""Things that stay: by place and time, once, with an end."""

from __future__ import annotations

from edge_ai.rules import Rule
from edge_ai.rules.stay import HOLD_S_MIN, Stay, overlap
from edge_ai.spec import RuleKind
from tests.edge_ai.rules.scripted import places, play, rule, said, track


def parked(**changes: object) -> Rule:
    return rule(RuleKind.DWELL, dwell_s=2.0, still=True, **changes)


def test_dwell_counts_only_who_stays() -> None:
    dwell = rule(RuleKind.DWELL, dwell_s=2.0)
    assert places(play(dwell, [[track(50, 50)]] * 8)) == []
    assert len(places(play(dwell, [[track(50, 50)]] * 8, start=8))) == 1


def test_time_runs_on_over_a_broken_identity() -> None:
    broken = [[track(50, 50, number=1 + index // 4)] for index in range(14)]
    assert len(places(play(parked(), broken))) == 1


def test_parked_thing_is_one_event_however_often_it_is_lost_and_found() -> None:
    dwell, outcomes = parked(), []
    for round_ in range(30):
        seen = [[track(50, 50, number=round_ + 1)]] * 15 + [[]] * 10
        outcomes += play(dwell, seen, start=round_ * 25)
    assert said(outcomes) == ["begun"]


def test_parked_thing_that_trembles_between_two_places_is_one_event() -> None:
    trembling = [[track(50 + 0.4 * (-1) ** step, 50)] for step in range(40)]
    assert said(play(parked(), trembling)) == ["begun"]


def test_parked_thing_ends_once_when_it_drives_off() -> None:
    leaving = [[track(50, 50)]] * 15 + [[track(50 + 6 * step, 50)] for step in range(8)] + [[]] * 50
    assert said(play(parked(), leaving)) == ["begun", "ended"]


def test_thing_that_vanishes_ends_after_it_was_unseen_for_long() -> None:
    dwell = parked()
    assert said(play(dwell, [[track(50, 50)]] * 15)) == ["begun"]
    gone = round(HOLD_S_MIN / 0.2) + 5
    assert said(play(dwell, [[]] * gone, start=15)) == ["ended"]


def test_gap_in_watching_is_no_absence() -> None:
    dwell = parked()
    play(dwell, [[track(50, 50)]] * 15)
    hours_later = [[], [track(50, 50, number=7)], [track(50, 50, number=7)]]
    assert play(dwell, hours_later, start=100_000) == []


def test_slow_thing_that_creeps_through_a_zone_is_not_parked() -> None:
    creeping = [[track(41 + 0.9 * step, 50)] for step in range(20)]
    assert places(play(parked(), creeping)) == []


def test_person_where_the_van_stood_is_another_thing() -> None:
    dwell = parked(classes=())
    play(dwell, [[track(50, 50, label=1)]] * 15)
    assert len(dwell.stays) == 1
    play(dwell, [[track(50, 50, number=2)]] * 5, start=15)
    assert sorted(stay.label for stay in dwell.stays) == ["person", "vehicle"]


def test_left_object_waits_until_its_owner_is_away() -> None:
    left = rule(RuleKind.LEFT_OBJECT, dwell_s=2.0, classes=("bag",), owners=("person",))
    bag = track(50, 50, number=2, label=2, width=6, height=6)
    assert places(play(left, [[bag, track(56, 52)]] * 30)) == []
    outcomes = play(left, [[bag, track(95, 95)]] * 12, start=30)
    assert len(places(outcomes)) == 1


def test_moving_bag_is_not_left() -> None:
    left = rule(RuleKind.LEFT_OBJECT, dwell_s=1.0, classes=("bag",))
    carried = [[track(42 + step % 16, 50, label=2, width=4, height=4)] for step in range(40)]
    assert places(play(left, carried)) == []


def test_overlap_of_boxes_is_shared_area_by_all_area() -> None:
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == 1 / 3
    assert overlap((0, 0, 1, 1), (2, 2, 3, 3)) == 0.0


def test_adopted_stay_is_no_new_event() -> None:
    dwell = parked()
    dwell.adopt([Stay("person", (0.45, 0.3, 0.55, 0.5), (0.45, 0.3, 0.55, 0.5), stayed_s=100, place="c4r4", known=True)])
    assert play(dwell, [[track(50, 50, number=9)]] * 20) == []
