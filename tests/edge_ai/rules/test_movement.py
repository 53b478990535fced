"""Speed and wrong way on scripted tracks."""

from __future__ import annotations

import pytest

from edge_ai.errors import SpecError
from edge_ai.ground import Ground, GroundSpec
from edge_ai.rules import Rule
from edge_ai.spec import RuleKind
from edge_ai.tracking.tracker import Track
from tests.edge_ai.rules.scripted import CLASSES, Frames, places, play, rule, spec, track

ROAD = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
SEEN_FROM_ABOVE = Ground(GroundSpec(size_m=(50.0, 50.0)))
"""Half a metre per pixel."""


def speed(limit_kmh: float) -> Rule:
    return Rule(spec(RuleKind.SPEED, points=ROAD, speed_kmh=limit_kmh), CLASSES, ground=SEEN_FROM_ABOVE)


def drive(metres_per_s: float, count: int = 20) -> list[list[Track]]:
    return [[track(5 + 2 * metres_per_s * 0.2 * step, 50, label=1)] for step in range(count)]


@pytest.mark.parametrize(("limit_kmh", "told"), [(30, 1), (35, 1), (37, 0), (50, 0)])
def test_ten_metres_a_second_are_thirty_six_kilometres_an_hour(limit_kmh: float, told: int) -> None:
    assert len(places(play(speed(limit_kmh), drive(10.0)))) == told


def test_box_that_jumps_to_and_fro_has_no_speed() -> None:
    jumping = [[track(50 + 4 * (step % 2), 50, label=1)] for step in range(20)]
    assert places(play(speed(20), jumping)) == []


def test_speed_without_a_ground_plane_is_refused() -> None:
    with pytest.raises(SpecError, match="needs the camera's ground plane"):
        rule(RuleKind.SPEED)


def to_the(way: int) -> Frames:
    return [[track(50 + way * 2 * step, 50, label=1)] for step in range(15)]


def test_only_who_moves_against_the_way_is_told_and_once() -> None:
    one_way = {"points": ROAD, "way": (1.0, 0.0)}
    assert places(play(rule(RuleKind.WRONG_WAY, **one_way), to_the(1))) == []
    assert len(places(play(rule(RuleKind.WRONG_WAY, **one_way), to_the(-1)))) == 1


def test_who_crosses_or_stands_does_not_move_against_the_way() -> None:
    crossing = [[track(50, 20 + 3 * step)] for step in range(15)]
    standing = [[track(50 + step % 2, 50)] for step in range(15)]
    for frames in (crossing, standing):
        assert places(play(rule(RuleKind.WRONG_WAY, points=ROAD, way=(1.0, 0.0)), frames)) == []
