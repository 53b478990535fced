"""Training pictures of `street-s` in a memory file, changed a little each time they are used, and the maps that the net is taught.

Owns the target layout, which edge_ai/detectors/street_s.py decodes. Called by train_street_s.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from training.street_ground import Backdrop
from training.street_pictures import CLASSES, INPUT_HEIGHT, INPUT_WIDTH, picture

STRIDE = 8
"""Input pixels per output cell."""
ROWS, COLUMNS = INPUT_HEIGHT // STRIDE, INPUT_WIDTH // STRIDE
VISIBLE_MIN = 0.35
"""Figures hidden further than this are not taught, nor that they are none."""
SHORT_MIN = 3.0
"""Input pixels of the shorter side below which the same holds."""
UNTAUGHT = 0.97
"""Heat of a figure that is not taught: so near to 1 that neither answer costs anything."""
FIGURES_KEPT = 24
BACKDROP_SEED = 7

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Maps = tuple[Floats, Floats, Floats]


class Store:
    """`count` pictures and their truths in two files of `folder`."""

    def __init__(self, folder: Path, count: int, *, new: bool) -> None:
        mode: Literal["w+", "r+"] = "w+" if new else "r+"
        shape = (count, INPUT_HEIGHT, INPUT_WIDTH, 3)
        self.pictures = np.memmap(folder / "pictures", np.uint8, mode, shape=shape)
        self.truths = np.memmap(folder / "truths", np.float32, mode, shape=(count, FIGURES_KEPT, 6))
        """Class, x1, y1, x2, y2 in input pixels, visible share; rows of zeros are none."""

    def render(self, first_number: int, share: int, shares: int) -> None:
        """Fill every `shares`-th place from `share` on; picture i is the one of number `first_number` + i."""
        backdrop = Backdrop(np.random.default_rng(BACKDROP_SEED))
        for index in range(share, len(self.pictures), shares):
            pixels, truths = picture(first_number + index, backdrop)
            self.pictures[index] = pixels
            rows = [(one.label, *one.box, one.visible) for one in truths if one.visible > 0][:FIGURES_KEPT]
            self.truths[index] = 0
            self.truths[index, : len(rows)] = np.array(rows, np.float32).reshape(-1, 6)


def changed(pixels: Pixels, truths: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """The picture mirrored, moved and scaled by chance, with its truths."""
    zoom = rng.uniform(0.6, 1.5) if rng.random() < 0.7 else 1.0
    stretch = rng.uniform(0.88, 1.14)
    scale = np.array([zoom * stretch, zoom / stretch])
    size = np.array([INPUT_WIDTH, INPUT_HEIGHT])
    shift = (size - size * scale) * rng.random(2)
    mirror = rng.random() < 0.5
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    if mirror:
        matrix[0] = [-scale[0], 0, INPUT_WIDTH - 1 - shift[0]]
    border = cv2.BORDER_REFLECT_101 if zoom >= 1 else cv2.BORDER_CONSTANT
    moved = cv2.warpAffine(pixels, matrix, (INPUT_WIDTH, INPUT_HEIGHT), borderMode=border, borderValue=(114, 114, 114))
    kept = truths[truths[:, 5] > 0].copy()
    boxes = kept[:, 1:5] * np.tile(scale, 2) + np.tile(shift, 2)
    if mirror:
        boxes = np.stack([INPUT_WIDTH - boxes[:, 2], boxes[:, 1], INPUT_WIDTH - boxes[:, 0], boxes[:, 3]], axis=1)
    kept[:, 5] *= _inside(boxes) / np.maximum(_inside(kept[:, 1:5]), 1e-3)
    kept[:, 1:5] = boxes
    return np.asarray(moved, np.uint8), kept


def _inside(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    """Share of each box inside the picture."""
    width = np.clip(boxes[:, 2], 0, INPUT_WIDTH) - np.clip(boxes[:, 0], 0, INPUT_WIDTH)
    height = np.clip(boxes[:, 3], 0, INPUT_HEIGHT) - np.clip(boxes[:, 1], 0, INPUT_HEIGHT)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    share: NDArray[np.floating] = width * height / np.maximum(area, 1e-6)
    return share


def targets(truths: Floats) -> Maps:
    """Heat [3, 32, 52] with a bump per figure, box [4, 32, 52] (dx, dy, log w, log h in cells), weight of boxes [32, 52]."""
    heat = np.zeros((len(CLASSES), ROWS, COLUMNS), np.float32)
    box = np.zeros((4, ROWS, COLUMNS), np.float32)
    weight = np.zeros((ROWS, COLUMNS), np.float32)
    by_size = sorted(truths, key=lambda row: -float((row[3] - row[1]) * (row[4] - row[2])))
    for row in by_size:
        short = min(row[3] - row[1], row[4] - row[2])
        corners = row[1:5].astype(np.float64) / STRIDE
        bump = _bump(corners)
        if row[5] >= VISIBLE_MIN and short >= SHORT_MIN:
            np.maximum(heat[int(row[0])], bump, out=heat[int(row[0])])
            _place(box, weight, bump, corners)
        else:
            np.maximum(heat[int(row[0])], bump * np.float32(UNTAUGHT), out=heat[int(row[0])])
    return heat, box, weight


def _bump(corners: NDArray[np.float64]) -> Floats:
    """1 at the centre of the part inside the picture (what is outside cannot be looked at), falling with the distance."""
    x1, y1, x2, y2 = corners
    centre_x, centre_y = (max(x1, 0) + min(x2, COLUMNS)) / 2, (max(y1, 0) + min(y2, ROWS)) / 2
    column, row = int(min(max(centre_x, 0), COLUMNS - 1)), int(min(max(centre_y, 0), ROWS - 1))
    sigma_x, sigma_y = max(0.4, (x2 - x1) / 9), max(0.4, (y2 - y1) / 9)
    grid_y, grid_x = np.ogrid[0:ROWS, 0:COLUMNS]
    bump: Floats = np.exp(-((grid_x - column) ** 2) / (2 * sigma_x**2) - (grid_y - row) ** 2 / (2 * sigma_y**2)).astype(np.float32)
    return bump


def _place(box: Floats, weight: Floats, bump: Floats, corners: NDArray[np.float64]) -> None:
    x1, y1, x2, y2 = corners
    grid_y, grid_x = np.ogrid[0:ROWS, 0:COLUMNS]
    near = bump > 0.5
    box[0][near] = np.broadcast_to((x1 + x2) / 2 - grid_x - 0.5, (ROWS, COLUMNS))[near]
    box[1][near] = np.broadcast_to((y1 + y2) / 2 - grid_y - 0.5, (ROWS, COLUMNS))[near]
    box[2][near], box[3][near] = np.log(x2 - x1), np.log(y2 - y1)
    weight[near] = bump[near]
