"""Moving things without weights: the gate's boxes, sorted by size on the ground plane into person-sized and vehicle-sized.

It says how large a thing is, never what it is. For cameras that look along a street; from straight above only the sizes' order holds.
"""

from __future__ import annotations

import numpy as np

from edge_ai.capture.gate import Motion
from edge_ai.picture import NOTHING, Detections, Pixels

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
SCORE = 0.6
"""A motion box has no confidence of its own; tracking needs one above its thresholds."""


class MotionObject:
    """The weightless family."""

    def __init__(self) -> None:
        self.classes = CLASSES

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """The moving regions as detections."""
        if not len(motion.boxes):
            return NOTHING
        boxes = motion.boxes
        widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        person = (HEIGHT_FAR + (HEIGHT_NEAR - HEIGHT_FAR) * boxes[:, 3] / pixels.shape[0]) * pixels.shape[0]
        ratio = widths * heights / (person * person * PERSON_WIDTH)
        kept = ratio >= AREA_MIN
        vehicle = (ratio >= VEHICLE_AREAS) & (widths >= 0.8 * heights)
        return Detections(boxes[kept], np.full(int(kept.sum()), SCORE, np.float32), vehicle[kept].astype(np.int64))
