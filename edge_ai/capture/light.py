"""Tells light from things: a headlight's beam or a cloud's shadow makes what it falls on brighter or darker, and draws no edge of its own.

A thing that came has an outline, which is a row of edges that the background has not, however much brighter the place became. The ghost
that somebody leaves in the background has none either. A wide beam is one region with all who stand in it: there each cluster of edges is
a thing. Looked at in the gate's reduced picture, and only while something is large enough to be judged. Called by gate.py.
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
BEAM_PIXELS = 1800
"""Reduced pixels, a tenth of the picture, from which a region may be a beam in which things stand."""
FILLS_MIN = 0.4
"""Share of such a region that its edges must span for it to be one thing."""
MARGIN = 2
"""Pixels around a region in which its outline may lie."""
REACH = MARGIN + 4
"""Pixels around all that is judged that are looked at, so that the light near its edges is known."""
GAIN_MIN = 0.2
"""Share of its light by which a place that a beam reaches becomes brighter or darker."""
GAIN_MAX = 8.0
"""Times by which light may lift the background's own edges."""
_SPARSE = 4
"""Every so manieth pixel along and across tells whether a place is lit."""
_LIGHT_SIDE = (9, 9)
_SOFT = (3, 3)
_NEAR = np.ones((3, 3), np.uint8)
_CLUSTER = np.ones((9, 9), np.uint8)

Grey = NDArray[np.uint8]
Region = tuple[int, int, int, int]
"""x1, y1, x2, y2 in reduced pixels."""


def without_light(regions: list[Region], now: Grey, background: Floats) -> list[Region]:
    """The regions of the reduced picture `now` but for those that differ from the background by their light alone.

    A region that is a beam with things in it gives way to those things.
    """
    judged = [region for region in regions if _pixels(region) >= PIXELS_MIN]
    if not judged:
        return regions
    corners = np.array(judged)
    left, top = np.maximum(corners[:, :2].min(axis=0) - REACH, 0).tolist()
    right, bottom = (corners[:, 2:].max(axis=0) + REACH).tolist()
    part = Part(now[top:bottom, left:right], np.asarray(cv2.convertScaleAbs(background[top:bottom, left:right]), np.uint8))
    kept: list[Region] = []
    for region in regions:
        is_judged = _pixels(region) >= PIXELS_MIN
        kept += [_moved(thing, left, top) for thing in part.things(_moved(region, -left, -top))] if is_judged else [region]
    return kept


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
        self._gain = light_now / light_before
        brighter = np.clip(self._gain, 1, GAIN_MAX)
        steps = _steps(now, light_now)
        self._noise = float(np.median(steps))
        self._brought = steps - cv2.dilate(_steps(before, light_before), _NEAR) * brighter
        """How much steeper each pixel is than the background can be there, even at the light of now."""
        self._change = cv2.absdiff(now, before)

    def things(self, region: Region) -> list[Region]:
        """The region where it is a thing; else, where it is as large as a beam, the things that stand in it."""
        x1, y1, x2, y2 = region
        left, top = max(x1 - MARGIN, 0), max(y1 - MARGIN, 0)
        edges = self._brought[top : y2 + MARGIN, left : x2 + MARGIN] >= self._step(region)
        is_thing = _is_outline(edges, region)
        if _pixels(region) < BEAM_PIXELS or not self._is_lit(region):
            return [region] if is_thing else []
        within = [_moved(thing, left, top) for thing in _clusters(edges.astype(np.uint8))]
        if is_thing and _pixels(_hull(within)) >= FILLS_MIN * _pixels(region):
            return [region]
        return within

    def _is_lit(self, region: Region) -> bool:
        """Whether most of a region became brighter or darker."""
        x1, y1, x2, y2 = region
        gain = self._gain[y1:y2:_SPARSE, x1:x2:_SPARSE]
        return bool(np.count_nonzero(np.abs(gain - 1) >= GAIN_MIN) >= gain.size / 2)

    def _step(self, region: Region) -> float:
        """Grey levels of a step as large as a thing that changed the region so much would bring."""
        x1, y1, x2, y2 = region
        change = self._change[y1:y2, x1:x2]
        typical = cv2.mean(change, np.asarray(change >= change.mean(), np.uint8))[0]
        return min(STEP_MAX, max(STEP_SHARE * typical, STEP_NOISE * self._noise))


def _is_outline(edges: NDArray[np.bool_] | Grey, region: Region) -> bool:
    x1, y1, x2, y2 = region
    return int(np.count_nonzero(edges)) >= OUTLINE_MIN * (x2 - x1 + y2 - y1)


def _clusters(edges: Grey) -> list[Region]:
    """Where edges lie so near to each other that they are the outline of one thing."""
    contours, _ = cv2.findContours(cv2.morphologyEx(edges, cv2.MORPH_CLOSE, _CLUSTER), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found: list[Region] = []
    for x, y, width, height in map(cv2.boundingRect, contours):
        thing = (x, y, x + width, y + height)
        if _pixels(thing) >= PIXELS_MIN and _is_outline(edges[y : y + height, x : x + width], thing):
            found.append(thing)
    return found


def _hull(regions: list[Region]) -> Region:
    """What holds all of them; nothing where there is none."""
    if not regions:
        return 0, 0, 0, 0
    corners = np.array(regions)
    x1, y1 = corners[:, :2].min(axis=0).tolist()
    x2, y2 = corners[:, 2:].max(axis=0).tolist()
    return x1, y1, x2, y2


def _light(grey: Grey) -> Floats:
    return np.asarray(cv2.blur(grey.astype(np.float32), _LIGHT_SIDE), np.float32)


def _steps(grey: Grey, light: Floats) -> Floats:
    """How much brightness changes from each pixel to the next, noise and the slopes of a beam smoothed away."""
    fine = cv2.subtract(cv2.GaussianBlur(grey, _SOFT, 0), light, dtype=cv2.CV_32F)
    along, down = cv2.Sobel(fine, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(fine, cv2.CV_32F, 0, 1, ksize=1)
    return np.asarray(np.abs(along) + np.abs(down), np.float32)
