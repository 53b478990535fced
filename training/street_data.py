"""Training pictures and targets of `demo-street`, all from rendered scenes of given seeds.

Owns the target layout, which edge_ai/detectors/demo_street.py decodes. Called by train_demo_street.py.
"""

from __future__ import annotations

from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from simulations.devices.street_actors import ActorKind
from simulations.devices.street_scene import HEIGHT, WIDTH, StreetFrame, StreetScene

INPUT_WIDTH = 320
INPUT_HEIGHT = 192
"""The net's input; the 320x180 picture is stretched to it."""
STRIDE = 8
"""Input pixels per output cell."""
CLASSES = tuple(kind.value for kind in ActorKind)
VISIBLE_MIN = 0.35
"""Actors hidden further than this are neither taught nor counted as missed."""
FRAMES_PER_SCENE = 6
SECONDS_BETWEEN_FRAMES = 5.3

Floats = NDArray[np.float32]


def render(seeds: range, frames_per_scene: int = FRAMES_PER_SCENE) -> list[StreetFrame]:
    """Frames of every seed, some seconds apart."""
    frames: list[StreetFrame] = []
    for seed in seeds:
        rng = Random(seed)
        scene = StreetScene(seed, busy=rng.uniform(0.7, 1.8))
        frames += [scene.frame_at(rng.uniform(0, 5) + step * SECONDS_BETWEEN_FRAMES) for step in range(frames_per_scene)]
    return frames


def picture(frame: StreetFrame) -> NDArray[np.uint8]:
    """The net's input, 3 x 192 x 320, before scaling."""
    return np.ascontiguousarray(cv2.resize(frame.pixels, (INPUT_WIDTH, INPUT_HEIGHT)).transpose(2, 0, 1))


def targets(frame: StreetFrame) -> tuple[Floats, Floats, Floats]:
    """Heat map [3, 24, 40] with a Gaussian per actor, box [4, 24, 40] (dx, dy, log w, log h in cells), and where boxes count [24, 40]."""
    rows, columns = INPUT_HEIGHT // STRIDE, INPUT_WIDTH // STRIDE
    heat = np.zeros((len(CLASSES), rows, columns), np.float32)
    box = np.zeros((4, rows, columns), np.float32)
    weight = np.zeros((rows, columns), np.float32)
    scale = np.array([INPUT_WIDTH / WIDTH, INPUT_HEIGHT / HEIGHT] * 2) / STRIDE
    for truth in frame.boxes:
        if truth.visible >= VISIBLE_MIN:
            _place(heat[CLASSES.index(truth.kind.value)], box, weight, np.array(truth.box) * scale)
    return heat, box, weight


def _place(heat: Floats, box: Floats, weight: Floats, corners: NDArray[np.float64]) -> None:
    rows, columns = heat.shape
    x1, y1, x2, y2 = corners
    centre_x, centre_y = (max(x1, 0) + min(x2, columns)) / 2, (y1 + y2) / 2
    column, row = int(min(max(centre_x, 0), columns - 1)), int(min(max(centre_y, 0), rows - 1))
    sigma = (max(0.35, (x2 - x1) / 8), max(0.35, (y2 - y1) / 8))
    grid_y, grid_x = np.mgrid[0:rows, 0:columns]
    bump = np.exp(-((grid_x - column) ** 2) / (2 * sigma[0] ** 2) - (grid_y - row) ** 2 / (2 * sigma[1] ** 2))
    np.maximum(heat, bump.astype(np.float32), out=heat)
    near = bump > 0.6
    box[0][near] = ((x1 + x2) / 2 - grid_x - 0.5)[near]
    box[1][near] = ((y1 + y2) / 2 - grid_y - 0.5)[near]
    box[2][near], box[3][near] = np.log(x2 - x1), np.log(y2 - y1)
    weight[near] = bump[near]
