"""Backgrounds: textured ground in perspective, markings, sky, fronts of houses, walls. Called by street_pictures.py."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.street_camera import Camera
from training.street_painter import Colour, Painter
from training.street_people import Chance, cloth

TEXTURE = 512
"""Pixels of a side of a texture; it repeats."""
Plane = NDArray[np.float32]


def texture(rng: Chance, rough: float) -> Plane:
    """Noise of several sizes, mean 0, spread about 1; small `rough` is smooth."""
    total = np.zeros((TEXTURE, TEXTURE), np.float32)
    for octave, size in enumerate((8, 16, 32, 64, 128, 256, 512)):
        field = rng.standard_normal((size, size)).astype(np.float32)
        total += cv2.resize(field, (TEXTURE, TEXTURE), interpolation=cv2.INTER_CUBIC) * np.float32(rough**octave)
    return total / max(float(total.std()), 1e-6)


class Backdrop:
    """Paints backgrounds; keeps a few textures, since making one costs more than a picture."""

    def __init__(self, rng: Chance) -> None:
        self._textures = [texture(rng, rough) for rough in (0.55, 0.7, 0.85, 1.0)]

    def paint(self, rng: Chance, camera: Camera) -> NDArray[np.uint8]:
        """Ground, and above the horizon sky, houses or a wall."""
        rows, columns = camera.height // 2, camera.width // 2
        v, u = np.mgrid[0:rows, 0:columns].astype(np.float32) * 2
        x, y, ground = camera.on_ground(u, v)
        first = int(np.argmax(ground[:, 0])) if ground.any() else rows
        picture = self._above(rng, camera, rows, columns)
        x, y = x[first:].astype(np.float32), y[first:].astype(np.float32)
        plane = self._ground(rng, x, y)
        far = np.clip(np.hypot(x, y) / np.float32(rng.uniform(80, 600)), 0, 1)[..., None]
        plane += (rng.uniform(120, 220, 3).astype(np.float32) - plane) * far
        picture[first:] = plane
        return np.asarray(cv2.resize(np.clip(picture, 0, 255).astype(np.uint8), (camera.width, camera.height)), np.uint8)

    def _ground(self, rng: Chance, x: Plane, y: Plane) -> Plane:
        fine, coarse = rng.uniform(20, 90), rng.uniform(2, 12)
        turn = rng.uniform(0, np.pi)
        sine, cosine = np.float32(np.sin(turn)), np.float32(np.cos(turn))
        along, across = x * cosine + y * sine, y * cosine - x * sine
        grey = rng.uniform(40, 190)
        colour = np.clip(grey + rng.normal(0, 10, 3) if rng.random() < 0.75 else rng.uniform(30, 200, 3), 10, 235).astype(np.float32)
        shade = self._sample(rng, along, across, fine) * np.float32(rng.uniform(0.5, 6)) + self._sample(
            rng, along, across, coarse
        ) * np.float32(rng.uniform(1, 14))
        if rng.random() < 0.35:
            size = rng.uniform(0.2, 2.0)
            width = rng.uniform(0.03, 0.1)
            joints = (np.mod(along / size, 1) < width) | (np.mod(across / size, 1) < width)
            shade = shade + joints * np.float32(rng.uniform(-35, 25))
        plane = colour + shade[..., None]
        for _ in range(int(rng.integers(0, 3))):
            start, wide = rng.uniform(-12, 12), rng.uniform(1, 12)
            strip = (across > start) & (across < start + wide)
            plane[strip] = plane[strip] * 0.35 + np.clip(rng.uniform(30, 210) + rng.normal(0, 20, 3), 10, 240).astype(np.float32) * 0.65
        return plane

    def _sample(self, rng: Chance, along: Plane, across: Plane, scale: float) -> Plane:
        chosen = self._textures[int(rng.integers(len(self._textures)))]
        shift = rng.uniform(0, TEXTURE, 2)
        columns = np.mod(along * np.float32(scale) + np.float32(shift[0]), np.float32(TEXTURE))
        rows = np.mod(across * np.float32(scale) + np.float32(shift[1]), np.float32(TEXTURE))
        return np.asarray(cv2.remap(chosen, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)

    def _above(self, rng: Chance, camera: Camera, rows: int, columns: int) -> Plane:
        horizon = camera.horizon / 2
        top, bottom = _pale(rng), _pale(rng)
        share = np.clip(np.arange(rows, dtype=np.float32) / max(horizon, 1.0), 0, 1)[:, None, None]
        picture = np.broadcast_to(top * (1 - share) + bottom * share, (rows, columns, 3)).astype(np.float32).copy()
        left = -int(rng.integers(0, 60))
        if rng.random() < 0.8:
            while left < columns:
                width, height = int(rng.integers(20, 160)), rng.uniform(0.1, 1.1) * max(horizon, 1.0)
                _house(rng, picture, (left, int(horizon - height), left + width, int(horizon) + 2))
                left += width + int(rng.integers(0, 40))
        grain = self._textures[-1][:rows, :columns]
        return picture + cv2.resize(grain, (columns, rows))[..., None] * np.float32(rng.uniform(1, 8))


def _pale(rng: Chance) -> NDArray[np.float32]:
    """Of the sky: nearly grey."""
    return np.clip(rng.uniform(110, 245) + rng.normal(0, 16, 3), 60, 255).astype(np.float32)


def _house(rng: Chance, picture: Plane, box: tuple[int, int, int, int]) -> None:
    x1, y1, x2, y2 = box
    wall = cloth(rng) if rng.random() < 0.4 else (*rng.uniform(60, 210, 3),)
    cv2.rectangle(picture, (x1, y1), (x2, y2), wall, -1)
    if rng.random() < 0.2:
        return
    step_x, step_y = int(rng.integers(5, 26)), int(rng.integers(6, 30))
    pane: Colour = (*rng.uniform(15, 235, 3),)
    for x in range(x1 + 3, x2 - step_x // 2, step_x):
        for y in range(y1 + 3, y2 - step_y // 2, step_y):
            cv2.rectangle(picture, (x, y), (x + step_x // 2, y + int(step_y * 0.6)), pane, -1)


def paint_markings(painter: Painter, rng: Chance) -> None:
    """Lines, stripes and arrows on the ground."""
    turn = rng.uniform(0, np.pi) if rng.random() < 0.5 else rng.choice((0.0, np.pi / 2)) + rng.normal(0, 0.1)
    ahead, aside = np.array([np.cos(turn), np.sin(turn), 0]), np.array([-np.sin(turn), np.cos(turn), 0])
    bright = float(rng.uniform(140, 250))
    white: Colour = (bright, bright, bright) if rng.random() < 0.8 else (40, 190, 230)
    base = np.array([rng.uniform(-6, 6), rng.uniform(2, 20), 0.0])
    long, gap = rng.uniform(0.4, 6), rng.uniform(0, 6)
    wide, lanes = rng.uniform(0.08, 0.6), int(rng.integers(1, 5))
    for lane in range(lanes):
        origin = base + aside * lane * rng.uniform(0.5, 4)
        for index in range(-8, 16):
            start = origin + ahead * index * (long + gap)
            painter.face(np.stack([start, start + ahead * long, start + ahead * long + aside * wide, start + aside * wide]), white)


def paint_scraps(painter: Painter, rng: Chance) -> None:
    """Shapes without meaning behind the figures: a real picture is full of edges that are nothing to be found."""
    rows, columns = painter.pixels.shape[:2]
    for _ in range(int(rng.integers(3, 40))):
        middle, size = rng.uniform(0, 1, 2) * (columns, rows), rng.uniform(8, 160) * rng.uniform(0.2, 1, 2)
        shape, colour = rng.integers(4), cloth(rng)
        if shape == 0:
            corners = middle + rng.normal(0, 1, (int(rng.integers(3, 7)), 2)) * size
            cv2.fillPoly(painter.pixels, [corners.astype(np.int32)], colour)
        elif shape == 1:
            ends = (middle + rng.normal(0, 1, (2, 2)) * size).astype(int).tolist()
            cv2.line(painter.pixels, ends[0], ends[1], colour, int(rng.integers(1, 14)))
        elif shape == 2:
            turned = ((float(middle[0]), float(middle[1])), (float(size[0]), float(size[1])), float(rng.uniform(0, 180)))
            cv2.ellipse(painter.pixels, turned, colour, -1)
        else:
            low = (middle - size / 2).astype(int).tolist()
            cv2.rectangle(painter.pixels, low, (middle + size / 2).astype(int).tolist(), colour, int(rng.choice((-1, 2, 4))))
