"""The rendered training pictures: the same from the same number, and truths that are where the figures are."""

from __future__ import annotations

import numpy as np
import pytest

from edge_ai.detectors.street_s import peaks_of
from training.street_camera import Camera
from training.street_data import BACKDROP_SEED, COLUMNS, ROWS, VISIBLE_MIN, changed, targets
from training.street_ground import Backdrop
from training.street_painter import Painter
from training.street_people import paint_rods, person
from training.street_pictures import CLASSES, DEMO_EVERY, INPUT_HEIGHT, INPUT_WIDTH, picture
from training.street_vehicles import paint_vehicle, vehicle


@pytest.fixture(scope="module")
def backdrop() -> Backdrop:
    return Backdrop(np.random.default_rng(BACKDROP_SEED))


def painter(pitch: float) -> Painter:
    camera = Camera(width=800, height=500, height_m=6.0, pitch=pitch, focal=600.0)
    return Painter(np.full((500, 800, 3), 90, np.uint8), camera, np.array([0.3, 0.4, 1.0]), 0.6)


def test_a_number_always_gives_the_same_picture(backdrop: Backdrop) -> None:
    for number in (DEMO_EVERY, DEMO_EVERY + 1):
        (first, truths), (again, same) = picture(number, backdrop), picture(number, backdrop)
        assert first.shape == (INPUT_HEIGHT, INPUT_WIDTH, 3)
        assert np.array_equal(first, again)
        assert truths == same


def test_all_classes_occur_and_pictures_without_figures_too(backdrop: Backdrop) -> None:
    labels = [{truth.label for truth in picture(number, backdrop)[1]} for number in (1, 2, 3)]
    assert set().union(*labels) == set(range(len(CLASSES)))
    assert set() in labels


@pytest.mark.parametrize("pitch", [0.3, 1.5])
def test_the_extent_of_a_figure_is_where_its_pixels_are(pitch: float) -> None:
    rng = np.random.default_rng(4)
    seen = painter(pitch)
    spot = seen.camera.on_ground(np.array([400.0]), np.array([300.0]))
    at = (float(spot[0][0]), float(spot[1][0]))
    for kind in CLASSES[:2]:
        seen.begin()
        seen.labels[:] = 0
        if kind == "person":
            paint_rods(seen, person(rng), at=at, heading=1.0, label=1)
        else:
            paint_vehicle(seen, rng, vehicle(rng), at=at, heading=1.0, label=1)
        extent = seen.extent()
        assert extent is not None
        rows, columns = np.nonzero(seen.labels)
        inside = np.clip(extent, 0, (800, 500, 800, 500))
        assert np.abs(np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) - inside).max() <= 2


def test_camera_finds_on_the_ground_what_it_projects() -> None:
    camera = painter(0.4).camera
    points = np.array([[1.0, 9.0, 0.0], [-2.0, 14.0, 0.0]])
    pixels, depth = camera.project(points)
    x, y, seen = camera.on_ground(pixels[:, 0], pixels[:, 1])
    assert seen.all()
    assert depth.min() > 0
    assert np.allclose(np.stack([x, y], axis=1), points[:, :2])


def test_the_product_decodes_what_the_net_is_taught() -> None:
    truths = np.array([[0, 40, 60, 70, 140, 1.0], [1, 200, 100, 330, 180, 1.0], [2, 300, 20, 330, 60, VISIBLE_MIN / 2]], np.float32)
    heat, box, weight = targets(truths)
    assert heat.shape == (len(CLASSES), ROWS, COLUMNS)
    boxes, scores, classes = peaks_of(heat, box, score_min=0.99)
    assert classes.tolist() == [0, 1], "a hidden figure is not taught"
    assert np.allclose(boxes, truths[:2, 1:5], atol=0.01)
    assert scores.min() == 1.0
    assert weight.max() == 1.0


def test_a_changed_picture_moves_its_truths_with_it() -> None:
    pixels = np.zeros((INPUT_HEIGHT, INPUT_WIDTH, 3), np.uint8)
    pixels[100:140, 200:260] = 255
    truths = np.array([[1, 200, 100, 260, 140, 1.0]], np.float32)
    rng = np.random.default_rng(3)
    for _ in range(12):
        moved, rows = changed(pixels, truths, rng)
        bright = np.argwhere(moved[:, :, 0] > 200)
        if rows[0, 5] < 0.99 or not len(bright):
            continue
        low, high = bright.min(axis=0), bright.max(axis=0) + 1
        assert np.abs(rows[0, 1:5] - [low[1], low[0], high[1], high[0]]).max() <= 3
