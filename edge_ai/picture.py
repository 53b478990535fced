"""Pictures, detections and boxes as values; numpy only.

Called by every other module of this package that touches pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sync.model import Instant

Pixels = NDArray[np.uint8]
"""Height x width x 3, blue-green-red."""
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame on its way from a camera to the analysis."""

    camera: str
    pixels: Pixels
    now: Instant
    """Monotonic time of reading; orders shots whatever the wall clock does."""
    wall_us: int
    generation: int
    """Goes up with each (re)connection and each loop of a file: pictures before and after are not neighbours."""


class FrameSink(Protocol):
    """Takes the frames of cameras, from their threads. Implementations: the capture process's ring; a mailbox in tests."""

    def room(self, camera: str) -> Pixels | None:
        """Memory for the camera's next picture, if that has the size of its last: what is put from there needs no copy. None: none.

        The caller's until it calls `put` or `room` for this camera again.
        """

    def put(self, shot: Shot) -> None:
        """Take a frame; never waits."""


DETECTIONS_MAX = 200
"""Boxes of one picture that a detector tells, best first."""


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector saw in one picture."""

    boxes: Floats
    """N x 4, x1 y1 x2 y2 in pixels, not cut at the picture's edge."""
    scores: Floats
    """N, 0-1."""
    classes: NDArray[np.int64]
    """N, indices into the detector's class names."""

    def __len__(self) -> int:
        return len(self.scores)


NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
"""No detections."""


def overlap_matrix(left: Floats, right: Floats) -> Floats:
    """Intersection over union of each of N boxes with each of M: N x M."""
    low = np.maximum(left[:, None, :2], right[None, :, :2])
    high = np.minimum(left[:, None, 2:], right[None, :, 2:])
    size = np.clip(high - low, 0, None)
    shared = size[..., 0] * size[..., 1]
    areas = _areas(left)[:, None] + _areas(right)[None, :] - shared
    ratio: Floats = (shared / np.maximum(areas, 1e-6)).astype(np.float32)
    return ratio


def _areas(boxes: Floats) -> Floats:
    areas: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas
