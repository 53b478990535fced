"""How faint a difference counts by day, in the dark, in noise and beside a beam."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_ai.capture.sight import DARK, DIFFERENCE_MIN, MEASURED_EVERY, STILL_PICTURES, Sight
from edge_ai.picture import Floats

SIZE = (100, 178)
FAINT = DIFFERENCE_MIN - 7
BODY = (slice(40, 70), slice(80, 92))


def ground(light: float) -> Floats:
    return np.full(SIZE, light, np.float32)


def seen(light: float, *, noise: float = 0.0, body: int = 0, rng: np.random.Generator | None = None) -> NDArray[np.uint8]:
    picture = ground(light)
    picture[BODY] -= body
    if rng is not None:
        picture += rng.normal(0, noise, SIZE).astype(np.float32)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def watching(light: float, *, noise: float = 0.0) -> Sight:
    """It has seen an empty place for long enough to know it."""
    sight, rng = Sight(), np.random.default_rng(3)
    for _ in range(max(MEASURED_EVERY, STILL_PICTURES) + 1):
        grey = seen(light, noise=noise, rng=rng)
        _, share = sight.moving(grey, ground(light))
        sight.measure(grey, ground(light), ground(light), share)
    return sight


def share_of_body(sight: Sight, light: float, picture: NDArray[np.uint8]) -> float:
    return float(np.count_nonzero(sight.moving(picture, ground(light))[0][BODY])) / picture[BODY].size


def test_a_faint_body_counts_in_the_dark_and_not_by_day() -> None:
    dark, day = DARK / 2, DARK + 30
    assert share_of_body(watching(dark), dark, seen(dark, body=FAINT)) > 0.5
    assert share_of_body(watching(day), day, seen(day, body=FAINT)) == 0


def test_noise_of_a_dark_place_is_no_movement_and_a_body_in_it_is_seen() -> None:
    sight, rng = watching(DARK / 2, noise=4.0), np.random.default_rng(4)
    alone, _ = sight.moving(seen(DARK / 2, noise=4.0, rng=rng), ground(DARK / 2))
    assert np.count_nonzero(alone) < 12
    assert share_of_body(sight, DARK / 2, seen(DARK / 2, noise=4.0, body=FAINT + 2, rng=rng)) > 0.5


def test_faint_things_do_not_count_while_much_of_the_picture_changes_nor_soon_after() -> None:
    sight, dark = watching(DARK / 2), DARK / 2
    lit = seen(dark, body=FAINT)
    lit[:, 110:] += 60
    assert share_of_body(sight, dark, lit) == 0
    assert [share_of_body(sight, dark, seen(dark, body=FAINT)) > 0 for _ in range(STILL_PICTURES + 1)] == [False] * STILL_PICTURES + [True]
