"""Cars, vans, buses and lorries as frustums with windows, wheels and lamps. Called by street_pictures.py."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.street_camera import Points
from training.street_painter import FACES, Colour, Painter, frustum_corners, on_face, placed, shaded
from training.street_people import Chance

PAINTS: tuple[Colour, ...] = (
    (235, 235, 235), (200, 200, 205), (150, 152, 155), (90, 92, 95), (35, 35, 38), (25, 25, 28),
    (40, 40, 170), (140, 70, 30), (60, 100, 50), (60, 190, 220), (40, 110, 200), (180, 150, 110),
)  # fmt: skip
TYRE: Colour = (25, 25, 27)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solid:
    """One frustum of a vehicle."""

    corners: Points
    colour: Colour
    glass: tuple[tuple[float, float, float, float], ...] = ()
    """Windows on each upright face, as left, right, bottom, top shares."""
    long_glass: tuple[tuple[float, float, float, float], ...] = ()
    """Windows on the two sides."""
    lamps: bool = False


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Solids from the ground up, and wheels as x, half width, radius."""

    length: float
    width: float
    height: float
    solids: list[Solid] = field(default_factory=list)
    wheels: list[tuple[float, float, float]] = field(default_factory=list)


def vehicle(rng: Chance) -> Vehicle:
    """A car in six of ten cases, else a van, a bus or a lorry."""
    kind = rng.random()
    if kind < 0.62:
        return _car(rng)
    if kind < 0.76:
        return _van(rng)
    return _lorry(rng) if kind < 0.9 else _bus(rng)


def _paint(rng: Chance) -> Colour:
    base = np.array(PAINTS[rng.integers(len(PAINTS))]) if rng.random() < 0.85 else rng.uniform(10, 240, 3)
    tint = np.clip(base + rng.normal(0, 12, 3), 8, 250)
    return (float(tint[0]), float(tint[1]), float(tint[2]))


def _car(rng: Chance) -> Vehicle:
    length, width, paint = rng.uniform(3.7, 4.9), rng.uniform(1.65, 1.9), _paint(rng)
    waist, roof = rng.uniform(0.78, 0.95), rng.uniform(1.4, 1.75)
    half, side = length / 2, width / 2
    nose, tail = rng.uniform(0.2, 0.27) * length, rng.uniform(0.05, 0.2) * length * rng.choice((0.2, 1))
    rake_front, rake_back = rng.uniform(0.3, 0.8), rng.uniform(0.15, 0.7)
    low = frustum_corners(low=(-half, half, -side, side), high=(-half + 0.08, half - 0.12, -side * 0.96, side * 0.96), z=(0.22, waist))
    cabin = frustum_corners(
        low=(-half + tail + 0.05, half - nose, -side * 0.93, side * 0.93),
        high=(-half + tail + rake_back, half - nose - rake_front, -side * 0.75, side * 0.75),
        z=(waist, roof),
    )
    pillars = ((0.06, 0.48, 0.12, 0.88), (0.52, 0.94, 0.12, 0.88))
    solids = [Solid(corners=low, colour=paint, lamps=True)]
    solids.append(Solid(corners=cabin, colour=paint, glass=((0.06, 0.94, 0.08, 0.9),), long_glass=pillars))
    return Vehicle(length, width, roof, solids, [(half * 0.62, side, 0.32), (-half * 0.62, side, 0.32)])


def _van(rng: Chance) -> Vehicle:
    length, width, paint = rng.uniform(4.4, 5.8), rng.uniform(1.8, 2.1), _paint(rng)
    half, side, roof = length / 2, width / 2, rng.uniform(1.8, 2.6)
    low = frustum_corners(low=(-half, half, -side, side), high=(-half, half - 0.15, -side, side), z=(0.25, 1.0))
    rear = rng.uniform(0.0, 0.1)
    high = frustum_corners(
        low=(-half, half - 0.5, -side, side), high=(-half + rear, half - rng.uniform(0.9, 1.3), -side * 0.9, side * 0.9), z=(1.0, roof)
    )
    panes = ((0.7, 0.95, 0.15, 0.75),) if rng.random() < 0.5 else ((0.05, 0.3, 0.2, 0.8), (0.35, 0.62, 0.2, 0.8), (0.68, 0.95, 0.2, 0.8))
    solids = [Solid(corners=low, colour=paint, lamps=True)]
    solids.append(Solid(corners=high, colour=paint, glass=((0.08, 0.92, 0.1, 0.85),), long_glass=panes))
    return Vehicle(length, width, roof, solids, [(half * 0.62, side, 0.34), (-half * 0.6, side, 0.34)])


def _bus(rng: Chance) -> Vehicle:
    length, width, roof, paint = rng.uniform(7, 12), 2.5, rng.uniform(2.7, 3.3), _paint(rng)
    half, side, count = length / 2, width / 2, int(rng.integers(4, 8))
    body = frustum_corners(low=(-half, half, -side, side), high=(-half, half - 0.1, -side * 0.97, side * 0.97), z=(0.35, roof))
    panes = tuple((0.03 + index / count, 0.03 + (index + 0.85) / count - 0.03, 0.42, 0.82) for index in range(count))
    solid = Solid(corners=body, colour=paint, glass=((0.06, 0.94, 0.35, 0.85),), long_glass=panes, lamps=True)
    return Vehicle(length, width, roof, [solid], [(half * 0.65, side, 0.48), (-half * 0.6, side, 0.48)])


