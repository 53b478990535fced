"""Things in a zone, on scripted tracks."""

from __future__ import annotations

from edge_ai.rules.view import anchor
from edge_ai.spec import RuleKind
from edge_ai.tracking.tracker import Track
from tests.edge_ai.rules.scripted import SIZE, places, play, rule, said, track


def test_anchor_is_the_foot_of_the_uncut_box() -> None:
    foot_below_the_picture = Track(1, 0, 0.9, (45, 30, 55, 130), 5)
    assert anchor(foot_below_the_picture, SIZE) == (0.5, 1.3)
    down_to_the_edge = ((0.4, 0.2), (0.6, 0.2), (0.6, 1.0), (0.4, 1.0))
    assert play(rule(RuleKind.ZONE, points=down_to_the_edge), [[foot_below_the_picture]] * 5) == []
    assert said(play(rule(RuleKind.ZONE, points=down_to_the_edge), [[track(50, 99)]] * 5)) == ["begun"]


def test_zone_opens_after_frames_in_a_row_and_ends_when_left() -> None:
    assert said(play(rule(RuleKind.ZONE), [[track(50, 50)]] * 4 + [[track(90, 90)]] * 3)) == ["begun", "ended"]


def test_zone_ends_when_the_track_ends() -> None:
    assert said(play(rule(RuleKind.ZONE), [[track(50, 50)]] * 3 + [[]])) == ["begun", "ended"]


def test_place_stays_silent_while_it_cools() -> None:
    visit = [[track(50, 50)]] * 3 + [[track(90, 90)]] * 3
    assert len(places(play(rule(RuleKind.ZONE, cooldown_s=60), visit + visit))) == 1
    assert len(places(play(rule(RuleKind.ZONE), visit + visit))) == 2


def test_who_comes_while_the_place_is_silent_and_stays_is_told_later() -> None:
    first = [[track(50, 50)]] * 3 + [[]]
    second = [[track(50, 50, number=2)]] * 60
    assert len(places(play(rule(RuleKind.ZONE, cooldown_s=5), first + second))) == 2


def test_broken_identity_makes_no_second_event_while_the_place_cools() -> None:
    seen = [[track(50, 50, number=number)] * 1 for number in (1, 1, 1, 2, 2, 2)]
    assert len(places(play(rule(RuleKind.ZONE, cooldown_s=10), seen))) == 1


def test_two_tracks_at_one_place_are_one_event() -> None:
    both = [[track(50, 50), track(50, 51, number=2)]] * 4
    assert len(places(play(rule(RuleKind.ZONE), both))) == 1


def test_count_opens_at_the_number_and_closes_below() -> None:
    outcomes = play(rule(RuleKind.COUNT, count_min=2), [[track(50, 50), track(55, 55, number=2)]] * 5 + [[track(50, 50)]] * 3)
    assert said(outcomes) == ["begun", "ended"]


def test_count_ends_when_the_tracks_end() -> None:
    outcomes = play(rule(RuleKind.COUNT, count_min=1), [[track(50, 50)]] * 5 + [[]] * 4)
    assert said(outcomes) == ["begun", "ended"]
