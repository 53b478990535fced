"""Where the smoke rule sees a dull veil that moves, on pictures made here."""

from __future__ import annotations

import cv2
import numpy as np

from edge_ai.detectors.fire_smoke_flames import Box
from edge_ai.detectors.fire_smoke_haze import STAYS, SmokeRule
from edge_ai.picture import Pixels

WIDTH, HEIGHT = 160, 90
_RNG = np.random.default_rng(2)
GROUND = _RNG.integers(60, 150, (HEIGHT // 3, WIDTH // 4, 3)).repeat(3, 0).repeat(4, 1).astype(np.float32)
PUFFS = cv2.GaussianBlur(_RNG.normal(0, 1, (400, 40)), (0, 0), 4)
PUFFS = np.clip(0.55 + PUFFS / PUFFS.std() * 0.2, 0, 0.95)
PLUME = (60, 20, 100, 80)
FADE = np.minimum(np.hanning(60)[:, None] * 2, 1) * np.minimum(np.hanning(40)[None, :] * 2, 1)
"""Smoke has no outline: it thins out towards its sides."""
COUNT = 50


def plume(step: int, *, rise: int = 1, colour: float = 190.0) -> Pixels:
    """The yard under a grey veil whose puffs move by `rise` pixels a picture, up where that is above 0."""
    x1, y1, x2, y2 = PLUME
    begin = 200 + rise * step
    cover = (PUFFS[begin : begin + y2 - y1, : x2 - x1] * FADE)[..., None]
    picture = GROUND.copy()
    picture[y1:y2, x1:x2] += (colour - picture[y1:y2, x1:x2]) * cover
    return np.asarray(picture, np.uint8)


def boxes(pictures: list[Pixels]) -> list[list[Box]]:
    rule, ground = SmokeRule(), np.asarray(GROUND, np.uint8)
    return [rule.proposed(picture, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8), ground) for picture in pictures]


def test_rising_veil_is_proposed_once_it_has_stayed() -> None:
    seen = boxes([plume(step) for step in range(COUNT)])
    assert not any(seen[:STAYS])
    x1, y1, x2, y2 = seen[-1][0]
    assert abs(x1 - PLUME[0]) <= 8
    assert abs(x2 - PLUME[2]) <= 8
    assert y2 <= PLUME[3] + 6
    assert y2 - y1 >= 20


def test_what_sinks_or_stands_still_is_not_proposed() -> None:
    assert not any(boxes([plume(step, rise=-1) for step in range(COUNT)]))
    assert not any(boxes([plume(step, rise=0) for step in range(COUNT)])[STAYS * 3 :])


def test_bright_thing_with_edges_of_its_own_is_not_proposed() -> None:
    """A car stands in the way: it hides the ground, but it is as sharp as the ground was, and still."""
    pictures = []
    for step in range(COUNT):
        picture = np.asarray(GROUND, np.uint8)
        picture[40:70, 50:100] = (_RNG.integers(0, 2, (6, 10, 1)).repeat(5, 0).repeat(5, 1) * 90 + 110 + step % 2).astype(np.uint8)
        pictures.append(picture)
    assert not any(boxes(pictures))


def test_veil_that_moves_is_kept_out_of_the_background_and_a_still_one_is_not() -> None:
    for rise, is_kept_out in ((1, True), (0, False)):
        rule, ground = SmokeRule(), np.asarray(GROUND, np.uint8)
        for step in range(COUNT):
            picture = plume(step, rise=rise)
            rule.proposed(picture, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8), ground)
        assert bool(rule.veiled[40:60, 70:90].any()) == is_kept_out


def test_who_stands_there_in_grey_and_fidgets_is_not_proposed() -> None:
    """A coat as soft as smoke that hides the ground: what tells it is the sharp outline."""
    rng, pictures = np.random.default_rng(4), []
    for step in range(COUNT):
        picture = GROUND.copy()
        shade = 40 + 12 * np.sin(np.arange(50)[:, None, None] / 6 + step) + rng.normal(0, 1, (50, 1, 1))
        left = 70 + step % 2
        picture[25:75, left : left + 24] = shade
        pictures.append(np.asarray(picture, np.uint8))
    assert not any(boxes(pictures))


def test_place_that_somebody_left_in_the_background_is_not_proposed() -> None:
    """The ghost of who stood there for long: edges are gone and grey has come, but all is still."""
    rule, ghost = SmokeRule(), GROUND.copy()
    ghost[25:75, 70:94] = np.random.default_rng(5).integers(10, 200, (10, 8, 1)).repeat(5, 0).repeat(3, 1)
    found = []
    for _ in range(COUNT):
        picture = np.full_like(GROUND, 100).astype(np.uint8)
        found += rule.proposed(picture, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8), np.asarray(ghost, np.uint8))
    assert found == []


def test_exposure_that_goes_up_and_down_is_not_proposed() -> None:
    pictures = [np.asarray(np.clip(GROUND * (1 + 0.3 * np.sin(step / 3)), 0, 255), np.uint8) for step in range(COUNT)]
    assert not any(boxes(pictures))
