"""Lines, polygons and a grid over a still, for people who set up a zone. Called by edge_ai/looks/probe.py."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge_ai.looks.values import GRID_COLUMNS, GRID_ROWS, Shape
from edge_ai.picture import Pixels

GRID_COLOUR, TEXT_COLOUR, EDGE_COLOUR = (200, 200, 200), (255, 255, 255), (0, 0, 0)
SHAPE_COLOURS = ((0, 255, 255), (255, 128, 0), (0, 128, 255), (255, 0, 255), (0, 255, 0))
"""Blue-green-red, in turn."""
FILL_SHARE = 0.25
LINES_FOR_ONE = 540
"""Lines of a picture for which text and strokes have their plain size."""


def drawn(pixels: Pixels, shapes: Sequence[Shape], *, has_grid: bool) -> Pixels:
    """A copy of a picture with grid and shapes on it."""
    canvas = pixels.copy()
    scale = max(0.4, canvas.shape[0] / LINES_FOR_ONE)
    if has_grid:
        _grid(canvas, scale)
    for index, shape in enumerate(shapes):
        canvas = _shape(canvas, shape, SHAPE_COLOURS[index % len(SHAPE_COLOURS)], scale)
    return canvas


def _grid(canvas: Pixels, scale: float) -> None:
    height, width = canvas.shape[:2]
    for column in range(1, GRID_COLUMNS):
        x = column * width // GRID_COLUMNS
        cv2.line(canvas, (x, 0), (x, height), GRID_COLOUR, 1)
    for row in range(1, GRID_ROWS):
        y = row * height // GRID_ROWS
        cv2.line(canvas, (0, y), (width, y), GRID_COLOUR, 1)
    for column in range(GRID_COLUMNS):
        for row in range(GRID_ROWS):
            place = (column * width // GRID_COLUMNS + 3, row * height // GRID_ROWS + round(14 * scale))
            _text(canvas, f"{chr(ord('A') + column)}{row + 1}", place, 0.4 * scale)


def _shape(canvas: Pixels, shape: Shape, colour: tuple[int, int, int], scale: float) -> Pixels:
    height, width = canvas.shape[:2]
    corners = np.array([(round(x * (width - 1)), round(y * (height - 1))) for x, y in shape.points], np.int32)
    stroke = max(1, round(2 * scale))
    if shape.is_line:
        cv2.line(canvas, corners[0].tolist(), corners[1].tolist(), colour, stroke)
    else:
        filled = canvas.copy()
        cv2.fillPoly(filled, [corners], colour)
        canvas = np.asarray(cv2.addWeighted(filled, FILL_SHARE, canvas, 1 - FILL_SHARE, 0), np.uint8)
        cv2.polylines(canvas, [corners], True, colour, stroke)
    x, y = (int(value) for value in corners.mean(axis=0))
    _text(canvas, shape.name.encode("ascii", "replace").decode(), (x, y), 0.6 * scale)
    return canvas


def _text(canvas: Pixels, words: str, place: tuple[int, int], size: float) -> None:
    """Light on a dark edge, so that it is read on any picture; OpenCV's font has no Chinese."""
    for colour, stroke in ((EDGE_COLOUR, 3), (TEXT_COLOUR, 1)):
        cv2.putText(canvas, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, stroke, cv2.LINE_AA)
