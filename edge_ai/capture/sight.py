"""How faint a difference from the background counts: by day a fixed one, in the dark one that fits the light and the noise there is.

What stands before a wall differs from it in proportion to the light on both, so a dark coat at night is no further from a dark wall than
the sensor's noise. Noise differs from pixel to pixel and a coat does not, so in the dark the difference of each pixel's neighbourhood
counts. Not while much of the picture changes: a lamp's fringe is as faint as a coat. By day nothing of this costs. Called by gate.py.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.picture import Floats

DIFFERENCE_MIN = 18
"""Grey levels by which a pixel must differ to count, by day."""
DARK = 60.0
"""Mean grey level below which it is dark: from there down a difference counts in proportion to the light."""
NOISE_TIMES = 4.0
"""Times the noise's standard deviation that a difference must have in any case."""
MEASURED_EVERY = 10
"""Pictures between two looks at light and noise."""
STILL_SHARE = 0.05
"""Share of the picture that may move where faint differences count and noise is measured."""
STILL_PICTURES = 12
"""Pictures after much of one moved until faint differences count again: 7 % of it are left in the fast background then."""
_NEIGHBOURHOOD = (5, 5)
_MEAN_TO_DEVIATION = 1.25
"""Standard deviation of noise by its mean distance from nothing."""

Grey = NDArray[np.uint8]


class Sight:
    """Of one camera's gate."""

    def __init__(self) -> None:
        self._least_faint = DIFFERENCE_MIN
        self._measured = 0
        self._still = 0
        """Pictures since much of one moved."""
        self._is_dark = False
        self._is_keen = False
        """Faint differences count in this picture."""

    def moving(self, grey: Grey, fast: Floats) -> tuple[Grey, float]:
        """255 where a picture differs from what was there just now, else 0, and the share of it that does; all are reduced pictures.

        Decides what counts in this picture: ask `differs` about other backgrounds of it afterwards.
        """
        self._still += 1
        self._is_keen = self._is_dark and self._still > STILL_PICTURES
        moving = self.differs(grey, fast)
        share = cv2.countNonZero(moving) / moving.size
        if share > STILL_SHARE:
            self._still = 0
            if self._is_keen:
                self._is_keen = False
                moving = self.differs(grey, fast)
                share = cv2.countNonZero(moving) / moving.size
        return moving, share

    def differs(self, grey: Grey, background: Floats) -> Grey:
        """255 where the picture differs from a background, else 0."""
        before = np.asarray(cv2.convertScaleAbs(background), np.uint8)
        if self._is_keen:
            return np.asarray(cv2.threshold(_calm(grey, before), self._least_faint, 255, cv2.THRESH_BINARY)[1], np.uint8)
        return np.asarray(cv2.threshold(cv2.absdiff(grey, before), DIFFERENCE_MIN, 255, cv2.THRESH_BINARY)[1], np.uint8)

    def measure(self, grey: Grey, fast: Floats, slow: Floats, share: float) -> None:
        """Look at a picture beside its backgrounds now and then, when hardly anything moves: `share` of it does."""
        self._measured += 1
        if self._measured % MEASURED_EVERY or share > STILL_SHARE:
            return
        light = cv2.mean(slow)[0]
        self._is_dark = light < DARK
        if self._is_dark:
            noise = _MEAN_TO_DEVIATION * cv2.mean(_calm(grey, np.asarray(cv2.convertScaleAbs(fast), np.uint8)))[0]
            self._least_faint = round(min(DIFFERENCE_MIN, max(DIFFERENCE_MIN * light / DARK, NOISE_TIMES * noise)))


def _calm(grey: Grey, before: Grey) -> Grey:
    """The difference of each pixel's neighbourhood, in which noise cancels out."""
    return np.asarray(cv2.convertScaleAbs(cv2.blur(cv2.subtract(grey, before, dtype=cv2.CV_16S), _NEIGHBOURHOOD)), np.uint8)
