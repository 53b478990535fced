"""Tells light from things: a headlight's beam or a cloud's shadow makes what it falls on brighter or darker, and draws no edge of its own.

A thing that came has an outline, which is a row of edges that the background has not, however much brighter the place became. The ghost
that somebody leaves in the background has none either. Looked at in the gate's reduced picture, and only while something is large enough
to be judged. Called by gate.py.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.picture import Floats

PIXELS_MIN = 60
"""Reduced pixels of the smallest region that is judged: smaller patches of light are told as things."""
STEP_MAX = 14.0
"""Grey levels from pixel to pixel, beyond the background's own at the light of now, that are an edge of a thing whatever else changed."""
STEP_SHARE = 0.25
"""Such a step by how much the region changed: an edge takes half of the change or more at once, a beam's fringe a tenth."""
STEP_NOISE = 2.4
"""Such a step by the median of all steps around: grain and noise in a beam reach 2.2 in rendered nights, who walks there 2.5 and more."""
OUTLINE_MIN = 0.3
"""Pixels of such edges, for each pixel of half the region's circumference, from which there is an outline."""
MARGIN = 2
"""Pixels around a region in which its outline may lie."""
REACH = MARGIN + 4
"""Pixels around all that is judged that are looked at, so that the light near its edges is known."""
GAIN_MAX = 8.0
"""Times by which light may lift the background's own edges."""
_LIGHT_SIDE = (9, 9)
_SOFT = (3, 3)
_NEAR = np.ones((3, 3), np.uint8)

Grey = NDArray[np.uint8]
Region = tuple[int, int, int, int]
"""x1, y1, x2, y2 in reduced pixels."""


def without_light(regions: list[Region], now: Grey, background: Floats) -> list[Region]:
    """The regions of the reduced picture `now` but for those that differ from the background by their light alone."""
    judged = [region for region in regions if _pixels(region) >= PIXELS_MIN]
    if not judged:
        return regions
    corners = np.array(judged)
    left, top = np.maximum(corners[:, :2].min(axis=0) - REACH, 0).tolist()
    right, bottom = (corners[:, 2:].max(axis=0) + REACH).tolist()
    part = Part(now[top:bottom, left:right], np.asarray(cv2.convertScaleAbs(background[top:bottom, left:right]), np.uint8))
    lit = {region for region in judged if not part.has_outline(_moved(region, -left, -top))}
    return [region for region in regions if region not in lit]


def _pixels(region: Region) -> int:
    x1, y1, x2, y2 = region
    return (x2 - x1) * (y2 - y1)


def _moved(region: Region, right: int, down: int) -> Region:
    x1, y1, x2, y2 = region
    return x1 + right, y1 + down, x2 + right, y2 + down


class Part:
    """What of the picture is looked at, beside the background there."""

    def __init__(self, now: Grey, before: Grey) -> None:
        light_now, light_before = _light(now), np.maximum(_light(before), 1)
        brighter = np.clip(light_now / light_before, 1, GAIN_MAX)
        steps = _steps(now, light_now)
        self._noise = float(np.median(steps))
        self._brought = steps - cv2.dilate(_steps(before, light_before), _NEAR) * brighter
        """How much steeper each pixel is than the background can be there, even at the light of now."""
        self._change = cv2.absdiff(now, before)

    def has_outline(self, region: Region) -> bool:
        """Whether enough edges lie in or around a region: steps as large as a thing that changed it so much would bring."""
        x1, y1, x2, y2 = region
        around = self._brought[max(y1 - MARGIN, 0) : y2 + MARGIN, max(x1 - MARGIN, 0) : x2 + MARGIN]
        change = self._change[y1:y2, x1:x2]
        typical = cv2.mean(change, np.asarray(change >= change.mean(), np.uint8))[0]
        step = min(STEP_MAX, max(STEP_SHARE * typical, STEP_NOISE * self._noise))
        return bool(np.count_nonzero(around >= step) >= OUTLINE_MIN * (x2 - x1 + y2 - y1))


def _light(grey: Grey) -> Floats:
    return np.asarray(cv2.blur(grey.astype(np.float32), _LIGHT_SIDE), np.float32)


def _steps(grey: Grey, light: Floats) -> Floats:
    """How much brightness changes from each pixel to the next, noise and the slopes of a beam smoothed away."""
    fine = cv2.subtract(cv2.GaussianBlur(grey, _SOFT, 0), light, dtype=cv2.CV_32F)
    along, down = cv2.Sobel(fine, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(fine, cv2.CV_32F, 0, 1, ksize=1)
    return np.asarray(np.abs(along) + np.abs(down), np.float32)
