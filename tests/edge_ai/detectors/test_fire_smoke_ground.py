"""The background of fire-smoke: what it learns, how fast, and what it does not."""

from __future__ import annotations

import numpy as np

from edge_ai.detectors.fire_smoke_flames import Masks
from edge_ai.detectors.fire_smoke_ground import FIRST, STEP_MOVING, STEP_STILL, Ground
from edge_ai.picture import Pixels

SHAPE = (60, 80)
NONE = np.zeros((30, 40), np.uint8)


def plain(level: int = 100) -> Pixels:
    return np.full((*SHAPE, 3), level, np.uint8)


def with_body(level: int = 100) -> Pixels:
    picture = plain(level)
    picture[20:40, 30:50] = 20
    return picture


def learnt() -> Ground:
    ground = Ground()
    for _ in range(FIRST):
        ground.learn(plain(), moving=NONE, veiled=NONE)
    return ground


def level_of_body(ground: Ground) -> int:
    return int(ground.picture[30, 40, 0])


def after(pictures: int, *, moving: Masks = NONE, veiled: Masks = NONE) -> int:
    ground = learnt()
    for _ in range(pictures):
        ground.learn(with_body(), moving=moving, veiled=veiled)
    return level_of_body(ground)


def test_who_stands_there_for_ten_seconds_is_hardly_learnt() -> None:
    assert abs(after(50) - (100 - 50 * STEP_STILL)) <= 1


def test_what_moves_is_learnt_more_slowly_and_a_veil_not_at_all() -> None:
    everywhere = np.ones_like(NONE)
    assert abs(after(200, moving=everywhere) - (100 - 200 * STEP_MOVING)) <= 1
    assert after(200, veiled=everywhere) == 100


def test_exposure_is_followed_within_seconds_and_the_body_stays_unlearnt() -> None:
    ground = learnt()
    for _ in range(25):
        ground.learn(with_body(140), moving=NONE, veiled=NONE)
    assert abs(int(ground.picture[0, 0, 0]) - 140) <= 2
    assert level_of_body(ground) > 120
