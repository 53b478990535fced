"""The smoke rule: a dull, soft-edged veil that came over the background, hides its edges, stays, rises and never stands still.

After Toreyin, Dedeoglu and Cetin, Contour based smoke detection in video using wavelets, 2006: smoke takes away the fine contrast of what
lies behind it and its colour with it, and its own outline is soft. So who stands there in grey is no smoke: the outline of a body is a row
of edges that the background has not. Nor is what stands still after it came or went (a parked van, the ghost of who left), for smoke is
restless in nearly every picture; nor what passes, for it is gone before it counts as staying; nor what covers half of the picture (fog, a
change of light). Brightness is compared after taking away what the whole picture became brighter by, which is the camera's exposure.
Chosen on rendered scenes and on what docs/model-card.md says. Called by fire_smoke.py.
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
STAYS = 8
"""Pictures, more veiled than not, from which a veil counts as staying: 1.6 s at 5 a second."""
STAYS_MAX = 30
UNREST_MIN = 0.8
"""Grey levels by which a restless place changes in 0.4 s ..."""
UNREST_NOISE = 2.0
"""... and times what half of the picture changes by, which is the camera's noise."""
RESTLESS_MIN = 0.8
"""Share of the newest pictures (RECENT) in which a veil must be restless; who fidgets is still in between."""
RECENT = 0.9
"""Share of the restlessness that is kept from one picture to the next: 2 s at 5 a second."""
FOREIGN_STEP = 14.0
"""Grey levels from pixel to pixel, beyond what the background has near, of an edge that smoke cannot have made."""
FOREIGN_MAX = 0.05
"""Share of a veil and of what is next to it that may be such edges."""
RISE_MIN = 0.0
"""Grey levels by which the picture before fits better when it is moved up than when it is moved down."""
RISE_KEPT = 0.95
"""Share of the rise that is kept from one picture to the next."""
BACK = 2
"""Pictures between two that are compared."""
STEPS = (1, 2, 3)
"""Pixels by which a picture is moved up and down."""
AREA_MIN = 25
"""Pixels of the smallest veil."""
SHARE_MAX = 0.5
"""Share of the picture that a veil covers at most."""
_SOFT, _FINE = (5, 5), (3, 3)
_EDGE_SIDE, _UNREST_SIDE = (7, 7), (9, 9)
_NEAR_GROUND = np.ones((5, 5), np.uint8)
_NEXT_TO = np.ones((11, 11), np.uint8)
_REACH = _NEXT_TO.shape[0] // 2 + 1

Truths = NDArray[np.bool_]


class SmokeRule:
    """The veil over one camera's background; a new one is made when the pictures' size changes."""

    def __init__(self) -> None:
        self._before: deque[Floats] = deque(maxlen=BACK + 1)
        self._stays: NDArray[np.int16] = np.zeros((0, 0), np.int16)
        self._restless: Floats = np.zeros((0, 0), np.float32)
        self._rise = self._restless

    @property
    def moving(self) -> Masks:
        """Pixels near which something moved in the last two seconds; empty before the first picture."""
        return np.asarray(self._restless >= RESTLESS_MIN / 2, np.uint8)

    @property
    def veiled(self) -> Masks:
        """Pixels that a moving veil covers for now: the background must not learn them. What stands still it may."""
        return np.asarray((self._stays > 0) & (self._restless >= RESTLESS_MIN / 2), np.uint8)

    def proposed(self, small: Pixels, grey: Masks, background: Pixels) -> list[Box]:
        """Where smoke may be, largest first; `background` is what the place looks like without it, of the same size."""
        soft = np.asarray(cv2.GaussianBlur(grey, _SOFT, 0), np.float32)
        if self._stays.shape != soft.shape:
            self._stays, self._restless, self._rise = np.zeros_like(soft, np.int16), np.zeros_like(soft), np.zeros_like(soft)
        self._before.append(soft)
        if len(self._before) <= BACK:
            return []
        ground = np.asarray(cv2.cvtColor(background, cv2.COLOR_BGR2GRAY), np.uint8)
        moves = _moves(soft, self._before[0])
        self._restless = _followed(self._restless, moves, RECENT)
        self._rise = _followed(self._rise, _rise(soft, self._before[0]), RISE_KEPT)
        veil = _veil(small, grey, background, ground) & (np.abs(_changed(soft, ground)) >= CHANGE_MIN) & moves
        self._stays = np.clip(self._stays + np.where(veil, 1, -1), 0, STAYS_MAX).astype(np.int16)
        found = np.asarray(self._stays >= STAYS, np.uint8)
        boxes = boxes_of(found, area_min=AREA_MIN)
        return [box for box in boxes if self._is_smoke(found, box, _foreign(grey, ground))]

    def _is_smoke(self, found: Masks, box: Box, foreign: Masks) -> bool:
        """Whether what stays in a box is restless, rises, is no larger than smoke, and has no sharp edge in or next to it."""
        x1, y1, x2, y2 = (int(value) for value in box)
        inside = found[y1:y2, x1:x2] > 0
        restless, rise = self._restless[y1:y2, x1:x2][inside].mean(), self._rise[y1:y2, x1:x2][inside].mean()
        around = (slice(max(y1 - _REACH, 0), y2 + _REACH), slice(max(x1 - _REACH, 0), x2 + _REACH))
        near = cv2.dilate(found[around], _NEXT_TO) > 0
        small_enough = np.count_nonzero(inside) <= SHARE_MAX * found.size
        return bool(restless >= RESTLESS_MIN and rise > RISE_MIN and small_enough and foreign[around][near].mean() <= FOREIGN_MAX)


