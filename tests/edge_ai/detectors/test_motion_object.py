"""What of the gate's regions is told as a moving thing, in snow and without."""

from __future__ import annotations

import numpy as np

from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.motion_object import SPECKS, MotionObject
from edge_ai.picture import Detections, Floats

PIXELS = np.zeros((480, 640, 3), np.uint8)
SIDE = 44


def regions(count: int, *, shift: int = 0) -> Floats:
    """Small regions in rows, all moved by `shift` pixels."""
    corners = [(20 + number % 7 * 85 + shift, 20 + number // 7 * 90) for number in range(count)]
    return np.array([(x, y, x + SIDE, y + SIDE) for x, y in corners], np.float32)


def seen(by: MotionObject, boxes: Floats) -> Detections:
    return by.detect(PIXELS, Motion(GateState.MOTION, boxes, 0.1))


def test_many_small_regions_that_were_not_there_before_are_flakes() -> None:
    by = MotionObject()
    seen(by, regions(2 * SPECKS))
    assert len(seen(by, regions(2 * SPECKS, shift=SIDE // 2 + 12))) == 0


def test_a_crowd_that_walks_is_told_from_its_second_picture_on() -> None:
    by = MotionObject()
    assert len(seen(by, regions(2 * SPECKS))) == 0
    assert len(seen(by, regions(2 * SPECKS, shift=6))) == 2 * SPECKS


def test_few_small_regions_are_things_wherever_they_were() -> None:
    assert len(seen(MotionObject(), regions(SPECKS - 1))) == SPECKS - 1


def test_large_thing_is_told_in_the_thickest_snow() -> None:
    large = np.array([(200, 100, 420, 460)], np.float32)
    assert len(seen(MotionObject(), np.concatenate([regions(2 * SPECKS), large]))) == 1
