"""Things that were not there before and now stand still, without weights: two backgrounds that learn at different speeds.

What the quick background has taken in and the slow one has not is new and still: something left, spilt or parked, or the gap of something
taken away. It says where, never what. It remembers one camera. Proved on rendered scenes only. Source of the idea: Porikli, Ivanov and
Haga, Robust abandoned object detection using dual foregrounds, 2008.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge_ai.capture.gate import Motion
from edge_ai.picture import NOTHING, Detections, Floats, Pixels

CLASSES = ("still-thing",)
WIDTH = 320
"""Pixels across the reduced picture."""
LEARNING = 25
"""First pictures, whose mean both backgrounds are."""
QUICK = 0.15
"""Share of the new picture in the quick background."""
SLOW = 0.005
"""Share of the new picture in the slow one, where nothing new stands."""
NEW_MIN = 22.0
"""Grey levels by which the backgrounds differ where something new stands."""
STILL_MAX = 12.0
"""Grey levels by which the picture may differ from the quick background there."""
AREA_MIN = 30
"""Reduced pixels of the smallest thing."""
SHARE_MAX = 0.3
"""Share of the picture that differs from the slow background above which the light changed: both are learnt anew."""
HELD_MAX = 9_000
"""Pictures after which a thing becomes background: half an hour at 5 a second."""
BOXES_MAX = 16
SCORE = 0.7


class StillObject:
    """The dual background of one camera."""

    def __init__(self) -> None:
        self.classes = CLASSES
        self._quick: Floats = np.zeros((0, 0), np.float32)
        self._slow: Floats = self._quick
        self._held: Floats = self._quick
        """Pictures that each pixel has been new and still."""
        self._seen = 0

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """The new still things of this picture; nothing while the backgrounds are learnt."""
        size = (WIDTH, max(1, round(pixels.shape[0] * WIDTH / pixels.shape[1])))
        grey = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        now = np.asarray(cv2.GaussianBlur(grey, (5, 5), 0), np.float32)
        if self._quick.shape != now.shape:
            self._begin(now)
        self._seen += 1
        if self._seen <= LEARNING:
            self._quick += (now - self._quick) / self._seen
            self._slow[:] = self._quick
            return NOTHING
        if np.count_nonzero(np.abs(now - self._slow) > NEW_MIN) > SHARE_MAX * now.size:
            self._begin(now)
            return NOTHING
        boxes = _boxes(self._still(now))
        if not boxes:
            return NOTHING
        scale = np.array([pixels.shape[1] / size[0], pixels.shape[0] / size[1]] * 2, np.float32)
        found: Floats = np.array(boxes, np.float32) * scale
        return Detections(found, np.full(len(boxes), SCORE, np.float32), np.zeros(len(boxes), np.int64))

    def _begin(self, now: Floats) -> None:
        self._quick, self._slow, self._held = now.copy(), now.copy(), np.zeros_like(now)
        self._seen = 0

    def _still(self, now: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        self._quick += QUICK * (now - self._quick)
        still = (np.abs(self._quick - self._slow) > NEW_MIN) & (np.abs(now - self._quick) < STILL_MAX)
        self._held = np.where(still, self._held + 1, np.maximum(self._held - 1, 0))
        learns = ~still & (self._held == 0)
        self._slow += np.where(learns, np.float32(SLOW), np.float32(0)) * (now - self._slow)
        absorbed = self._held > HELD_MAX
        self._slow[absorbed] = now[absorbed]
        self._held[absorbed] = 0
        return np.asarray(still, np.uint8)


def _boxes(still: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[tuple[int, int, int, int]]:
    joined = cv2.morphologyEx(still, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    parts = sorted((tuple(int(value) for value in stats[part]) for part in range(1, count)), key=lambda part: -part[4])
    return [(x, y, x + width, y + height) for x, y, width, height, area in parts[:BOXES_MAX] if area >= AREA_MIN]
