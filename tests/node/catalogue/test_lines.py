"""Rows of a sheet below whatever header people give it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from node.cameras.list_sheet import LIST_FORM
from node.catalogue.csv_sheet import write_csv
from node.catalogue.lines import Read, read_lines

GATE = ["gate-1", "北门", "海康威视", "10.1.2.3", "554"]


def read(folder: Path, *rows: Sequence[str]) -> Read:
    write_csv(folder / "l.csv", rows)
    return read_lines([folder / "l.csv"], LIST_FORM)


def test_groups_of_columns_above_their_names_are_one_header(tmp_path: Path) -> None:
    """As a spreadsheet program writes merged cells: the first has the words, the others are empty."""
    found = read(tmp_path, ["市南区点位清单"], ["编号", "名称", "厂商", "网络", ""], ["", "", "", "IP地址", "端口"], GATE)
    (line,) = found.lines
    assert (line.values["host"], line.values["port"], line.row) == ("10.1.2.3", 554.0, 4)
    assert (found.headers["host"], found.ignored, found.problems) == ("IP地址", (), ())


def test_a_row_without_its_name_is_a_bad_row_and_no_header(tmp_path: Path) -> None:
    found = read(tmp_path, ["编号", "名称", "厂商", "IP地址", "端口"], ["", "北门", "海康威视", "10.1.2.3", "554"], GATE)
    assert ([line.row for line in found.lines], [problem.row for problem in found.problems]) == ([3], [2])
