"""The rendered place where something may burn."""

from __future__ import annotations

import numpy as np
import pytest

from training.fire_scene import FireScene

SIZE = (160, 90)


def test_seed_and_second_give_the_same_picture_in_any_order() -> None:
    first, second = (FireScene(5, size=SIZE, fire=True, smoke=True) for _ in range(2))
    later = first.frame_at(3.0)
    assert np.array_equal(first.frame_at(1.0).pixels, second.frame_at(1.0).pixels)
    assert np.array_equal(later.pixels, second.frame_at(3.0).pixels)


def test_truth_lies_inside_the_picture_where_something_burns_or_smokes() -> None:
    found = [FireScene(seed, size=SIZE, fire=True, smoke=True, lures=0).frame_at(6.0) for seed in range(20)]
    assert sum(bool(frame.fire.any()) for frame in found) >= 18
    assert sum(bool(frame.smoke.any()) for frame in found) >= 15
    assert all(frame.pixels.shape == (SIZE[1], SIZE[0], 3) and frame.pixels.dtype == np.uint8 for frame in found)


def test_flame_is_warm_and_changes_while_its_ground_does_not() -> None:
    scene = FireScene(3, size=SIZE, fire=True, smoke=False, lures=0)
    first, second = scene.frame_at(1.0), scene.frame_at(1.6)
    burning = first.fire & second.fire
    blue, _, red = first.pixels[burning].astype(int).mean(axis=0)
    assert red > blue + 40
    changed = np.abs(first.pixels.astype(int) - second.pixels.astype(int)).mean(axis=2)
    away = ~(first.fire | second.fire)
    assert changed[burning].mean() > 2 * changed[away].mean()


def test_plume_climbs() -> None:
    scene = FireScene(4, size=SIZE, fire=False, smoke=True, lures=0)
    tops = [int(np.nonzero(frame.smoke)[0].min()) for second in (0.5, 8.0) if (frame := scene.frame_at(second)).smoke.any()]
    assert tops == sorted(tops, reverse=True)
    assert tops


@pytest.mark.parametrize("seed", range(6))
def test_nothing_burns_before_it_begins_or_where_nothing_shall(seed: int) -> None:
    for frame in (
        FireScene(seed, size=SIZE, fire=True, smoke=True).frame_at(2.0, burns=False),
        FireScene(seed, size=SIZE, fire=False, smoke=False).frame_at(2.0),
    ):
        assert not frame.fire.any()
        assert not frame.smoke.any()
