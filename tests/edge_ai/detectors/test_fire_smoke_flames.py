"""Where the flame rule sees flicker of a flame's colour."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_ai.detectors.fire_smoke_flames import BOXES_MAX, PICTURES, WIDTH, FlameRule, Masks, boxes_of
from edge_ai.picture import Pixels

HEIGHT = 90
FLAME = (75, 50, 85, 65)
_RNG = np.random.default_rng(1)
NOISE = _RNG.normal(0, 1, (2 * HEIGHT, 2 * WIDTH, 3)).astype(np.float32)


def scene(seed: int, *, warmth: float, flicker: float) -> Pixels:
    """A grey yard with something warm in it that changes its brightness from picture to picture."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), np.float32(90))
    x1, y1, x2, y2 = FLAME
    bright = 225 + flicker * rng.normal(0, 1, ((y2 - y1) // 5, (x2 - x1) // 5)).repeat(5, 0).repeat(5, 1)
    picture[y1:y2, x1:x2] = np.stack([bright - warmth, bright - warmth / 2, bright + 10], axis=-1)
    row, column = seed * 37 % HEIGHT, seed * 61 % WIDTH
    return np.asarray(np.clip(picture + NOISE[row : row + HEIGHT, column : column + WIDTH], 0, 255), np.uint8)


def proposed(rule: FlameRule, picture: Pixels) -> list[tuple[float, float, float, float]]:
    return rule.proposed(picture, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))


def test_flickering_warm_thing_is_proposed_where_it_is() -> None:
    rule = FlameRule()
    seen = [proposed(rule, scene(seed, warmth=120, flicker=25)) for seed in range(PICTURES + 3)]
    assert not any(seen[: PICTURES - 1])
    x1, y1, x2, y2 = seen[-1][0]
    assert FLAME[0] - 3 <= x1 < x2 <= FLAME[2] + 3
    assert FLAME[1] - 3 <= y1 < y2 <= FLAME[3] + 3


@pytest.mark.parametrize(("warmth", "flicker"), [(120, 0), (0, 25)])
def test_still_lamp_and_flickering_white_are_not_proposed(warmth: float, flicker: float) -> None:
    rule = FlameRule()
    assert not any(proposed(rule, scene(seed, warmth=warmth, flicker=flicker)) for seed in range(PICTURES + 5))


def test_passers_by_before_a_warm_wall_are_not_proposed() -> None:
    rule = FlameRule()
    for step in range(40):
        picture = scene(step, warmth=120, flicker=0)
        if step % 3 == 0:
            picture[50:65, 77:81] = 30
        assert not proposed(rule, picture)


def test_many_flames_are_bounded_and_the_largest_come_first() -> None:
    found: Masks = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number in range(40):
        row, column = 6 + number // 10 * 20, 6 + number % 10 * 15
        found[row : row + 3, column : column + 3 + number % 5] = 1
    boxes = boxes_of(found, area_min=8)
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes]
    assert len(boxes) == BOXES_MAX
    assert areas == sorted(areas, reverse=True)
