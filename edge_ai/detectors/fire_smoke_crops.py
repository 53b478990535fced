"""What the crop classifier of fire-smoke is shown: one place before, and in three pictures of the last 1.6 seconds, side by side.

Owns the layout of that strip, which training/fire_data.py makes its samples with. Called by fire_smoke.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge_ai.picture import Pixels

WIDTH = 320
"""Pixels across the pictures that crops are cut from."""
HEIGHT_MAX = 640
"""Pixels down them: a picture that is a strip is squeezed, not given the memory of all its height."""
SIDE = 48
"""Pixels of a crop's side in the strip."""
PANELS = 4
"""The background, and three pictures, the newest last."""
STEP = 4
"""Pictures from one of the three to the next: 0.8 s at 5 a second."""
AROUND = 1.6
"""Times the longer side of a box that a crop shows."""
CROP_MIN = 32
"""Pixels of the smallest crop's side: a flame of a few pixels is nothing without what is around it."""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of a picture WIDTH across."""


def reduced(pixels: Pixels) -> Pixels:
    """A picture WIDTH across, at most HEIGHT_MAX high."""
    size = (WIDTH, min(max(1, round(pixels.shape[0] * WIDTH / pixels.shape[1])), HEIGHT_MAX))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def strip_of(pictures: Sequence[Pixels], box: Box) -> Pixels:
    """The place of `box` in PANELS reduced pictures of one size: SIDE x (PANELS * SIDE) x 3."""
    assert len(pictures) == PANELS
    rows, columns = _square(box, pictures[0].shape)
    return np.hstack([np.asarray(cv2.resize(picture[rows, columns], (SIDE, SIDE)), np.uint8) for picture in pictures])


def _square(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A square around the box, moved into the picture where it can be."""
    height, width = shape[:2]
    side = min(max(round(AROUND * max(box[2] - box[0], box[3] - box[1])), CROP_MIN), width, height)
    left = min(max(round((box[0] + box[2] - side) / 2), 0), width - side)
    top = min(max(round((box[1] + box[3] - side) / 2), 0), height - side)
    return slice(top, top + side), slice(left, left + side)
