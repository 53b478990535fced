"""What the place of one camera looks like without what burns, smokes or walks there: the background of fire-smoke.

It follows the exposure of the whole picture within seconds and each pixel by small steps of equal size (sigma-delta: Manzanera and
Richefeu, A new motion detection algorithm based on sigma-delta background estimation, 2007). A mean would carry whoever stood there for
ten seconds as a ghost for a minute, and the ghost's going looks like a veil. What moves is learnt more slowly still, a veil not at all.
Called by fire_smoke.py.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge_ai.detectors.fire_smoke_flames import Masks
from edge_ai.picture import Floats, Pixels

FIRST = 15
"""Pictures whose mean the background begins as."""
STEP_STILL, STEP_MOVING = 0.2, 0.05
"""Levels by which a pixel follows each picture where nothing moves (1 a second at 5 a second), and where something does."""
EXPOSURE_RATE = 0.2
"""Share of what more than half of the picture became brighter or darker by that is taken over at once."""
_SPARSE = 4
"""Every so manieth pixel along and across tells the exposure."""


class Ground:
    """The background of one camera; a new one is made when the pictures' size changes."""

    def __init__(self) -> None:
        self._levels: Floats = np.zeros((0, 0, 3), np.float32)
        self._seen = 0

    @property
    def picture(self) -> Pixels:
        """The place as it is learnt so far."""
        return self._levels.astype(np.uint8)

    def learn(self, now: Pixels, *, moving: Masks, veiled: Masks) -> None:
        """Take the newest picture in; the masks may be of another size, or empty when nothing is known yet."""
        self._seen += 1
        if self._seen == 1:
            self._levels = now.astype(np.float32)
        elif self._seen <= FIRST or not moving.size:
            cv2.accumulateWeighted(now, self._levels, 1 / self._seen)
        else:
            self._follow(now, moving, veiled)

    def _follow(self, now: Pixels, moving: Masks, veiled: Masks) -> None:
        sparse = (slice(None, None, _SPARSE), slice(None, None, _SPARSE))
        brighter = np.median(now[sparse] - self._levels[sparse], axis=(0, 1))
        self._levels += np.asarray(EXPOSURE_RATE * brighter, np.float32)
        steps = np.where(veiled > 0, 0, np.where(moving > 0, STEP_MOVING, STEP_STILL)).astype(np.float32)
        most = cv2.merge([cv2.resize(steps, (now.shape[1], now.shape[0]), interpolation=cv2.INTER_NEAREST)] * 3)
        gap = cv2.subtract(now, self._levels, dtype=cv2.CV_32F)
        self._levels += np.asarray(cv2.min(cv2.max(gap, -most), most), np.float32)
        np.clip(self._levels, 0, 255, out=self._levels)
