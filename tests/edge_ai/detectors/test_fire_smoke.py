"""Flames by colour and flicker: on rendered pictures, and on real clips."""

from __future__ import annotations

import re

import numpy as np
import pytest

from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.fire_smoke import PICTURES, SCORE, FireSmoke
from edge_ai.picture import Pixels
from edge_ai.presets import preset_named
from edge_ai.spec import CameraKind, CameraSpec, RuleSpec
from tests.edge_ai.replay import DATA, Timed, needs_data, pipeline_for, replay

MOTION = Motion(GateState.MOTION, np.zeros((0, 4), np.float32), 0.1)
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
WIDTH, HEIGHT = 320, 180
FLAME = (150, 100, 170, 130)
_RNG = np.random.default_rng(1)
NOISE = _RNG.normal(0, 2, (2 * HEIGHT, 2 * WIDTH, 3)).astype(np.float32)


def scene(seed: int, *, warmth: float, flicker: float) -> Pixels:
    """A grey yard with something warm in it that changes its brightness from picture to picture."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), np.float32(90))
    x1, y1, x2, y2 = FLAME
    shape = (y2 - y1, x2 - x1)
    bright = 225 + flicker * rng.normal(0, 1, (shape[0] // 5, shape[1] // 5)).repeat(5, 0).repeat(5, 1)
    picture[y1:y2, x1:x2] = np.stack([bright - warmth, bright - warmth / 2, bright + 10], axis=-1)
    row, column = seed * 37 % HEIGHT, seed * 61 % WIDTH
    return np.asarray(np.clip(picture + NOISE[row : row + HEIGHT, column : column + WIDTH], 0, 255), np.uint8)


def found(count: int, *, warmth: float, flicker: float) -> list[int]:
    detector = FireSmoke()
    return [len(detector.detect(scene(seed, warmth=warmth, flicker=flicker), MOTION)) for seed in range(count)]


def test_flickering_warm_thing_is_a_fire_where_it_is() -> None:
    detector = FireSmoke()
    seen = [detector.detect(scene(seed, warmth=120, flicker=25), MOTION) for seed in range(PICTURES + 3)]
    assert not any(len(each) for each in seen[: PICTURES - 1])
    x1, y1, x2, y2 = seen[-1].boxes[0]
    assert FLAME[0] - 6 <= x1 < x2 <= FLAME[2] + 6
    assert FLAME[1] - 6 <= y1 < y2 <= FLAME[3] + 6
    assert seen[-1].scores[0] >= SCORE


@pytest.mark.parametrize(("warmth", "flicker"), [(120, 0), (0, 25)])
def test_still_lamp_and_flickering_white_are_no_fire(warmth: float, flicker: float) -> None:
    assert sum(found(PICTURES + 5, warmth=warmth, flicker=flicker)) == 0


def test_passers_by_before_a_warm_wall_are_no_fire() -> None:
    detector, count = FireSmoke(), 0
    for step in range(40):
        picture = scene(step, warmth=120, flicker=0)
        if step % 3 == 0:
            picture[100:130, 155:163] = 30
        count += len(detector.detect(picture, MOTION))
    assert count == 0


def test_picture_of_another_shape_begins_anew() -> None:
    detector = FireSmoke()
    for seed in range(PICTURES):
        detector.detect(scene(seed, warmth=120, flicker=25), MOTION)
    assert len(detector.detect(np.zeros((240, 320, 3), np.uint8), MOTION)) == 0


def watched(clip: str, *, from_s: float = 0.0, to_s: float) -> list[Timed]:
    preset = preset_named("fire-smoke")
    rule = RuleSpec(name="fire", kind=preset.kind, points=WHOLE, **preset.rule)  # type: ignore[arg-type]
    camera = CameraSpec(id="c", kind=CameraKind.FILE, source=str(DATA / "video" / clip), algorithm="fire-smoke", rules=(rule,))
    return list(replay(camera, pipeline_for(camera), from_s=from_s, to_s=to_s))


@needs_data
@pytest.mark.slow
def test_burning_house_is_told_within_five_seconds_and_where_it_burns() -> None:
    told = watched("house6.mp4", to_s=6.0)
    assert [timed.message.row.label for timed in told] == ["fire"]
    assert told[0].at_s <= 5.0
    flames = [tuple(map(int, box)) for box in re.findall(r"(\d+) (\d+) (\d+) (\d+)</_>", flames_at(round(told[0].at_s * 29.97)))]
    x1, y1, x2, y2 = told[0].message.row.overlays[0].box
    middle = ((x1 + x2) / 2 * 426, (y1 + y2) / 2 * 240)
    assert any(x - 6 <= middle[0] <= x + width + 6 and y - 6 <= middle[1] <= y + height + 6 for x, y, width, height in flames)


def flames_at(frame: int) -> str:
    """The truth of one picture, as its publisher wrote it."""
    text = (DATA / "video" / "house6.xml").read_text("utf-8")
    return text.split(f"<frameNumber>{frame}</frameNumber>")[1].split("<frameNumber>")[0]


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("clip", "from_s", "to_s"),
    [
        ("vtest_pets2009_480x360.avi", 0, 12),
        ("highway_640x360.mp4", 20, 25),
        ("car-detection.mp4", 4, 9),
        ("one-by-one-person-detection.mp4", 3, 9),
    ],
)
def test_no_fire_is_told_where_nothing_burns(clip: str, from_s: float, to_s: float) -> None:
    assert watched(clip, from_s=from_s, to_s=to_s) == []
