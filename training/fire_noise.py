"""Cloudy fields that repeat without a seam, from a seed, in numpy alone: the stuff of rendered flames, smoke and grounds.

Called by the other fire_* modules of this folder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SIDE = 128
"""Cells along each side of a field."""


def cloudy(rng: np.random.Generator, roughness: float = 1.6) -> Floats:
    """A SIDE x SIDE field of 0-1 whose spectrum falls with the power `roughness`: above 2 soft, about 1 grainy."""
    row, column = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :]
    falling = np.maximum(np.hypot(row, column), 1 / SIDE) ** -roughness
    falling[0, 0] = 0
    phases = np.exp(2j * np.pi * rng.random(falling.shape))
    plain = np.fft.irfft2(falling * phases, (SIDE, SIDE))
    low, high = np.percentile(plain, (2, 98))
    return np.asarray(np.clip((plain - low) / (high - low), 0, 1), np.float32)


def sampled(field: Floats, x: Floats, y: Floats) -> Floats:
    """The field at places given in cells, between the cells in straight lines; beyond its sides it begins anew."""
    left, top = np.floor(x), np.floor(y)
    along, down = (x - left).astype(np.float32), (y - top).astype(np.float32)
    column, row = left.astype(np.int64) % SIDE, top.astype(np.int64) % SIDE
    right, below = (column + 1) % SIDE, (row + 1) % SIDE
    upper = field[row, column] * (1 - along) + field[row, right] * along
    lower = field[below, column] * (1 - along) + field[below, right] * along
    return np.asarray(upper * (1 - down) + lower * down, np.float32)
