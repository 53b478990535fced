"""Persons and two-wheelers as rods and balls, in many poses, clothes and sizes. Called by street_pictures.py."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from training.street_camera import Points
from training.street_painter import Colour, Painter, placed

Rod = tuple[Points, tuple[float, float], Colour]
"""Ends in local metres (x ahead, y left, z up), radii, colour."""
Wheel = tuple[Points, float, Colour]
"""Local centre, radius, colour of the tyre."""
Chance = np.random.Generator
SKINS: tuple[Colour, ...] = ((140, 170, 215), (120, 150, 200), (90, 120, 170), (60, 80, 120), (160, 190, 230))


def cloth(rng: Chance) -> Colour:
    """A colour of clothes: often grey or dark, at times bright."""
    if rng.random() < 0.55:
        base = rng.uniform(15, 230 if rng.random() < 0.35 else 110)
        tint = rng.uniform(-18, 18, 3)
        return (max(5.0, base + tint[0]), max(5.0, base + tint[1]), max(5.0, base + tint[2]))
    bright = rng.uniform(10, 245, 3)
    return (float(bright[0]), float(bright[1]), float(bright[2]))


def _rod(start: Iterable[float], end: Iterable[float], first: float, second: float, colour: Colour) -> Rod:
    return np.array([list(start), list(end)], float), (first, second), colour


def person(rng: Chance) -> list[Rod]:
    """A standing, walking or bent person of 1.1 to 1.95 m."""
    size = rng.uniform(1.55, 1.95) if rng.random() < 0.88 else rng.uniform(1.0, 1.4)
    stout = rng.uniform(0.85, 1.3)
    coat, trousers, skin = cloth(rng), cloth(rng), SKINS[rng.integers(len(SKINS))]
    hair = SKINS[3] if rng.random() < 0.2 else (20.0, 22.0, 28.0) if rng.random() < 0.75 else cloth(rng)
    lean = rng.normal(0, 0.05) if rng.random() < 0.92 else rng.uniform(0.2, 0.5)
    rods = _legs(rng, trousers, skin if rng.random() < 0.15 else trousers)
    rods += _trunk(rng, coat, trousers, stout, lean)
    rods += _arms(rng, coat if rng.random() < 0.75 else skin, skin, lean)
    head = np.array([lean * 1.3 + 0.02, 0, 0.915])
    rods.append((np.stack([head - np.array([0, 0, 0.07]), head - np.array([0, 0, 0.05])]), (0.032, 0.032), skin))
    rods.append((np.stack([head, head + np.array([0, 0, 0.02])]), (0.052, 0.055), skin))
    rods.append((np.stack([head + np.array([-0.016, 0, 0.02]), head + np.array([-0.016, 0, 0.03])]), (0.056, 0.056), hair))
    if rng.random() < 0.3:
        rods.append(_bag(rng))
    return [(ends * size, (radii[0] * size, radii[1] * size), colour) for ends, radii, colour in rods]


def _legs(rng: Chance, trousers: Colour, calf: Colour) -> list[Rod]:
    walking = rng.random() < 0.7
    swing = rng.uniform(-0.42, 0.42) if walking else rng.normal(0, 0.04)
    shoe, thick = cloth(rng), rng.uniform(0.9, 1.25)
    rods: list[Rod] = []
    for side in (-1, 1):
        angle = side * swing
        knee = (np.sin(angle) * 0.25, side * 0.05, 0.5 - np.cos(angle) * 0.23)
        bend = angle - (rng.uniform(0, 0.5) if walking and side * swing < 0 else 0.0)
        foot = (knee[0] + np.sin(bend) * 0.24, side * 0.05, max(0.03, knee[2] - np.cos(bend) * 0.24))
        rods.append(_rod((0, side * 0.045, 0.5), knee, 0.055 * thick, 0.042 * thick, trousers))
        rods.append(_rod(knee, foot, 0.042 * thick, 0.03 * thick, calf))
        rods.append(_rod(foot, (foot[0] + 0.075, foot[1], foot[2] - 0.005), 0.028, 0.022, shoe))
    return rods


def _trunk(rng: Chance, coat: Colour, trousers: Colour, stout: float, lean: float) -> list[Rod]:
    long = rng.random() < 0.2
    hem = rng.uniform(0.25, 0.42) if long else 0.5
    width = 0.06 * stout
    rods: list[Rod] = []
    for side in (-1, 1):
        rods.append(_rod((0, side * width * 0.8, 0.52), (0, side * width * 0.8, 0.56), 0.07 * stout, 0.07 * stout, trousers))
        waist = 0.075 * stout if not long else rng.uniform(0.08, 0.12)
        rods.append(_rod((0, side * width * 0.8, hem), (lean, side * width, 0.77), waist, 0.068 * stout, coat))
    if rng.random() < 0.25:
        rods.append(_rod((0.04, 0, 0.6), (lean + 0.035, 0, 0.78), 0.04, 0.045, cloth(rng)))
    return rods


def _arms(rng: Chance, sleeve: Colour, skin: Colour, lean: float) -> list[Rod]:
    rods: list[Rod] = []
    swing = rng.uniform(-0.5, 0.5)
    for side in (-1, 1):
        angle = -side * swing if rng.random() < 0.85 else rng.uniform(-0.3, 2.6)
        shoulder = np.array([lean, side * 0.125, 0.8])
        elbow = shoulder + np.array([np.sin(angle) * 0.16, side * 0.02, -np.cos(angle) * 0.17])
        bent = angle + rng.uniform(0, 1.4 if rng.random() < 0.3 else 0.4)
        hand = elbow + np.array([np.sin(bent) * 0.15, -side * 0.01, -np.cos(bent) * 0.15])
        rods.append(_rod(shoulder, elbow, 0.036, 0.03, sleeve))
        rods.append(_rod(elbow, hand, 0.03, 0.024, sleeve))
        rods.append(_rod(hand, hand, 0.025, 0.025, skin))
    return rods


def _bag(rng: Chance) -> Rod:
    back = rng.random() < 0.5
    place = (-0.11, 0.0, 0.62) if back else (0.0, 0.17 * rng.choice((-1, 1)), 0.42)
    top = (place[0], place[1], place[2] + rng.uniform(0.05, 0.16))
    return _rod(place, top, 0.07, 0.06, cloth(rng))


def two_wheeler(rng: Chance) -> tuple[list[Rod], list[Wheel]]:
    """A bicycle or a motor scooter, mostly with its rider: rods, and wheels as centre, radius, colour."""
    heavy = rng.random() < 0.5
    radius, reach = (0.27, 0.62) if heavy else (0.33, 0.53)
    tyre: Colour = (25, 25, 28)
    paint = cloth(rng)
    wheels = [(np.array([way * reach, 0, radius]), radius, tyre) for way in (-1, 1)]
    bar = (reach - 0.12, 0, 1.02)
    rods = [_rod((reach, 0, radius), bar, 0.03, 0.025, paint)]
    rods.append(_rod((bar[0] - 0.05, -0.28, 1.02), (bar[0] - 0.05, 0.28, 1.02), 0.02, 0.02, tyre))
    if heavy:
        rods += [_rod((-0.5, 0, 0.55), (0.05, 0, 0.5), 0.17, 0.13, paint), _rod((-0.45, 0, 0.76), (0.05, 0, 0.76), 0.09, 0.1, tyre)]
        rods += [_rod((0.42, 0, 0.35), (0.5, 0, 0.85), 0.13, 0.1, paint)]
    else:
        rods += [_rod((-0.15, 0, 0.3), (0.42, 0, 0.85), 0.03, 0.03, paint), _rod((-0.2, 0, 0.85), (-0.1, 0, 0.3), 0.025, 0.025, paint)]
        rods += [_rod((-reach, 0, radius), (-0.12, 0, 0.3), 0.02, 0.02, paint), _rod((-0.3, 0, 0.9), (-0.1, 0, 0.9), 0.06, 0.05, tyre)]
    if rng.random() < 0.2:
        rods.append(_rod((-0.6, -0.1, 0.85), (-0.6, 0.1, 0.95), 0.2, 0.2, cloth(rng)))
    if rng.random() < 0.85:
        rods += _rider(rng, bar)
    return rods, wheels


def _rider(rng: Chance, bar: tuple[float, float, float]) -> list[Rod]:
    coat, trousers, skin = cloth(rng), cloth(rng), SKINS[rng.integers(len(SKINS))]
    lean, rods = rng.uniform(0.05, 0.3), []
    shoulder = np.array([-0.15 + lean, 0, 1.42])
    for side in (-1, 1):
        rods.append(_rod((-0.2, side * 0.09, 0.92), (shoulder[0], side * 0.12, 1.38), 0.13, 0.12, coat))
        knee = (0.2, side * 0.14, 0.72 + rng.uniform(-0.08, 0.12))
        rods.append(_rod((-0.18, side * 0.1, 0.88), knee, 0.095, 0.07, trousers))
        rods.append(_rod(knee, (0.08, side * 0.13, 0.22 + rng.uniform(0, 0.25)), 0.07, 0.05, trousers))
        rods.append(_rod((shoulder[0], side * 0.2, 1.38), (bar[0] - 0.05, side * 0.26, 1.05), 0.055, 0.04, coat))
    head = shoulder + np.array([0.04, 0, 0.24])
    hat = cloth(rng) if rng.random() < 0.5 else (22.0, 22.0, 26.0)
    rods.append(_rod(head, head + np.array([0, 0, 0.02]), 0.1, 0.1, skin))
    rods.append(_rod(head + np.array([-0.02, 0, 0.04]), head + np.array([-0.02, 0, 0.06]), 0.12, 0.115, hat))
    return rods


def paint_rods(painter: Painter, rods: list[Rod], *, at: tuple[float, float], heading: float, label: int) -> None:
    """Paint rods, the farthest first."""
    ready = [(placed(ends, at=at, heading=heading), radii, colour) for ends, radii, colour in rods]
    eye = painter.camera.place
    for ends, radii, colour in sorted(ready, key=lambda rod: -float(np.linalg.norm(rod[0].mean(axis=0) - eye))):
        painter.capsule(ends, radii, colour, label)


def paint_wheels(painter: Painter, wheels: list[Wheel], *, at: tuple[float, float], heading: float, label: int) -> None:
    """Paint the upright wheels of a two-wheeler."""
    turn = np.linspace(0, 2 * np.pi, 13)[:-1]
    for centre, radius, tyre in wheels:
        for share, colour in ((1.0, tyre), (0.7, (120.0, 120.0, 120.0))):
            rim = np.stack([centre[0] + np.cos(turn) * radius * share, np.zeros(12), centre[2] + np.sin(turn) * radius * share], axis=1)
            painter.face(placed(rim, at=at, heading=heading), colour, label)
        thick = _rod(centre + np.array([0, 0, -radius * 0.9]), centre + np.array([0, 0, radius * 0.9]), 0.045, 0.045, tyre)
        paint_rods(painter, [thick], at=at, heading=heading, label=label)


def rods_shadow(painter: Painter, mask: NDArray[np.uint8], rods: list[Rod], *, at: tuple[float, float], heading: float) -> None:
    """The shadow of rods on the ground."""
    for ends, radii, _ in rods:
        painter.rod_shadow(mask, placed(ends, at=at, heading=heading), radii)
