"""The rendered street: the same seed gives the same pictures, and the truth is where the paint is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulations.devices.street_actors import ActorKind
from simulations.devices.street_clip import write_street_clip
from simulations.devices.street_scene import HEIGHT, WIDTH, StreetScene


def test_same_seed_and_time_give_the_same_picture_in_any_order() -> None:
    first, second = StreetScene(5), StreetScene(5)
    second.frame_at(9.0)
    assert np.array_equal(first.frame_at(3.2).pixels, second.frame_at(3.2).pixels)
    assert first.frame_at(3.2).boxes == second.frame_at(3.2).boxes


def test_other_seeds_give_other_streets() -> None:
    assert not np.array_equal(StreetScene(5).frame_at(0).pixels, StreetScene(6).frame_at(0).pixels)


def test_every_kind_appears_over_some_seeds() -> None:
    kinds = {truth.kind for seed in range(6) for truth in StreetScene(seed).frame_at(1.0).boxes}
    assert kinds == set(ActorKind)


def test_truth_moves_with_its_actor_and_is_never_empty_or_fully_outside() -> None:
    scene = StreetScene(7)
    for index in range(20):
        for truth in scene.frame_at(index * 0.5).boxes:
            x1, y1, x2, y2 = truth.box
            assert x1 < x2
            assert y1 < y2
            assert (x2 > 0, x1 < WIDTH, y2 > 0, y1 < HEIGHT) == (True, True, True, True)
            assert 0 < truth.visible <= 1.001


def test_picture_differs_from_the_next_by_noise_and_movement() -> None:
    scene = StreetScene(7)
    before, after = scene.frame_at(1.0).pixels.astype(int), scene.frame_at(1.1).pixels.astype(int)
    assert 0 < np.abs(before - after).mean() < 15


@pytest.mark.parametrize("seconds", [0.0, -1.0, 601.0])
def test_clip_of_a_senseless_length_is_refused(seconds: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at most 600"):
        write_street_clip(tmp_path / "a.avi", seed=1, seconds=seconds)
