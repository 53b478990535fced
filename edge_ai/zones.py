"""Points, lines and polygons of rules; plain arithmetic, no picture. Called by edge_ai/rules."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]


def inside(polygon: Sequence[Point], point: Point) -> bool:
    """True when `point` is in `polygon`, by the even-odd rule (Shimrat, Algorithm 112, 1962)."""
    x, y = point
    found = False
    previous_x, previous_y = polygon[-1]
    for corner_x, corner_y in polygon:
        if (corner_y > y) != (previous_y > y) and x < (previous_x - corner_x) * (y - corner_y) / (previous_y - corner_y) + corner_x:
            found = not found
        previous_x, previous_y = corner_x, corner_y
    return found


def side(line: tuple[Point, Point], point: Point) -> float:
    """Above 0 when `point` is right of the way from the line's first to its second point, y pointing down; below 0 left; 0 on it."""
    (ax, ay), (bx, by) = line
    return (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)


def crosses(line: tuple[Point, Point], before: Point, after: Point) -> bool:
    """True when the way from `before` to `after` meets the line between its ends."""
    way = (before, after)
    return side(line, before) * side(line, after) <= 0 and side(way, line[0]) * side(way, line[1]) <= 0


def cell(point: Point, cells: int = 8) -> str:
    """The name of the grid cell of a point given in shares: column, then row, as in `c3r5`."""
    column, row = (min(max(int(value * cells), 0), cells - 1) for value in point)
    return f"c{column}r{row}"
