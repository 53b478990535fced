"""Places in a picture as people name them: cells of a grid, or corners in shares of width and height. Pure.

Owns the names of cells: a letter for the column, a number for the row, as edge_ai/looks/drawing.py writes them on a still. Called by
`yunnao camera zone`.
"""

from __future__ import annotations

import re

from edge_ai.looks.values import GRID_COLUMNS, GRID_ROWS
from node.cameras.errors import CameraRefused

POINTS_MAX = 32
EXTENT_MIN = 1e-6
"""Of twice a triangle of corners, as a share of the picture: less is a line for whoever looks."""
_CELL = re.compile(r"([A-Za-z])([0-9]{1,2})")
_NUMBER = re.compile(r"[01]|0?\.[0-9]{1,6}|1\.0{1,6}")

Points = list[tuple[float, float]]


def cell(name: str) -> tuple[int, int]:
    """Column and row of a cell, from 0. Raises CameraRefused."""
    found = _CELL.fullmatch(name.strip())
    column, row = (ord(found[1].upper()) - ord("A"), int(found[2]) - 1) if found else (-1, -1)
    if not (0 <= column < GRID_COLUMNS and 0 <= row < GRID_ROWS):
        last = f"{chr(ord('A') + GRID_COLUMNS - 1)}{GRID_ROWS}"
        raise CameraRefused(f"cell {name[:20]!r} refused: A1 (top left) to {last} (bottom right)")
    return column, row


def _range(words: str) -> tuple[tuple[int, int], tuple[int, int]]:
    first, _, last = words.partition("-")
    return cell(first), cell(last or first)


def zone_of_cells(words: str) -> Points:
    """The corners of a rectangle of cells such as B3-D5, both included. Raises CameraRefused."""
    cells = _range(words)
    (left, right), (top, bottom) = (sorted(each[axis] for each in cells) for axis in (0, 1))
    west, east = left / GRID_COLUMNS, (right + 1) / GRID_COLUMNS
    north, south = top / GRID_ROWS, (bottom + 1) / GRID_ROWS
    return [(round(x, 4), round(y, 4)) for x, y in ((west, north), (east, north), (east, south), (west, south))]


def line_of_cells(words: str) -> Points:
    """From the middle of one cell to the middle of another, such as A5-P5. Raises CameraRefused."""
    first, last = _range(words)
    if first == last:
        raise CameraRefused(f"line {words[:20]!r} refused: it needs two cells, such as A5-P5")
    return [(round((column + 0.5) / GRID_COLUMNS, 4), round((row + 0.5) / GRID_ROWS, 4)) for column, row in (first, last)]


def read_points(words: str) -> Points:
    """Corners such as `0.1,0.2 0.5,0.2 0.5,0.9`. Raises CameraRefused."""
    corners = words.replace(";", " ").split()
    if not 2 <= len(corners) <= POINTS_MAX:
        raise CameraRefused(f"{len(corners)} corners refused: 2 of a line, 3 to {POINTS_MAX} of a zone, such as 0.1,0.2 0.5,0.2 0.5,0.9")
    return [_corner(corner) for corner in corners]


def _corner(words: str) -> tuple[float, float]:
    x, comma, y = words.partition(",")
    if not comma or not _NUMBER.fullmatch(x) or not _NUMBER.fullmatch(y):
        raise CameraRefused(f"corner {words[:30]!r} refused: two shares of width and height from 0 to 1, such as 0.25,0.5")
    return float(x), float(y)


def has_extent(points: Points) -> bool:
    """True for a line with two ends, and for corners that enclose something."""
    (left, top), *others = points
    ways = [(x - left, y - top) for x, y in others]
    if len(points) == 2:
        return ways[0] != (0.0, 0.0)
    return any(abs(x * below - y * right) > EXTENT_MIN for x, y in ways for right, below in ways)
