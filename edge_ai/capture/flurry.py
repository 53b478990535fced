"""Tells snow and rain from things while it falls: only what differs from the background in two pictures in a row counts.

A flake is at a place in one picture and gone in the next; who walks still covers most of where he was. It falls when many small regions
move where nothing moved in the picture before, which no crowd does. What passes by more than its own length in a picture is lost with the
flakes, so this is for such weather alone, and each few seconds one picture is looked at as it is. Called by gate.py.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SPECKS = 12
"""Small regions in one picture, where nothing moved in the one before, from which it falls."""
SPECK_PIXELS = 120
"""Reduced pixels of the largest region that is small."""
FALLS_FOR = 25
"""Pictures until it is looked at anew whether it falls: 5 s at 5 a second."""

Mask = NDArray[np.uint8]
Region = tuple[int, int, int, int]
"""x1, y1, x2, y2 in reduced pixels."""


class Flurry:
    """Of one camera's gate."""

    def __init__(self) -> None:
        self._unlike: Mask | None = None
        """Of the picture before."""
        self._regions: list[Region] = []
        """Of the picture before."""
        self._falls_for = 0
        """Pictures for which it counts as falling."""

    def clear(self) -> None:
        """The next picture is no neighbour of the last, or nothing moved in between."""
        self._unlike, self._regions = None, []

    def lasting(self, unlike: Mask) -> Mask:
        """What differs from the background; while it falls, only where it did in the picture before, too."""
        before, self._unlike = self._unlike, unlike
        if self._falls_for == 0 or before is None:
            return unlike
        self._falls_for -= 1
        return np.asarray(cv2.bitwise_and(before, unlike), np.uint8)

    def learn(self, regions: list[Region]) -> None:
        """Take the regions that were found in what `lasting` gave."""
        before, self._regions = self._regions, regions
        if self._falls_for > 0 or len(regions) < SPECKS:
            return
        small = [region for region in regions if (region[2] - region[0]) * (region[3] - region[1]) <= SPECK_PIXELS]
        if len(small) >= SPECKS and _count_new(small, before) >= SPECKS:
            self._falls_for = FALLS_FOR


def _count_new(small: list[Region], before: list[Region]) -> int:
    """How many have nothing in common with any region of the picture before."""
    if not before:
        return len(small)
    now, then = np.array(small), np.array(before)
    shared = np.minimum(now[:, None, 2:], then[None, :, 2:]) - np.maximum(now[:, None, :2], then[None, :, :2])
    return int(np.count_nonzero(~(shared > 0).all(axis=2).any(axis=1)))
