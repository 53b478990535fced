"""Moving things without weights: the gate's boxes, sorted by size on the ground plane into person-sized and vehicle-sized.

It says how large a thing is, never what it is. For cameras that look along a street; from straight above only the sizes' order holds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_ai.capture.gate import Motion
from edge_ai.picture import NOTHING, Detections, Floats, Pixels

CLASSES = ("person-sized", "vehicle-sized")
HEIGHT_FAR = 0.12
HEIGHT_NEAR = 0.45
"""Share of the picture's height a person takes with the feet at the top and at the bottom edge."""
PERSON_WIDTH = 0.42
"""Width of a person by the height."""
VEHICLE_AREAS = 1.6
"""Times the area of a person standing there from which a thing is vehicle-sized."""
AREA_MIN = 0.12
"""Share of that area below which a thing is noise."""
SPECKS = 12
"""Small regions in one picture from which it may be snowing or raining ..."""
SPECK_AREA = 1.0
"""... small being below this many times the area of a person standing there."""
AGAIN_MIN = 0.5
"""Share of the larger of two regions, of this picture and of the one before, that both must have in common to be one thing."""
SCORE = 0.6
"""A motion box has no confidence of its own; tracking needs one above its thresholds."""


class MotionObject:
    """The weightless family; one instance per camera, for it remembers the regions of the picture before."""

    def __init__(self) -> None:
        self.classes = CLASSES
        self._before: Floats = np.zeros((0, 4), np.float32)

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """The moving regions as detections; in snow and rain only those that are large, or near where one was in the picture before."""
        boxes, before, self._before = motion.boxes, self._before, motion.boxes
        if not len(boxes):
            return NOTHING
        widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        person = (HEIGHT_FAR + (HEIGHT_NEAR - HEIGHT_FAR) * boxes[:, 3] / pixels.shape[0]) * pixels.shape[0]
        ratio = widths * heights / (person * person * PERSON_WIDTH)
        kept = (ratio >= AREA_MIN) & ~_flakes(boxes, before, ratio < SPECK_AREA)
        vehicle = (ratio >= VEHICLE_AREAS) & (widths >= 0.8 * heights)
        return Detections(boxes[kept], np.full(int(kept.sum()), SCORE, np.float32), vehicle[kept].astype(np.int64))


def _flakes(boxes: Floats, before: Floats, small: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which small boxes are flakes or drops: there are many, and where they are was none in the picture before, for they fall too fast."""
    if np.count_nonzero(small) < SPECKS:
        return np.zeros(len(boxes), np.bool_)
    shared = np.minimum(boxes[:, None, 2:], before[None, :, 2:]) - np.maximum(boxes[:, None, :2], before[None, :, :2])
    common = np.clip(shared, 0, None).prod(axis=2)
    larger = np.maximum(_areas(boxes)[:, None], _areas(before)[None, :])
    return np.asarray(small & ~(common >= AGAIN_MIN * larger).any(axis=1), np.bool_)


def _areas(boxes: Floats) -> Floats:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), np.float32)