def _lorry(rng: Chance) -> Vehicle:
    length, width, roof, paint = rng.uniform(5.5, 11), rng.uniform(2.1, 2.5), rng.uniform(2.4, 3.8), _paint(rng)
    half, side = length / 2, width / 2
    cab_top = min(roof, rng.uniform(2.2, 2.9))
    deck = frustum_corners(low=(-half, half, -side * 0.8, side * 0.8), high=(-half, half, -side * 0.8, side * 0.8), z=(0.5, 0.95))
    cab = frustum_corners(low=(half - 1.8, half, -side, side), high=(half - 1.8, half - 0.25, -side * 0.95, side * 0.95), z=(0.6, cab_top))
    load_top = roof if rng.random() < 0.75 else rng.uniform(1.3, 1.8)
    load = frustum_corners(low=(-half, half - 2.0, -side, side), high=(-half, half - 2.0, -side, side), z=(0.95, load_top))
    solids = [Solid(corners=deck, colour=(45, 45, 48)), Solid(corners=load, colour=_paint(rng))]
    front = Solid(corners=cab, colour=paint, glass=((0.08, 0.92, 0.5, 0.9),), long_glass=((0.3, 0.85, 0.5, 0.9),), lamps=True)
    wheels = [(half * 0.72, side, 0.45), (-half * 0.55, side, 0.45), (-half * 0.78, side, 0.45)]
    return Vehicle(length, width, roof, [*solids, front], wheels)


def paint_vehicle(painter: Painter, rng: Chance, what: Vehicle, *, at: tuple[float, float], heading: float, label: int) -> None:
    """Paint the solids from the ground up, those of one height the farthest first; then wheels on the side that is seen."""
    eye = painter.camera.place
    ready = [(placed(solid.corners, at=at, heading=heading), solid) for solid in what.solids]
    if len(ready) > 2:
        ready[1:] = sorted(ready[1:], key=lambda pair: -float(np.linalg.norm(pair[0].mean(axis=0) - eye)))
    _paint_solid(painter, rng, *ready[0], label=label)
    _paint_wheels(painter, what, at=at, heading=heading, label=label)
    for corners, solid in ready[1:]:
        _paint_solid(painter, rng, corners, solid, label=label)


def _paint_solid(painter: Painter, rng: Chance, corners: Points, solid: Solid, *, label: int) -> None:
    glass = shaded((80, 70, 60), rng.uniform(0.3, 2.2))
    for number, indices in enumerate(FACES):
        face = corners[list(indices)]
        normal = painter.facing(face)
        if normal is None:
            continue
        painter.face(face, painter.lit(solid.colour, normal), label)
        if number == 4:
            painter.face(on_face(face, 0.06, 0.94, 0.06, 0.94), shaded(painter.lit(solid.colour, normal), 1.06), label)
            continue
        for pane in solid.long_glass if number in (1, 3) else solid.glass:
            painter.face(on_face(face, *pane), painter.lit(glass, normal), label)
        if solid.lamps:
            _paint_ends(painter, rng, face, number, label)


def _paint_ends(painter: Painter, rng: Chance, face: Points, number: int, label: int) -> None:
    painter.face(on_face(face, 0.0, 1.0, 0.0, 0.12), (35, 35, 38), label)
    if number in (1, 3):
        for edge in (0.36, 0.63):
            painter.face(on_face(face, edge, edge + 0.012, 0.15, 1.0), (40, 40, 42), label)
        return
    bright = rng.random() < 0.3
    lamp: Colour = ((240, 250, 255) if bright else (190, 200, 205)) if number == 0 else ((60, 60, 250) if bright else (40, 40, 140))
    top = rng.uniform(0.6, 0.9)
    for left in (0.03, 0.8):
        painter.face(on_face(face, left, left + 0.17, top - 0.25, top), lamp, label)
    painter.face(on_face(face, 0.36, 0.64, 0.2, 0.36), (200, 200, 200) if rng.random() < 0.6 else (140, 90, 40), label)
    if number == 0:
        painter.face(on_face(face, 0.25, 0.75, 0.42, 0.7), (50, 50, 52), label)


def _paint_wheels(painter: Painter, what: Vehicle, *, at: tuple[float, float], heading: float, label: int) -> None:
    turn = np.linspace(0, 2 * np.pi, 13)[:-1]
    for x, half, radius in what.wheels:
        for side in (-1, 1):
            outward = placed(np.array([[0.0, side, 0.0]]), at=(0.0, 0.0), heading=heading)[0]
            spot = placed(np.array([[x, side * (half + 0.01), radius]]), at=at, heading=heading)[0]
            if float(outward @ (painter.camera.place - spot)) <= 0:
                continue
            for share, colour in ((1.0, TYRE), (0.55, (130.0, 130.0, 132.0))):
                along, up = x + np.cos(turn) * radius * share, radius + np.sin(turn) * radius * share
                rim = np.stack([along, np.full(12, side * (half + 0.01)), up], axis=1)
                painter.face(placed(rim, at=at, heading=heading), colour, label)


def vehicle_shadow(painter: Painter, mask: NDArray[np.uint8], what: Vehicle, *, at: tuple[float, float], heading: float) -> None:
    """Its shadow on the ground, and the dark under it."""
    for solid in what.solids:
        painter.hull_shadow(mask, placed(solid.corners, at=at, heading=heading))
    under = placed(what.solids[0].corners[:4] * np.array([1.0, 1.04, 0.0]), at=at, heading=heading)
    painter.hull_shadow(mask, under)
