"""Crowding and absence on scripted tracks."""

from __future__ import annotations

from edge_ai.rules import Begun
from edge_ai.spec import RuleKind
from edge_ai.tracking.tracker import Track
from tests.edge_ai.rules.scripted import play, rule, said, track


def people(count: int) -> list[Track]:
    return [track(42 + 3 * index, 50, number=index + 1) for index in range(count)]


def test_crowd_must_last_and_ends_only_well_below_its_number() -> None:
    crowd = rule(RuleKind.CROWDING, count_min=4, dwell_s=2.0)
    assert play(crowd, [people(4)] * 8) == []
    assert said(play(crowd, [people(4)] * 6 + [people(3)] * 10, start=8)) == ["begun"]
    assert said(play(crowd, [people(2)] * 4, start=24)) == ["ended"]


def test_crowd_is_counted_whoever_they_are() -> None:
    changing = [[track(42 + 3 * index, 50, number=frame * 10 + index) for index in range(4)] for frame in range(20)]
    assert said(play(rule(RuleKind.CROWDING, count_min=4, dwell_s=2.0), changing)) == ["begun"]


def test_absence_begins_after_its_time_and_ends_when_somebody_comes() -> None:
    post = rule(RuleKind.ABSENCE, dwell_s=3.0, classes=("person",))
    outcomes = play(post, [people(1)] * 5 + [[]] * 20 + [people(1)] * 4)
    assert said(outcomes) == ["begun", "ended"]
    begun = outcomes[0]
    assert isinstance(begun, Begun)
    assert (begun.label, begun.place, begun.track.id) == ("absence", "zone", 0)


def test_vehicle_does_not_end_the_absence_of_people() -> None:
    post = rule(RuleKind.ABSENCE, dwell_s=1.0, classes=("person",))
    assert said(play(post, [[track(50, 50, label=1)]] * 20)) == ["begun"]