def _moves(soft: Floats, earlier: Floats) -> Truths:
    """Where the picture changes by more than its exposure and its noise."""
    unrest = cv2.blur(np.abs(_without_median(soft - earlier)), _UNREST_SIDE)
    return np.asarray(unrest >= max(UNREST_MIN, UNREST_NOISE * float(np.median(unrest))), np.bool_)


def _changed(soft: Floats, ground: Masks) -> Floats:
    """Grey levels by which each pixel differs from the background, but for the exposure."""
    return _without_median(soft - np.asarray(cv2.GaussianBlur(ground, _SOFT, 0), np.float32))


def _without_median(levels: Floats) -> Floats:
    return np.asarray(levels - np.median(levels), np.float32)


def _veil(small: Pixels, grey: Masks, background: Pixels, ground: Masks) -> Truths:
    """Where the picture is dull and shows less of the background's edges."""
    dull = _colour(small) <= np.maximum(COLOUR_MAX, COLOUR_SHARE * _colour(background))
    now, before = cv2.blur(_steps(grey), _EDGE_SIDE), cv2.blur(_steps(ground), _EDGE_SIDE)
    return np.asarray(dull & (now <= EDGES_SHARE * before + EDGES_SPARE), np.bool_)


def _foreign(grey: Masks, ground: Masks) -> Masks:
    """Edges that the background has not, within two pixels."""
    now, before = _steps(grey), cv2.dilate(_steps(ground), _NEAR_GROUND)
    return np.asarray(now - before >= FOREIGN_STEP, np.uint8)


def _colour(picture: Pixels) -> Floats:
    """Levels between the highest and the lowest colour of each pixel."""
    blue, green, red = cv2.split(picture)
    highest, lowest = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
    return np.asarray(cv2.subtract(highest, lowest), np.float32)


def _steps(grey: Masks) -> Floats:
    """How much brightness changes from each pixel to the next, noise smoothed."""
    fine = cv2.GaussianBlur(grey, _FINE, 0)
    return np.asarray(np.abs(cv2.Sobel(fine, cv2.CV_32F, 1, 0, ksize=1)) + np.abs(cv2.Sobel(fine, cv2.CV_32F, 0, 1, ksize=1)), np.float32)


def _rise(now: Floats, earlier: Floats) -> Floats:
    """By how much `earlier` fits `now` better moved up than moved down; the picture's edges fit both ways."""
    up, down = np.full_like(now, 255), np.full_like(now, 255)
    for step in STEPS:
        np.minimum(up[:-step], np.abs(now[:-step] - earlier[step:]), out=up[:-step])
        np.minimum(down[step:], np.abs(now[step:] - earlier[:-step]), out=down[step:])
    up[up == 255] = down[down == 255] = 0
    return np.asarray(down - up, np.float32)


def _followed(old: Floats, new: NDArray[np.bool_] | Floats, kept: float) -> Floats:
    return np.asarray(kept * old + (1 - kept) * new, np.float32)
