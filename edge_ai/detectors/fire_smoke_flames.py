"""The flame rule: pixels of a flame's colour that stay at their place and flicker there.

A lamp is bright and still, an orange coat flickers only where it passes; a flame does both at one place. Colour rule after Celik and
Demirel, Fire detection in video sequences using a generic color model, 2009. Thresholds were chosen on the first half of one clip (see
docs/model-card.md). Called by fire_smoke.py.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.picture import Pixels

WIDTH = 160
"""Pixels across the pictures that the rules look at."""
PICTURES = 9
"""Newest pictures that are compared: 1.8 s at 5 a second."""
RED_MIN = 190
WARMTH_MIN = 40
"""Levels by which red exceeds blue in a flame; red, green and blue fall in this order."""
PRESENT_MIN = 0.3
"""Share of the pictures in which a pixel has a flame's colour."""
CHANGE_MIN = 10
"""Grey levels of a change that counts as up or down."""
SWINGS_MIN = 2
"""Times a pixel must go up, and times it must go down, among the pictures."""
SPREAD_MIN = 10.0
"""Grey levels (standard deviation) by which a pixel varies among the pictures in which it has a flame's colour: a wall of that colour
behind passers-by swings too, and is the same wall each time."""
AREA_MIN = 8
"""Pixels of the smallest flame."""
BOXES_MAX = 16
GROWTH_PICTURES = 15
"""Pictures over which growth is measured."""
GROWN = 1.3
"""Times its area of GROWTH_PICTURES ago from which a fire counts as growing."""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of a picture WIDTH across."""
Masks = NDArray[np.uint8]
Greys = NDArray[np.int16]
_JOIN = np.ones((5, 5), np.uint8)


class FlameRule:
    """The newest pictures of one camera; a new one is made when their size changes."""

    def __init__(self) -> None:
        self._warm: deque[Masks] = deque(maxlen=PICTURES)
        self._grey: deque[Greys] = deque(maxlen=PICTURES)
        self._areas: deque[int] = deque(maxlen=GROWTH_PICTURES)

    def proposed(self, small: Pixels, grey: Masks) -> list[Box]:
        """Where flames may be, largest first; `grey` is the same picture without colour. Nothing until there are PICTURES."""
        self._warm.append(_flame_coloured(small))
        self._grey.append(grey.astype(np.int16))
        if len(self._warm) < PICTURES:
            return []
        flames = self._flames()
        self._areas.append(int(np.count_nonzero(flames)))
        return boxes_of(flames, area_min=AREA_MIN)

    @property
    def grows(self) -> bool:
        """True while what flickers covers clearly more than it did."""
        return len(self._areas) > 0 and self._areas[-1] >= GROWN * max(self._areas[0], AREA_MIN)

    def _flames(self) -> Masks:
        warm, grey = np.stack(self._warm), np.stack(self._grey)
        times = warm.sum(axis=0)
        change = np.diff(grey, axis=0)
        swings = np.minimum((change > CHANGE_MIN).sum(axis=0), (change < -CHANGE_MIN).sum(axis=0))
        candidates = (times >= PRESENT_MIN * PICTURES) & (swings >= SWINGS_MIN)
        flames = np.zeros(times.shape, np.uint8)
        if candidates.any():
            flames[candidates] = _spread(grey[:, candidates], warm[:, candidates]) >= SPREAD_MIN
        return flames


def boxes_of(found: Masks, *, area_min: int) -> list[Box]:
    """Boxes around the pixels that were found, those near each other joined, largest first; at most BOXES_MAX."""
    joined = cv2.morphologyEx(found, cv2.MORPH_CLOSE, _JOIN)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    areas = np.bincount(labels.ravel(), weights=found.ravel(), minlength=count)
    parts = [part for part in np.argsort(-areas, kind="stable") if part > 0 and areas[part] >= area_min]
    corners = (tuple(float(value) for value in stats[part, :4]) for part in parts[:BOXES_MAX])
    return [(x, y, x + width, y + height) for x, y, width, height in corners]


def _spread(grey: Greys, warm: Masks) -> NDArray[np.float64]:
    """Standard deviation of each pixel's brightness over the pictures (first axis) in which it is warm, at least one."""
    count = warm.sum(axis=0)
    mean = (grey * warm).sum(axis=0) / count
    spread: NDArray[np.float64] = np.sqrt((((grey - mean) ** 2) * warm).sum(axis=0) / count)
    return spread


def _flame_coloured(small: Pixels) -> Masks:
    blue, green, red = (small[..., channel].astype(np.int16) for channel in range(3))
    return np.asarray((red >= RED_MIN) & (red > green) & (green >= blue) & (red - blue >= WARMTH_MIN), np.uint8)
