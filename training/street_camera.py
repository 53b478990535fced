"""A pinhole camera above flat ground: where a point of the world lies in the picture, and the other way round.

World: metres, x to the right, y away from the camera, z up; ground is z = 0. Picture: pixels, u to the right, v down. Called by every other
`street_` module of the renderer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

DEPTH_MIN_M = 0.25
"""Nearer than this nothing is painted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Stands over the origin."""

    width: int
    height: int
    height_m: float
    """Over the ground."""
    pitch: float
    """Radians looked down: 0 along the ground, pi / 2 straight down."""
    focal: float
    """Pixels."""

    @property
    def place(self) -> Points:
        """Its position in the world."""
        return np.array([0.0, 0.0, self.height_m])

    @property
    def horizon(self) -> float:
        """The v of the horizon; far above the picture when the camera looks down."""
        return self.height / 2 - self.focal * float(np.tan(min(self.pitch, 1.5)))

    def project(self, points: Points) -> tuple[Points, Points]:
        """N x 3 points as N x 2 pixels, and their depths in metres; pixels of points behind the camera mean nothing."""
        sine, cosine = np.sin(self.pitch), np.cos(self.pitch)
        below = self.height_m - points[:, 2]
        depth = points[:, 1] * cosine + below * sine
        down = below * cosine - points[:, 1] * sine
        factor = self.focal / np.maximum(depth, DEPTH_MIN_M)
        return np.stack([self.width / 2 + points[:, 0] * factor, self.height / 2 + down * factor], axis=1), depth

    def on_ground(self, u: Points, v: Points) -> tuple[Points, Points, NDArray[np.bool_]]:
        """The x and y of the ground seen at pixels, and where ground is seen at all."""
        right, down = (u - self.width / 2) / self.focal, (v - self.height / 2) / self.focal
        sine, cosine = np.sin(self.pitch), np.cos(self.pitch)
        fall = sine + down * cosine
        seen = fall > 1e-3
        reach = self.height_m / np.where(seen, fall, 1.0)
        return right * reach, reach * (cosine - down * sine), seen
