"""When it falls, and what still counts then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_ai.capture.flurry import FALLS_FOR, SPECKS, Flurry, Region

NOW, BEFORE = slice(40, 70), slice(30, 60)


def specks(count: int, *, shift: int = 0) -> list[Region]:
    """Small regions in rows, all moved by `shift` reduced pixels."""
    return [
        (2 + number % 14 * 12 + shift, 2 + number // 14 * 12, 7 + number % 14 * 12 + shift, 7 + number // 14 * 12)
        for number in range(count)
    ]


def mask(columns: slice) -> NDArray[np.uint8]:
    picture = np.zeros((100, 178), np.uint8)
    picture[20:50, columns] = 255
    return picture


def after(regions: list[Region]) -> Flurry:
    """It has seen one picture with these regions, and nothing before."""
    flurry = Flurry()
    flurry.lasting(mask(BEFORE))
    flurry.learn(regions)
    return flurry


def test_while_it_falls_only_what_lasts_counts() -> None:
    flurry = after(specks(2 * SPECKS))
    assert np.array_equal(flurry.lasting(mask(NOW)), mask(slice(40, 60)))


def test_a_crowd_that_walks_is_no_snow() -> None:
    flurry = Flurry()
    for shift, count in enumerate((SPECKS - 1, 2 * SPECKS - 2, 3 * SPECKS - 3)):
        flurry.lasting(mask(BEFORE))
        flurry.learn(specks(count, shift=shift))
    assert np.array_equal(flurry.lasting(mask(NOW)), mask(NOW))


def test_large_regions_are_no_flakes_however_many_there_are() -> None:
    large = [(column, row, column + 14, row + 20) for column in range(0, 160, 16) for row in range(0, 80, 22)]
    assert len(large) >= 2 * SPECKS
    assert np.array_equal(after(large).lasting(mask(NOW)), mask(NOW))


def test_after_some_seconds_one_picture_is_looked_at_as_it_is() -> None:
    flurry = after(specks(2 * SPECKS))
    shown = [mask(BEFORE if index % 2 else NOW) for index in range(FALLS_FOR + 2)]
    is_cut = [np.count_nonzero(flurry.lasting(picture)) < np.count_nonzero(picture) for picture in shown]
    assert is_cut == [True] * FALLS_FOR + [False] * 2


def test_a_picture_after_a_gap_is_not_cut_by_the_one_before_it() -> None:
    flurry = after(specks(2 * SPECKS))
    flurry.clear()
    assert np.array_equal(flurry.lasting(mask(NOW)), mask(NOW))
