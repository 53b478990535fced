"""The smoke rule: a dull veil that came over the background, hides its edges, stays, rises and never stands still.

A parked van hides edges too, but nothing moves in it; who walks through is gone before the veil counts as staying; a shadow moves off or
stands still. Chosen on rendered scenes alone. Called by fire_smoke.py.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.detectors.fire_smoke_flames import Box, Masks, boxes_of
from edge_ai.picture import Floats, Pixels

CHANGE_MIN = 7.0
"""Grey levels by which a veiled place differs from the background."""
COLOUR_MAX = 40
"""Levels between the highest and the lowest colour of a veiled pixel ..."""
COLOUR_SHARE = 0.75
"""... or this share of what the background had."""
EDGES_SHARE, EDGES_SPARE = 0.85, 2.0
"""Of the background's edges, and grey levels beside them, that a veiled place may still show."""
STAYS = 12
"""Pictures, more veiled than not, from which a veil counts as staying: 2.4 s at 5 a second."""
STAYS_MAX = 30
UNREST_MIN = 0.8
"""Grey levels by which a veil changes in 0.4 s."""
RISE_MIN = 0.0
"""Grey levels by which the picture before fits better when it is moved up than when it is moved down."""
GONE = 0.95
"""Share of unrest and rise that is kept from one picture to the next."""
BACK = 2
"""Pictures between two that are compared."""
STEPS = (1, 2, 3)
"""Pixels by which a picture is moved up and down."""
AREA_MIN = 45
"""Pixels of the smallest veil."""
_EDGE_SIDE = (7, 7)


class SmokeRule:
    """The veil over one camera's background; a new one is made when the pictures' size changes."""

    def __init__(self) -> None:
        self._before: deque[Floats] = deque(maxlen=BACK + 1)
        self._stays: NDArray[np.int16] = np.zeros((0, 0), np.int16)
        self._unrest: Floats = np.zeros((0, 0), np.float32)
        self._rise = self._unrest

    @property
    def veiled(self) -> Masks:
        """Pixels that a moving veil covers for now: the background must not learn them. What stands still it may."""
        return np.asarray((self._stays > 0) & (self._unrest >= UNREST_MIN / 2), np.uint8)

    def proposed(self, small: Pixels, grey: Masks, background: Pixels) -> list[Box]:
        """Where smoke may be, largest first; `background` is what the place looks like without it, of the same size."""
        soft = np.asarray(cv2.GaussianBlur(grey, (5, 5), 0), np.float32)
        if self._stays.shape != soft.shape:
            self._stays, self._unrest, self._rise = np.zeros_like(soft, np.int16), np.zeros_like(soft), np.zeros_like(soft)
        self._before.append(soft)
        if len(self._before) <= BACK:
            return []
        veil = _veil(small, grey, soft, background)
        self._stays = np.clip(self._stays + np.where(veil, 1, -1), 0, STAYS_MAX).astype(np.int16)
        earlier = self._before[0]
        self._unrest = _followed(self._unrest, np.abs(soft - earlier))
        self._rise = _followed(self._rise, _rise(soft, earlier))
        found = np.asarray(self._stays >= STAYS, np.uint8)
        return [box for box in boxes_of(found, area_min=AREA_MIN) if self._moves(found, box)]

    def _moves(self, found: Masks, box: Box) -> bool:
        x1, y1, x2, y2 = (int(value) for value in box)
        inside = found[y1:y2, x1:x2] > 0
        unrest, rise = self._unrest[y1:y2, x1:x2][inside].mean(), self._rise[y1:y2, x1:x2][inside].mean()
        return bool(unrest >= UNREST_MIN and rise > RISE_MIN)


def _veil(small: Pixels, grey: Masks, soft: Floats, background: Pixels) -> NDArray[np.bool_]:
    ground = np.asarray(cv2.cvtColor(background, cv2.COLOR_BGR2GRAY), np.uint8)
    changed = np.abs(soft - cv2.GaussianBlur(ground, (5, 5), 0)) >= CHANGE_MIN
    dull = _colour(small) <= np.maximum(COLOUR_MAX, COLOUR_SHARE * _colour(background))
    return np.asarray(changed & dull & (_edges(grey) <= EDGES_SHARE * _edges(ground) + EDGES_SPARE), np.bool_)


def _colour(picture: Pixels) -> Floats:
    """Levels between the highest and the lowest colour of each pixel."""
    blue, green, red = cv2.split(picture)
    highest, lowest = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
    return np.asarray(cv2.subtract(highest, lowest), np.float32)


def _edges(grey: Masks) -> Floats:
    """How much brightness changes from pixel to pixel around each."""
    steps = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1)) + np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=1))
    return np.asarray(cv2.blur(steps, _EDGE_SIDE), np.float32)


def _rise(now: Floats, earlier: Floats) -> Floats:
    """By how much `earlier` fits `now` better moved up than moved down; the picture's edges fit both ways."""
    up, down = np.full_like(now, 255), np.full_like(now, 255)
    for step in STEPS:
        np.minimum(up[:-step], np.abs(now[:-step] - earlier[step:]), out=up[:-step])
        np.minimum(down[step:], np.abs(now[step:] - earlier[:-step]), out=down[step:])
    up[up == 255] = down[down == 255] = 0
    return np.asarray(down - up, np.float32)


def _followed(old: Floats, new: Floats) -> Floats:
    return np.asarray(GONE * old + (1 - GONE) * new, np.float32)
