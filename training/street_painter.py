"""Paints solids of the world into a picture and a label map: capsules, frustums, flat faces, and their shadows.

Owns light, projection and extents; knows no figure. Called by street_people.py, street_vehicles.py and street_clutter.py.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.street_camera import DEPTH_MIN_M, Camera, Points

Colour = tuple[float, float, float]
"""Blue, green, red, each 0-255."""

_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 11)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 11)[:-1])], axis=1)
_FIX = 16.0
"""cv2 takes sixteenths of a pixel with shift 4."""
FACES = ((0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (4, 5, 6, 7))
"""Corners of a frustum's front, left, back, right and top, turning so that normals point out."""


def shaded(colour: Colour, factor: float) -> Colour:
    """A colour made darker or brighter."""
    return (min(255.0, colour[0] * factor), min(255.0, colour[1] * factor), min(255.0, colour[2] * factor))


class Painter:
    """A picture being painted, back to front. `label` 1-255 marks a figure, 0 nothing that is to be found."""

    def __init__(self, pixels: NDArray[np.uint8], camera: Camera, sun: Points, ambient: float) -> None:
        self.pixels = pixels
        self.labels: NDArray[np.uint8] = np.zeros(pixels.shape[:2], np.uint8)
        self.camera = camera
        self._sun = sun / np.linalg.norm(sun)
        self._ambient = ambient
        self._extent: list[Points] = []

    def begin(self) -> None:
        """A new figure: forget the extent of the one before."""
        self._extent = []

    def extent(self) -> tuple[float, float, float, float] | None:
        """x1, y1, x2, y2 of what was painted since `begin`, not cut at the edge; None when nothing was."""
        if not self._extent:
            return None
        points = np.concatenate(self._extent)
        (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
        return float(x1), float(y1), float(x2), float(y2)

    def lit(self, colour: Colour, normal: Points) -> Colour:
        """The colour of a face with this normal."""
        return shaded(colour, self._ambient + (1.15 - self._ambient) * max(0.0, float(normal @ self._sun)))

    def capsule(self, ends: Points, radii: tuple[float, float], colour: Colour, label: int = 0) -> None:
        """A rod with round ends: `ends` 2 x 3; brighter towards the sun."""
        outline = self._rod(ends, radii)
        if outline is None:
            return
        self._fill(outline, shaded(colour, self._ambient + 0.1), label)
        toward = np.array([self._sun[0], -self._sun[2]]) * (outline.max(axis=0) - outline.min(axis=0)).min() * 0.14
        middle = outline.mean(axis=0)
        self._fill((outline - middle) * 0.72 + middle + toward, shaded(colour, 1.02), label, count=False)

    def ball(self, centre: Points, radius: float, colour: Colour, label: int = 0) -> None:
        """A sphere."""
        self.capsule(np.stack([centre, centre]), (radius, radius), colour, label)

    def face(self, corners: Points, colour: Colour, label: int = 0) -> None:
        """A flat convex polygon, N x 3, seen from either side."""
        pixels, depth = self.camera.project(corners)
        if depth.min() > DEPTH_MIN_M:
            self._fill(pixels, colour, label)

    def frustum(self, corners: Points, colour: Colour, label: int = 0) -> list[Points]:
        """A solid of 8 corners (bottom four, then top four); its faces that the camera sees, as corners."""
        seen = []
        for indices in FACES:
            face = corners[list(indices)]
            if (normal := self.facing(face)) is not None:
                self.face(face, self.lit(colour, normal), label)
                seen.append(face)
        return seen

    def facing(self, face: Points) -> Points | None:
        """The normal of a face, None when the camera sees its back."""
        normal = np.cross(face[1] - face[0], face[2] - face[0])
        size = float(np.linalg.norm(normal))
        if size < 1e-9 or float(normal @ (self.camera.place - face[0])) <= 0:
            return None
        unit: Points = normal / size
        return unit

    def rod_shadow(self, mask: NDArray[np.uint8], ends: Points, radii: tuple[float, float]) -> None:
        """The shadow of a capsule on the ground."""
        outline = self._rod(self._cast(ends), radii)
        if outline is not None:
            cv2.fillConvexPoly(mask, _fixed(outline), 255, cv2.LINE_8, 4)

    def hull_shadow(self, mask: NDArray[np.uint8], corners: Points) -> None:
        """The shadow of a solid on the ground."""
        pixels, depth = self.camera.project(self._cast(corners))
        if depth.min() > DEPTH_MIN_M:
            hull = cv2.convexHull(pixels.astype(np.float32))[:, 0]
            cv2.fillConvexPoly(mask, _fixed(hull), 255, cv2.LINE_8, 4)

    def _cast(self, points: Points) -> Points:
        fall = points[:, 2:] / max(float(self._sun[2]), 0.2)
        on_ground = points - fall * self._sun
        on_ground[:, 2] = 0
        return on_ground

    def _rod(self, ends: Points, radii: tuple[float, float]) -> Points | None:
        pixels, depth = self.camera.project(ends)
        if depth.min() <= DEPTH_MIN_M:
            return None
        size = self.camera.focal * np.array(radii) / depth
        circles = np.concatenate([pixels[0] + _CIRCLE * size[0], pixels[1] + _CIRCLE * size[1]])
        outline: Points = cv2.convexHull(circles.astype(np.float32))[:, 0].astype(np.float64)
        return outline

    def _fill(self, outline: Points, colour: Colour, label: int, *, count: bool = True) -> None:
        points = _fixed(outline)
        cv2.fillConvexPoly(self.pixels, points, colour, cv2.LINE_8, 4)
        if count:
            cv2.fillConvexPoly(self.labels, points, label, cv2.LINE_8, 4)
            self._extent.append(outline)


def _fixed(outline: Points) -> NDArray[np.int32]:
    return np.round(np.clip(outline, -20_000, 20_000) * _FIX).astype(np.int32)


def frustum_corners(*, low: tuple[float, float, float, float], high: tuple[float, float, float, float], z: tuple[float, float]) -> Points:
    """Eight local corners: `low` and `high` are back, front, left and right of the bottom and of the top, along x and y."""
    bottom = [(low[0], low[2]), (low[0], low[3]), (low[1], low[3]), (low[1], low[2])]
    top = [(high[0], high[2]), (high[0], high[3]), (high[1], high[3]), (high[1], high[2])]
    corners = np.array([(x, y, z[0]) for x, y in bottom] + [(x, y, z[1]) for x, y in top])
    # Turned so that the normals of FACES point out.
    return corners[[3, 2, 1, 0, 7, 6, 5, 4]]


def placed(local: Points, *, at: tuple[float, float], heading: float) -> Points:
    """Local points (x ahead, y to the left, z up) in the world."""
    sine, cosine = np.sin(heading), np.cos(heading)
    x, y = local[:, 0] * cosine - local[:, 1] * sine, local[:, 0] * sine + local[:, 1] * cosine
    return np.stack([x + at[0], y + at[1], local[:, 2]], axis=1)


def on_face(face: Points, left: float, right: float, bottom: float, top: float) -> Points:
    """A part of a four-cornered face, as shares of its width and height; corners 0-1 are its bottom edge."""
    def point(across: float, up: float) -> Points:
        low = face[0] * (1 - across) + face[1] * across
        high = face[3] * (1 - across) + face[2] * across
        spot: Points = low * (1 - up) + high * up
        return spot

    return np.stack([point(left, bottom), point(right, bottom), point(right, top), point(left, top)])
