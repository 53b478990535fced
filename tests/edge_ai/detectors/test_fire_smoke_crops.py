"""The strip that the crop classifier is shown."""

from __future__ import annotations

import numpy as np
import pytest

from edge_ai.detectors.fire_smoke_crops import CROP_MIN, HEIGHT_MAX, PANELS, SIDE, WIDTH, Box, reduced, strip_of
from edge_ai.picture import Pixels


def pictures() -> list[Pixels]:
    return [np.full((180, WIDTH, 3), 10 + 20 * number, np.uint8) for number in range(PANELS)]


def test_panels_stand_side_by_side_the_newest_last() -> None:
    strip = strip_of(pictures(), (100, 50, 120, 70))
    assert strip.shape == (SIDE, PANELS * SIDE, 3)
    assert [int(strip[0, panel * SIDE, 0]) for panel in range(PANELS)] == [10, 30, 50, 70]


def test_small_box_is_shown_with_what_is_around_it() -> None:
    each = pictures()
    each[-1][100 - CROP_MIN // 2 : 100, 100 : 100 + CROP_MIN // 2] = 255
    bright = (strip_of(each, (99, 99, 101, 101))[:, -SIDE:, 0] > 160).mean()
    assert 0.2 < bright < 0.3, "the quarter above and right of the middle"


@pytest.mark.parametrize("box", [(-20, -20, 4, 4), (310, 170, 330, 200), (0, 0, WIDTH, 180), (5, 5, 5, 5)])
def test_box_at_the_edge_or_as_large_as_the_picture_still_gives_a_strip(box: Box) -> None:
    assert strip_of(pictures(), box).shape == (SIDE, PANELS * SIDE, 3)


@pytest.mark.parametrize("shape", [(720, 1280, 3), (1920, 1080, 3), (20, 4000, 3), (4000, 20, 3)])
def test_picture_is_reduced_to_one_width(shape: tuple[int, int, int]) -> None:
    small = reduced(np.zeros(shape, np.uint8))
    assert small.shape[1] == WIDTH
    assert small.shape[0] == min(max(1, round(shape[0] * WIDTH / shape[1])), HEIGHT_MAX)
