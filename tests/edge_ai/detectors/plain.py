"""Slow plain decoders: one loop per box, as a paper would say it. What the families must agree with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, tanh

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Box:
    """One candidate; corners in input pixels."""

    corners: tuple[float, float, float, float]
    score: float
    label: int


def around(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def logistic(value: float) -> float:
    return 1 / (1 + exp(-value))


def fastestdet(output: Array, side: int) -> Iterator[Box]:
    _, rows, columns = output.shape
    for row in range(rows):
        for column in range(columns):
            cell = [float(value) for value in output[:, row, column]]
            label = max(range(len(cell) - 5), key=lambda index: cell[5 + index])
            x, y = (column + tanh(cell[1])) / columns * side, (row + tanh(cell[2])) / rows * side
            corners = around(x, y, logistic(cell[3]) * side, logistic(cell[4]) * side)
            yield Box(corners, cell[0] ** 0.6 * cell[5 + label] ** 0.4, label)


def yolox(output: Array, side: int) -> Iterator[Box]:
    place = 0
    for stride in (8, 16, 32):
        for row in range(side // stride):
            for column in range(side // stride):
                cell = [float(value) for value in output[place]]
                place += 1
                label = max(range(len(cell) - 5), key=lambda index: cell[5 + index])
                x, y = (cell[0] + column) * stride, (cell[1] + row) * stride
                yield Box(around(x, y, exp(cell[2]) * stride, exp(cell[3]) * stride), cell[4] * cell[5 + label], label)


def yolov8(output: Array) -> Iterator[Box]:
    for place in range(output.shape[1]):
        cell = [float(value) for value in output[:, place]]
        label = max(range(len(cell) - 4), key=lambda index: cell[4 + index])
        yield Box(around(*cell[:4]), cell[4 + label], label)


def nanodet(outputs: Sequence[Array], side: int) -> Iterator[Box]:
    for step, stride in enumerate((8, 16, 32)):
        scores, distances = outputs[step], outputs[step + 3]
        for place in range(len(scores)):
            row, column = divmod(place, side // stride)
            label = int(scores[place].argmax())
            sides = []
            for start in range(0, 32, 8):
                weights = [exp(float(value)) for value in distances[place, start : start + 8]]
                sides.append(sum(index * weight for index, weight in enumerate(weights)) / sum(weights) * stride)
            x, y = (column + 0.5) * stride - 0.5, (row + 0.5) * stride - 0.5
            yield Box((x - sides[0], y - sides[1], x + sides[2], y + sides[3]), float(scores[place, label]), label)


def ssd(scores: Array, terms: Array, priors: Sequence[tuple[float, float, float, float]], side: int) -> Iterator[Box]:
    for place, (x, y, width, height) in enumerate(priors):
        weights = [exp(float(value)) for value in scores[place]]
        label = max(range(1, len(weights)), key=lambda index: weights[index])
        dx, dy, dw, dh = (float(value) for value in terms[place])
        corners = around(x + dx * 0.1 * width, y + dy * 0.1 * height, width * exp(dw * 0.2), height * exp(dh * 0.2))
        yield Box(tuple(value * side for value in corners), weights[label] / sum(weights), label - 1)  # type: ignore[arg-type]


def chosen(boxes: Iterator[Box], *, score_min: float, overlap_max: float) -> list[Box]:
    """Greedy suppression within each class, best first."""
    kept: list[Box] = []
    for box in sorted((box for box in boxes if box.score >= score_min), key=lambda box: -box.score):
        if all(box.label != other.label or overlap(box.corners, other.corners) <= overlap_max for other in kept):
            kept.append(box)
    return kept


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    high = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    whole = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - wide * high
    return wide * high / whole if whole > 0 else 0.0
