"""The ground plane of a camera: from a point of the picture to metres on the ground, by a plain scale or by four known points.

Own numpy. Called by edge_ai/spec.py for its bounds and by edge_ai/rules for speed. Source of the four-point map: Hartley and Zisserman,
Multiple View Geometry, 2nd edition, section 4.1 (direct linear transformation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ai.errors import SpecError

Point = tuple[float, float]
DEPTH_MIN = 1e-9
"""Depth at which a point counts as on the horizon."""
CORNERS = 4
SIZE_M_MAX = 10_000.0
"""Metres that a picture may show; more is a slip of the hand."""
CONDITION_MAX = 1e9
"""Four points whose equations are worse than this lie on a line, or on one another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundSpec:
    """What is known of the ground: the metres across and down the whole picture (seen from above), or four points and where they lie."""

    size_m: tuple[float, ...] = ()
    """Metres per width and per height of the picture; empty with four points."""
    picture: tuple[Point, ...] = ()
    """Four points in shares of the picture."""
    metres: tuple[Point, ...] = ()
    """The same four points on the ground."""

    def __post_init__(self) -> None:
        """Refuse what gives no map."""
        Ground(self)


class Ground:
    """The map of one camera. Raises SpecError when the points do not fix one."""

    def __init__(self, spec: GroundSpec) -> None:
        self._map = _scaled(spec.size_m) if spec.size_m else _four_points(spec.picture, spec.metres)

    def metres(self, point: Point) -> Point | None:
        """Where `point` (shares) lies on the ground; None at or beyond the horizon."""
        x, y, depth = self._map @ np.array([point[0], point[1], 1.0])
        if abs(depth) < DEPTH_MIN or float(depth) * self._near < 0:
            return None
        return float(x / depth), float(y / depth)

    @property
    def _near(self) -> float:
        """The sign of depth on the near side of the horizon: that of the lowest part of the picture."""
        return float(self._map[2] @ np.array([0.5, 1.0, 1.0]))


def _scaled(size_m: Sequence[float]) -> NDArray[np.float64]:
    if len(size_m) != 2 or not all(0 < value <= SIZE_M_MAX for value in size_m):
        raise SpecError(
            f"ground size_m {list(size_m)} refused: give the metres across and down the picture, each above 0, at most {SIZE_M_MAX:g}"
        )
    return np.diag([size_m[0], size_m[1], 1.0])


def _four_points(picture: Sequence[Point], metres: Sequence[Point]) -> NDArray[np.float64]:
    if len(picture) != CORNERS or len(metres) != CORNERS:
        raise SpecError(
            f"ground with {len(picture)} points in the picture and {len(metres)} in metres refused: give four of each, or size_m"
        )
    if not all(abs(value) <= SIZE_M_MAX for point in metres for value in point):
        raise SpecError(f"ground refused: a point lies farther than {SIZE_M_MAX:g} metres")
    rows = []
    for (x, y), (east, north) in zip(picture, metres, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -east * x, -east * y])
        rows.append([0, 0, 0, x, y, 1, -north * x, -north * y])
    matrix = np.array(rows, np.float64)
    if np.linalg.cond(matrix) > CONDITION_MAX:
        raise SpecError(
            "ground refused: three of its four points lie on one line, or two are the same: choose corners of a rectangle on the ground"
        )
    solved = np.linalg.solve(matrix, np.array([value for point in metres for value in point], np.float64))
    return np.append(solved, 1.0).reshape(3, 3)
