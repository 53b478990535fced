"""What is left under a mask: means of cells and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_ai.evidence.masking import (
    HEAD_CELLS,
    MOSAIC_CELLS,
    VEHICLE_CELLS,
    Masking,
    masked_boxes,
    masking_for,
    mosaic,
    pixelate,
)
from edge_ai.picture import Detections, Pixels

COCO = ("person", "car", "bus", "truck", "motorcycle")


def noise(height: int, width: int, seed: int = 1) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def found(*boxes: tuple[float, float, float, float], label: int = 0) -> Detections:
    count = len(boxes)
    return Detections(np.array(boxes, np.float32), np.full(count, 0.9, np.float32), np.full(count, label, np.int64))


def colours(pixels: Pixels) -> int:
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


@pytest.mark.parametrize(
    ("classes", "masking"),
    [
        (("person-sized", "vehicle-sized"), Masking.MOSAIC),
        (("person",), Masking.MOSAIC),
        (("face",), Masking.MOSAIC),
        (("vehicle", "two-wheeler"), Masking.MOSAIC),
        (("person", "car"), Masking.MOSAIC),
        (("person", "vehicle", "two-wheeler"), Masking.BOXES),
        (COCO, Masking.BOXES),
        ((), Masking.MOSAIC),
    ],
)
def test_only_a_detector_of_persons_and_vehicles_leaves_anything_sharp(classes: tuple[str, ...], masking: Masking) -> None:
    assert masking_for(classes, shows_people=True) is masking
    assert masking_for(classes, shows_people=False) is Masking.NONE


@pytest.mark.parametrize(("size", "cells"), [((90, 70), 8), ((91, 73), 4), ((3, 50), 8), ((8, 8), 8), ((400, 1), 4)])
def test_a_masked_box_has_no_more_colours_than_cells(size: tuple[int, int], cells: int) -> None:
    pixels = noise(500, 500)
    pixelate(pixels, (20, 30, 20 + size[0], 30 + size[1]), cells)
    assert colours(pixels[30 : 30 + size[1], 20 : 20 + size[0]]) <= cells * cells


def test_two_originals_with_the_same_means_give_the_same_masked_pixels() -> None:
    first = np.full((64, 64, 3), 100, np.uint8)
    second = first.copy()
    second[::2], second[1::2] = 60, 140
    third = first.copy()
    third[:, ::2], third[:, 1::2] = 90, 110
    for pixels in (first, second, third):
        pixelate(pixels, (0, 0, 64, 64), VEHICLE_CELLS)
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)


def test_a_box_partly_outside_the_picture_is_cut_and_one_outside_changes_nothing() -> None:
    pixels = noise(50, 50)
    before = pixels.copy()
    pixelate(pixels, (60, 60, 90, 90), 4)
    assert np.array_equal(pixels, before)
    pixelate(pixels, (-30, -30, 20, 20), 4)
    assert colours(pixels[:20, :20]) <= 16
    assert np.array_equal(pixels[20:, :], before[20:, :])


def test_boxes_without_end_are_refused_by_no_error() -> None:
    pixels = noise(20, 20)
    masked = masked_boxes(pixels, [found((-1e30, -1e30, 1e30, 1e30), label=1)], COCO)
    assert colours(masked) <= VEHICLE_CELLS**2


def test_of_a_standing_person_the_upper_third_is_masked_and_the_rest_stays() -> None:
    pixels = noise(300, 300)
    masked = masked_boxes(pixels, [found((100, 60, 160, 240))], COCO)
    assert colours(masked[60:120, 100:160]) <= HEAD_CELLS**2
    assert np.array_equal(masked[121:], pixels[121:])


def test_of_somebody_who_lies_the_whole_box_is_masked() -> None:
    masked = masked_boxes(noise(300, 300), [found((50, 100, 250, 160))], COCO)
    assert colours(masked[100:160, 50:250]) <= HEAD_CELLS**2


def test_a_vehicle_is_masked_whole_and_a_rider_with_the_two_wheeler() -> None:
    pixels = noise(300, 300)
    masked = masked_boxes(pixels, [found((50, 100, 250, 200), label=1)], COCO)
    assert colours(masked[100:200, 50:250]) <= VEHICLE_CELLS**2
    masked = masked_boxes(pixels, [found((100, 200, 160, 280), label=4)], COCO)
    assert colours(masked[140:280, 100:160]) <= VEHICLE_CELLS**2


@pytest.mark.parametrize("name", ["motorbike", "muck-truck", "van", "boat", "licence-plate", "rider", "face"])
def test_whatever_is_not_known_to_show_nobody_is_masked_whole(name: str) -> None:
    masked = masked_boxes(noise(300, 300), [found((50, 100, 250, 200), label=2)], ("person", "vehicle", name))
    assert colours(masked[100:200, 50:250]) <= VEHICLE_CELLS**2


@pytest.mark.parametrize("name", ["suitcase", "traffic light", "fire"])
def test_what_shows_nobody_stays(name: str) -> None:
    pixels = noise(300, 300)
    assert np.array_equal(masked_boxes(pixels, [found((50, 100, 250, 200), label=2)], ("person", "vehicle", name)), pixels)


def test_the_rider_of_a_motorbike_is_masked_by_whatever_name_it_goes() -> None:
    masked = masked_boxes(noise(300, 300), [found((100, 200, 160, 280), label=2)], ("person", "vehicle", "motorbike"))
    assert colours(masked[140:280, 100:160]) <= VEHICLE_CELLS**2


def test_of_somebody_cut_by_the_edge_the_head_is_more_than_a_third() -> None:
    """Head and shoulders alone: a box hardly higher than wide."""
    masked = masked_boxes(noise(300, 300), [found((100, 190, 200, 300))], COCO)
    assert colours(masked[190:265, 100:200]) <= HEAD_CELLS**2


def test_the_picture_given_is_left_as_it_was() -> None:
    pixels = noise(100, 100)
    before = pixels.copy()
    masked_boxes(pixels, [found((10, 10, 60, 90))], COCO)
    assert np.array_equal(pixels, before)


def test_nothing_that_sharpens_or_enlarges_brings_back_what_was_masked() -> None:
    """Two plates with other digits and equal means per cell are one picture after the mask, so no filter can tell them apart."""
    plate = np.full((64, 192, 3), 255, np.uint8)
    other = plate.copy()
    cv2.putText(plate, "A1B2", (10, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (0, 0, 0), 4)
    other[:] = plate
    for y in range(0, 64, 8):
        for x in range(0, 192, 24):
            cell = other[y : y + 8, x : x + 24]
            other[y : y + 8, x : x + 24] = cell[::-1, ::-1]
    assert not np.array_equal(plate, other)
    for pixels in (plate, other):
        pixelate(pixels, (0, 0, 192, 64), VEHICLE_CELLS)
    sharpen = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.float32)
    first, second = (cv2.resize(cv2.filter2D(one, -1, sharpen), None, fx=4, fy=4) for one in (plate, other))
    assert np.array_equal(first, second)


def test_a_mosaic_keeps_its_size_and_loses_its_detail() -> None:
    pixels = noise(180, 320)
    masked = mosaic(pixels)
    assert masked.shape == pixels.shape
    assert colours(masked) <= MOSAIC_CELLS * (MOSAIC_CELLS * 180 // 320)
