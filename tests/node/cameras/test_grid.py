"""Cells of a grid and corners in shares, as people type them."""

from __future__ import annotations

import pytest

from node.cameras.errors import CameraRefused
from node.cameras.grid import cell, has_extent, line_of_cells, read_points, zone_of_cells


def test_a_zone_of_cells_includes_both_corners_in_any_order() -> None:
    assert zone_of_cells("B3-D5") == zone_of_cells("d5-b3") == [(0.0625, 0.2222), (0.25, 0.2222), (0.25, 0.5556), (0.0625, 0.5556)]
    assert zone_of_cells("A1-P9") == [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    assert len(zone_of_cells("C4")) == 4


def test_a_line_goes_from_middle_to_middle() -> None:
    assert line_of_cells("A5-P5") == [(0.0312, 0.5), (0.9688, 0.5)]
    with pytest.raises(CameraRefused, match="two cells"):
        line_of_cells("A5")


@pytest.mark.parametrize("name", ["Z1", "A0", "A10", "", "AA1", "Ａ1", "1A"])
def test_cells_that_are_not_there_are_refused(name: str) -> None:
    with pytest.raises(CameraRefused, match=r"A1 \(top left\) to P9"):
        cell(name)


def test_corners_are_shares() -> None:
    assert read_points("0,0 1,0.5; .25,1.0") == [(0.0, 0.0), (1.0, 0.5), (0.25, 1.0)]


@pytest.mark.parametrize("words", ["0.1,0.1", "0.1,2 0,0", "nan,0 0,0", "0.1;0.2 0,1", "1e-1,0 0,0", " ".join(["0,0"] * 33)])
def test_what_is_no_corner_is_refused(words: str) -> None:
    with pytest.raises(CameraRefused, match="refused"):
        read_points(words)


@pytest.mark.parametrize("words", ["0.1,0.1 0.1,0.1", "0.1,0.1 0.1,0.1 0.1,0.1", "0,0 0.5,0.5 1,1", "0.2,0.3 0.2,0.3 0.2,0.9 0.2,0.5"])
def test_corners_that_enclose_nothing_have_no_extent(words: str) -> None:
    assert not has_extent(read_points(words))


@pytest.mark.parametrize("words", ["0,0 0,1", "0,0 0.01,0 0,0.01", "0,0 1,1 0,1 1,0", "0.2,0.2 0.2,0.2 0.9,0.2 0.9,0.9"])
def test_lines_and_corners_that_enclose_something_have(words: str) -> None:
    assert has_extent(read_points(words))
