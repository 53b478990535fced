"""Flames without weights: pixels of a flame's colour that stay at their place and flicker there.

A lamp is bright and still, an orange coat flickers only where it passes; a flame does both at one place. Growth raises the score. It
remembers the last pictures of one camera, so each camera has its own. Thresholds were chosen on the first half of one clip (see the
manifest). Colour rule after Celik and Demirel, Fire detection in video sequences using a generic color model, 2009.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.capture.gate import Motion
from edge_ai.picture import NOTHING, Detections, Floats, Pixels

CLASSES = ("fire",)
WIDTH = 160
"""Pixels across the reduced picture."""
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
"""Reduced pixels of the smallest flame."""
BOXES_MAX = 16
GROWTH_PICTURES = 15
"""Pictures over which growth is measured."""
SCORE = 0.7
SCORE_GROWING = 0.9
GROWN = 1.3
"""Times its area of GROWTH_PICTURES ago from which a fire counts as growing."""

Masks = NDArray[np.uint8]
_JOIN = np.ones((5, 5), np.uint8)


class FireSmoke:
    """The weightless flame family; one instance per camera."""

    def __init__(self) -> None:
        self.classes = CLASSES
        self._warm: deque[Masks] = deque(maxlen=PICTURES)
        self._grey: deque[NDArray[np.int16]] = deque(maxlen=PICTURES)
        self._areas: deque[int] = deque(maxlen=GROWTH_PICTURES)

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """The flames that show in the last pictures; nothing until there are enough of one size."""
        size = (WIDTH, max(1, round(pixels.shape[0] * WIDTH / pixels.shape[1])))
        small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        if self._warm and self._warm[0].shape != small.shape[:2]:
            self._forget()
        self._warm.append(_flame_coloured(small))
        self._grey.append(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.int16))
        if len(self._warm) < PICTURES:
            return NOTHING
        flames = self._flames()
        self._areas.append(int(np.count_nonzero(flames)))
        boxes = _boxes(flames)
        if not boxes:
            return NOTHING
        scale = np.array([pixels.shape[1] / size[0], pixels.shape[0] / size[1]] * 2, np.float32)
        found: Floats = np.array(boxes, np.float32) * scale
        return Detections(found, np.full(len(boxes), self._score(), np.float32), np.zeros(len(boxes), np.int64))

    def _flames(self) -> Masks:
        warm, grey = np.stack(self._warm), np.stack(self._grey)
        times = warm.sum(axis=0)
        change = np.diff(grey, axis=0)
        swings = np.minimum((change > CHANGE_MIN).sum(axis=0), (change < -CHANGE_MIN).sum(axis=0))
        candidates = (times >= PRESENT_MIN * PICTURES) & (swings >= SWINGS_MIN)
        return np.asarray(candidates & (_spread(grey, warm, times) >= SPREAD_MIN), np.uint8)

    def _score(self) -> float:
        return SCORE_GROWING if self._areas[-1] >= GROWN * max(self._areas[0], AREA_MIN) else SCORE

    def _forget(self) -> None:
        self._warm.clear()
        self._grey.clear()
        self._areas.clear()


def _spread(grey: NDArray[np.int16], warm: Masks, times: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Standard deviation of brightness over the pictures in which a pixel is warm."""
    count = np.maximum(times, 1)
    mean = (grey * warm).sum(axis=0) / count
    spread: NDArray[np.float64] = np.sqrt((((grey - mean) ** 2) * warm).sum(axis=0) / count)
    return spread


def _flame_coloured(small: Pixels) -> Masks:
    blue, green, red = (small[..., channel].astype(np.int16) for channel in range(3))
    return np.asarray((red >= RED_MIN) & (red > green) & (green >= blue) & (red - blue >= WARMTH_MIN), np.uint8)


def _boxes(flames: Masks) -> list[tuple[int, int, int, int]]:
    joined = cv2.morphologyEx(flames, cv2.MORPH_CLOSE, _JOIN)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    found: list[tuple[int, int, int, int, int]] = []
    for part in range(1, count):
        area = int(np.count_nonzero(flames[labels == part]))
        x, y, width, height = (int(value) for value in stats[part, :4])
        if area >= AREA_MIN:
            found.append((area, x, y, x + width, y + height))
    return [box for _, *box in sorted(found, reverse=True)[:BOXES_MAX]]  # type: ignore[misc]
