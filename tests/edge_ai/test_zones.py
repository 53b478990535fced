"""Points against polygons and lines, checked against OpenCV's answer."""

from __future__ import annotations

from random import Random

import cv2
import numpy as np

from edge_ai.zones import cell, crosses, inside, side

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
