"""Points against polygons and lines, checked against the answers of OpenCV and shapely."""

from __future__ import annotations

from math import atan2
from random import Random

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely import LineString, Polygon
from shapely import Point as ShapelyPoint

from edge_ai.zones import cell, crosses, inside, side

Point = tuple[float, float]
GRID = st.integers(-20, 120).map(lambda value: value / 100)
POINTS = st.tuples(GRID, GRID)
"""Shares of the picture, also outside it, as the foot of an uncut box may be; on a grid, so that corners and edges are often met."""
EDGE = 1e-6
"""Nearer to an edge than this a point is on it, and either answer is right."""

POLYGON = ((0.1, 0.1), (0.9, 0.2), (0.6, 0.5), (0.8, 0.9), (0.2, 0.8))


def test_points_are_inside_exactly_where_opencv_says_so() -> None:
    rng = Random(4)
    contour = np.array(POLYGON, np.float32).reshape(-1, 1, 2)
    points = [(rng.random(), rng.random()) for _ in range(2_000)]
    clear = [point for point in points if abs(cv2.pointPolygonTest(contour, point, True)) > 1e-4]
    assert [inside(POLYGON, point) for point in clear] == [cv2.pointPolygonTest(contour, point, False) > 0 for point in clear]
    assert len(clear) > 1_900


def test_side_is_positive_right_of_the_way() -> None:
    assert side(((0.5, 1.0), (0.5, 0.0)), (0.9, 0.5)) > 0
    assert side(((0.5, 1.0), (0.5, 0.0)), (0.1, 0.5)) < 0


def test_way_around_the_end_of_a_line_does_not_cross_it() -> None:
    line = ((0.5, 0.2), (0.5, 0.6))
    assert crosses(line, (0.4, 0.3), (0.6, 0.4))
    assert not crosses(line, (0.4, 0.8), (0.6, 0.8))


def test_cells_of_points_outside_the_picture_are_the_edge_cells() -> None:
    assert (cell((0.0, 0.0)), cell((1.2, -0.5)), cell((0.5, 0.99))) == ("c0r0", "c7r0", "c4r7")


def around_their_middle(corners: list[Point]) -> list[Point]:
    """The corners in an order whose edges do not cross."""
    x, y = (sum(values) / len(corners) for values in zip(*corners, strict=True))
    return sorted(corners, key=lambda corner: atan2(corner[1] - y, corner[0] - x))


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.lists(POINTS, min_size=3, max_size=12, unique=True).map(around_their_middle), POINTS)
def test_points_are_inside_exactly_where_shapely_says_so(corners: list[Point], point: Point) -> None:
    polygon = Polygon(corners)
    assume(polygon.is_valid and polygon.area > EDGE)
    spot = ShapelyPoint(point)
    assume(polygon.exterior.distance(spot) > EDGE)
    assert inside(corners, point) is polygon.contains(spot)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(POINTS, POINTS, POINTS, POINTS)
def test_ways_cross_a_line_exactly_where_shapely_says_so(start: Point, end: Point, before: Point, after: Point) -> None:
    line, way = LineString([start, end]), LineString([before, after])
    assume(line.length > EDGE and way.length > EDGE)
    ends = [line.distance(ShapelyPoint(point)) for point in (before, after)] + [way.distance(ShapelyPoint(point)) for point in (start, end)]
    assume(min(ends) > EDGE)
    assert crosses((start, end), before, after) is line.crosses(way)
