"""What stands about and is none of the three classes: poles, trees, bins, boards, furniture, heaps. Called by street_pictures.py.

Without it a net learns that whatever stands out from the ground is a person or a vehicle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.street_painter import Colour, Painter, frustum_corners, on_face, placed
from training.street_people import Chance, cloth

Spot = tuple[float, float]


def paint_clutter(painter: Painter, rng: Chance, at: Spot) -> None:
    """One thing, chosen by chance, on the ground at `at`."""
    kinds = (_pole, _tree, _bush, _bin, _bin, _board, _table, _heap, _cone, _fence, _post)
    kinds[int(rng.integers(len(kinds)))](painter, rng, at)


def clutter_shadow(painter: Painter, mask: NDArray[np.uint8], rng: Chance, at: Spot) -> None:
    """A shadow without a figure: of a branch, a pole or a wall outside the picture."""
    size, turn = rng.uniform(0.2, 3.5, 2), rng.uniform(0, np.pi)
    corners = frustum_corners(low=(-size[0], size[0], -size[1], size[1]), high=(-size[0], size[0], -size[1], size[1]), z=(0, 0.01))
    painter.hull_shadow(mask, placed(corners, at=at, heading=turn))


def _rod(painter: Painter, at: Spot, z: tuple[float, float], radius: float, colour: Colour) -> None:
    painter.capsule(np.array([[at[0], at[1], z[0]], [at[0], at[1], z[1]]]), (radius, radius), colour)


def _pole(painter: Painter, rng: Chance, at: Spot) -> None:
    height, colour = rng.uniform(2.5, 7), cloth(rng)
    _rod(painter, at, (0, height), rng.uniform(0.04, 0.14), colour)
    if rng.random() < 0.5:
        reach = rng.uniform(-1.5, 1.5)
        painter.capsule(np.array([[at[0], at[1], height], [at[0] + reach, at[1], height + 0.2]]), (0.05, 0.08), colour)


def _post(painter: Painter, rng: Chance, at: Spot) -> None:
    """As tall as a person and as thin as a post, at times with a round or square head."""
    height, colour = rng.uniform(0.7, 2.2), cloth(rng)
    _rod(painter, at, (0, height), rng.uniform(0.04, 0.16), colour)
    if rng.random() < 0.5:
        painter.ball(np.array([at[0], at[1], height]), rng.uniform(0.08, 0.3), cloth(rng))


def _tree(painter: Painter, rng: Chance, at: Spot) -> None:
    height, spread = rng.uniform(2.5, 7), rng.uniform(0.6, 2.2)
    _rod(painter, at, (0, height), rng.uniform(0.08, 0.25), (40, 60, 80))
    _leaves(painter, rng, at, height, spread, int(rng.integers(12, 40)))


def _bush(painter: Painter, rng: Chance, at: Spot) -> None:
    _leaves(painter, rng, at, rng.uniform(0.3, 0.9), rng.uniform(0.4, 1.6), int(rng.integers(8, 30)))


def _leaves(painter: Painter, rng: Chance, at: Spot, height: float, spread: float, count: int) -> None:
    green = np.array([rng.uniform(20, 80), rng.uniform(60, 140), rng.uniform(30, 110)])
    for offset in rng.normal(0, spread * 0.5, (count, 3)):
        tint = np.clip(green * rng.uniform(0.5, 1.3), 5, 250)
        place = np.array([at[0] + offset[0], at[1] + offset[1], max(0.1, height + offset[2] * 0.6)])
        painter.ball(place, rng.uniform(0.12, 0.4) * spread, (float(tint[0]), float(tint[1]), float(tint[2])))


def _bin(painter: Painter, rng: Chance, at: Spot) -> None:
    size = rng.uniform(0.2, 1.0, 3) * (1, 1, 1.6)
    slope = rng.uniform(0.7, 1.05)
    low, z = (-size[0], size[0], -size[1], size[1]), (0.0, float(size[2]))
    corners = frustum_corners(low=low, high=(low[0] * slope, low[1] * slope, low[2] * slope, low[3] * slope), z=z)
    colour, other = cloth(rng), cloth(rng)
    for face in painter.frustum(placed(corners, at=at, heading=rng.uniform(0, 6.3)), colour):
        if rng.random() < 0.5:
            painter.face(on_face(face, *np.sort(rng.random(2)), *np.sort(rng.random(2))), other)


def _board(painter: Painter, rng: Chance, at: Spot) -> None:
    width, low, high = rng.uniform(0.3, 1.5), rng.uniform(0, 2.2), rng.uniform(0.4, 1.6)
    corners = frustum_corners(low=(-0.05, 0.05, -width, width), high=(-0.05, 0.05, -width, width), z=(low, low + high))
    if low > 0.3:
        _rod(painter, at, (0, low), 0.05, (120, 120, 120))
    for face in painter.frustum(placed(corners, at=at, heading=rng.uniform(0, 6.3)), cloth(rng)):
        for _ in range(int(rng.integers(0, 5))):
            painter.face(on_face(face, *np.sort(rng.random(2)), *np.sort(rng.random(2))), cloth(rng))


def _table(painter: Painter, rng: Chance, at: Spot) -> None:
    size, height, heading, colour = rng.uniform(0.25, 0.9, 2), rng.uniform(0.4, 0.9), rng.uniform(0, 6.3), cloth(rng)
    for x in (-1, 1):
        for y in (-1, 1):
            foot = placed(np.array([[x * size[0] * 0.9, y * size[1] * 0.9, 0.0]]), at=at, heading=heading)[0]
            _rod(painter, (float(foot[0]), float(foot[1])), (0, height), 0.03, colour)
    low = (-size[0], size[0], -size[1], size[1])
    painter.frustum(placed(frustum_corners(low=low, high=low, z=(height, height + 0.06)), at=at, heading=heading), colour)


def _heap(painter: Painter, rng: Chance, at: Spot) -> None:
    for _ in range(int(rng.integers(1, 6))):
        ends = np.array([at[0], at[1], 0.2]) + rng.normal(0, 0.35, (2, 3))
        ends[:, 2] = np.abs(ends[:, 2])
        painter.capsule(ends, (rng.uniform(0.05, 0.3), rng.uniform(0.05, 0.3)), cloth(rng))


def _cone(painter: Painter, rng: Chance, at: Spot) -> None:
    height = rng.uniform(0.4, 0.9)
    painter.capsule(np.array([[at[0], at[1], 0.05], [at[0], at[1], height]]), (0.16, 0.03), (30, 90, 235))
    painter.capsule(np.array([[at[0], at[1], height * 0.5], [at[0], at[1], height * 0.65]]), (0.1, 0.08), (230, 230, 230))


def _fence(painter: Painter, rng: Chance, at: Spot) -> None:
    way, colour, height = rng.uniform(0, np.pi), cloth(rng), rng.uniform(0.6, 1.8)
    step = rng.uniform(0.15, 1.2)
    along = np.array([np.cos(way), np.sin(way)])
    count = int(rng.integers(4, 16))
    for index in range(count):
        spot = np.array(at) + along * (index - count / 2) * step
        _rod(painter, (float(spot[0]), float(spot[1])), (0, height), 0.025, colour)
    ends = [np.array([*(np.array(at) + along * side * count / 2 * step), height]) for side in (-1, 1)]
    painter.capsule(np.stack(ends), (0.03, 0.03), colour)
