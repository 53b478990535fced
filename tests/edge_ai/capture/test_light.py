"""What is light and what is a thing, in the gate's reduced picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_ai.capture.light import PIXELS_MIN, Region, without_light

ROWS, COLUMNS = np.mgrid[:100, :178].astype(np.float32)
GROUND = np.where((COLUMNS // 12 + ROWS // 10) % 2 == 0, 60, 80).astype(np.float32)
PLACE: Region = (60, 20, 110, 80)


def beam(strength: float) -> NDArray[np.uint8]:
    gain = 1 + strength * np.exp(-(((COLUMNS - 85) / 14) ** 2) - ((ROWS - 50) / 18) ** 2)
    return np.asarray(np.clip(GROUND * gain, 0, 255), np.uint8)


def with_body(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    body = picture.copy()
    body[25:75, 76:94] = 30
    return body


def test_beam_and_shadow_are_light_although_they_lift_the_edges_of_the_ground() -> None:
    for strength in (1.8, 0.8, -0.6):
        assert without_light([PLACE], beam(strength), GROUND) == []


def test_body_is_a_thing_with_and_without_a_beam_on_it() -> None:
    for strength in (0.0, 1.2):
        assert without_light([PLACE], with_body(beam(strength)), GROUND) == [PLACE]


@pytest.mark.parametrize("contrast", [-40, -25, -18, 18, 25, 40])
def test_faint_flat_body_on_a_smooth_ground_is_a_thing(contrast: int) -> None:
    picture = np.full((100, 178), 85, np.float32)
    body = picture.copy()
    body[40:70, 80:94] += contrast
    seen = np.asarray(cv2.GaussianBlur(body, (3, 3), 0), np.uint8)
    assert without_light([(80, 40, 94, 70)], seen, picture) == [(80, 40, 94, 70)]


def test_ghost_that_somebody_left_in_the_background_is_no_thing() -> None:
    ghost = with_body(np.asarray(GROUND, np.uint8)).astype(np.float32)
    assert without_light([PLACE], np.full((100, 178), 70, np.uint8), ghost) == []


def test_body_at_the_edge_of_the_picture_is_a_thing() -> None:
    picture = np.asarray(GROUND, np.uint8).copy()
    picture[60:, :15] = 20
    assert without_light([(0, 60, 15, 100)], picture, GROUND) == [(0, 60, 15, 100)]


def test_what_is_too_small_is_not_judged_and_the_order_stays() -> None:
    small: Region = (5, 5, 12, 12)
    assert (small[2] - small[0]) * (small[3] - small[1]) < PIXELS_MIN
    kept = without_light([small, PLACE, (20, 5, 26, 10)], beam(1.8), GROUND)
    assert kept == [small, (20, 5, 26, 10)]
