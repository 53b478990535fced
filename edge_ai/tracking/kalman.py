"""Constant-velocity Kalman filters of many boxes at once, one independent filter per box coordinate.

Coordinates are centre x, centre y, width and height; noise scales with the box's size. Called by edge_ai/tracking/tracker.py.
Source: Kalman, A New Approach to Linear Filtering and Prediction Problems, 1960; the decoupling follows SORT (Bewley et al., 2016).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_ai.picture import Floats

Doubles = NDArray[np.float64]

MEASURE_SIZES = 0.06
"""Standard deviation of a detector's box coordinate, in box sizes (root of the area)."""
ACCELERATION_SIZES = 1.5
"""Standard deviation of acceleration, in box sizes per second squared."""
SPEED_SIZES = 3.0
"""Standard deviation of a new track's speed, in box sizes per second."""


class BoxFilters:
    """Row n belongs to track n of the caller, which keeps the order."""

    def __init__(self) -> None:
        self._place: Doubles = np.zeros((0, 4))
        self._speed: Doubles = np.zeros((0, 4))
        self._covariance: Doubles = np.zeros((0, 3, 4))
        """Per coordinate: variance of place, covariance, variance of speed."""

    def add(self, boxes: Floats) -> None:
        """New rows that stand still as far as is known."""
        measured = _to_centre(boxes)
        size = _size(measured)
        fresh = np.zeros((len(boxes), 3, 4))
        fresh[:, 0] = (MEASURE_SIZES * size) ** 2
        fresh[:, 2] = (SPEED_SIZES * size) ** 2
        self._place = np.concatenate([self._place, measured])
        self._speed = np.concatenate([self._speed, np.zeros_like(measured)])
        self._covariance = np.concatenate([self._covariance, fresh])

    def predict(self, seconds: float) -> None:
        """Move every row on by `seconds`."""
        place, both, speed = self._covariance[:, 0], self._covariance[:, 1], self._covariance[:, 2]
        push = (ACCELERATION_SIZES * _size(self._place)) ** 2
        self._place += self._speed * seconds
        self._place[:, 2:] = np.maximum(self._place[:, 2:], 1.0)
        place += 2 * seconds * both + seconds**2 * speed + push * seconds**4 / 4
        both += seconds * speed + push * seconds**3 / 2
        speed += push * seconds**2

    def slow(self, rows: NDArray[np.intp], kept: float) -> None:
        """Leave each of `rows` this share of its speed."""
        self._speed[rows] *= kept

    def correct(self, rows: NDArray[np.intp], boxes: Floats) -> None:
        """Take a measured box into each of `rows`."""
        measured = _to_centre(boxes)
        covariance = self._covariance[rows]
        total = covariance[:, 0] + (MEASURE_SIZES * _size(measured)) ** 2
        gain_place, gain_speed = covariance[:, 0] / total, covariance[:, 1] / total
        error = measured - self._place[rows]
        self._place[rows] += gain_place * error
        self._speed[rows] += gain_speed * error
        self._covariance[rows] = np.stack(
            [(1 - gain_place) * covariance[:, 0], (1 - gain_place) * covariance[:, 1], covariance[:, 2] - gain_speed * covariance[:, 1]],
            axis=1,
        )

    def keep(self, rows: NDArray[np.intp]) -> None:
        """Forget all rows but these."""
        self._place, self._speed, self._covariance = self._place[rows], self._speed[rows], self._covariance[rows]

    def boxes(self) -> Floats:
        """Every row as x1, y1, x2, y2."""
        half = self._place[:, 2:] / 2
        corners: Floats = np.concatenate([self._place[:, :2] - half, self._place[:, :2] + half], axis=1).astype(np.float32)
        return corners


def _to_centre(boxes: Floats) -> Doubles:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, sides], axis=1).astype(np.float64)


def _size(centred: Doubles) -> Doubles:
    size: Doubles = np.sqrt(centred[:, 2:3] * centred[:, 3:4])
    return size
