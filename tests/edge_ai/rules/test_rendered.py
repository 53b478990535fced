"""Speed and wrong way on the rendered street, whose truth is known; nothing here is a real street."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edge_ai.ground import GroundSpec
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from simulations.devices.street_actors import ActorKind
from simulations.devices.street_clip import write_street_clip
from simulations.devices.street_scene import HEIGHT, LANES, WIDTH, StreetScene
from tests.edge_ai.replay import pipeline_for, replay

SECONDS, FPS = 14, 5.0
METRES_PER_PIXEL = 0.2
KMH = 3.6 * METRES_PER_PIXEL
"""Kilometres an hour per pixel a second."""
SLACK = 0.12
"""Share by which a measured speed may be off: lanes nearer to the limit than this say nothing."""
SEED = 13


def lane(y: float) -> tuple[tuple[float, float], ...]:
    """A band around the wheels of one lane."""
    top, bottom = (y - 6) / HEIGHT, (y + 6) / HEIGHT
    return ((0.05, top), (0.95, top), (0.95, bottom), (0.05, bottom))


def truth() -> dict[float, float]:
    """Pixels a second of the vehicles of each lane that has some, right is above 0."""
    return {actor.path.fixed: actor.path.speed for actor in StreetScene(SEED).actors if actor.kind is ActorKind.VEHICLE}


def told(rules: tuple[RuleSpec, ...], folder: Path) -> Counter[str]:
    clip = folder / "street.avi"
    write_street_clip(clip, seed=SEED, seconds=SECONDS, fps=FPS)
    ground = GroundSpec(size_m=(WIDTH * METRES_PER_PIXEL, HEIGHT * METRES_PER_PIXEL))
    camera = CameraSpec(id="s", kind=CameraKind.RENDERED, source=str(clip), algorithm="street-s", rules=rules, ground=ground)
    return Counter(timed.message.row.rule for timed in replay(camera, pipeline_for(camera)) if timed.message.jpeg)


@pytest.mark.slow
def test_speed_and_wrong_way_are_told_in_exactly_the_lanes_where_they_are_true(tmp_path: Path) -> None:
    speeds = truth()
    limit = 40.0
    lanes = [y for y, _ in LANES]
    fast = [RuleSpec(name=f"fast-{y}", kind=RuleKind.SPEED, points=lane(y), classes=("vehicle",), speed_kmh=limit) for y in lanes]
    wrong = [RuleSpec(name=f"wrong-{y}", kind=RuleKind.WRONG_WAY, points=lane(y), classes=("vehicle",), way=(1.0, 0.0)) for y in lanes]
    found = told((*fast, *wrong), tmp_path)
    kmh = {y: abs(speed) * KMH for y, speed in speeds.items()}
    clear = {y for y in speeds if abs(kmh[y] - limit) > SLACK * limit}
    assert {y for y in clear if found[f"fast-{y}"]} == {y for y in clear if kmh[y] > limit}, (kmh, found)
    assert {y for y in speeds if found[f"wrong-{y}"]} == {y for y, speed in speeds.items() if speed < 0}, (speeds, found)
    assert len({kmh[y] > limit for y in clear}) == 2, "the seed has lanes on both sides of the limit"
