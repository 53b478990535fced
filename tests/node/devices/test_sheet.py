"""Sheets of devices in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from node.catalogue import lines
from node.catalogue.csv_sheet import write_csv
from node.catalogue.errors import SheetRefused
from node.catalogue.lines import Read
from node.catalogue.xlsx import write_xlsx
from node.devices import sheet as module
from node.devices.sheet import read_devices, write_devices

HEAD = ["设备编号", "设备类型", "所属网格", "经度", "纬度", "安装日期", "上报周期"]
GOOD = ["d1", "空气站", "370202001001001", "120.38", "36.07", "2026/3/5", "5分钟"]


def read(folder: Path, *rows: Sequence[str], head: Sequence[str] = HEAD) -> Read:
    """What a CSV file of these rows says."""
    write_csv(folder / "d.csv", [head, *rows])
    return read_devices([folder / "d.csv"])


def test_cells_become_values(tmp_path: Path) -> None:
    (line,) = read(tmp_path, GOOD).lines
    assert line.values == {
        "device": "d1", "kind": "空气站", "territory": "370202001001001", "longitude": 120.38, "latitude": 36.07,
        "installed": "2026-03-05", "period_s": 300.0,
    }  # fmt: skip
    assert (line.sheet, line.row) == ("d.csv", 2)


def test_english_heads_in_xlsx_below_a_title_are_understood(tmp_path: Path) -> None:
    rows = [["Devices of the park"], ["No.", "Device ID*", "Owner (unit)", "Period"], ["1", "d1", "parks", "90"], ["2", "d2", "-", "-"]]
    write_xlsx(tmp_path / "d.xlsx", {"s": rows, "notes": [["nothing"]]})
    found = read_devices([tmp_path / "d.xlsx"])
    assert [line.values for line in found.lines] == [
        {"device": "d1", "owner": "parks", "period_s": 90.0},
        {"device": "d2", "owner": "", "period_s": 0.0},
    ]
    assert (found.ignored, found.skipped) == ((("s", "No."),), ("notes",))


@pytest.mark.parametrize(
    ("place", "cell", "column", "why"),
    [
        (0, "", "设备编号", "is empty"),
        (0, "a/b", "设备编号", "is no device"),
        (0, "-", "设备编号", "cannot be cleared"),
        (0, "d0", "设备编号", "stands in d.csv row 2 already"),
        (1, "=1+1", "设备类型", "is a formula"),
        (1, "x" * 300, "设备类型", "has 300 characters"),
        (2, "qingdao", "所属网格", "is no territory code"),
        (3, "east", "经度", "are no decimal degrees"),
        (3, "181", "经度", "lies outside -180 to 180"),
        (3, "", "纬度", "stands alone"),
        (5, "2026-02-30", "安装日期", "is no day"),
        (6, "often", "上报周期", "is no length of time"),
        (6, "0", "上报周期", "is no period"),
    ],
)
def test_a_bad_cell_is_named_with_its_place_and_the_way_out(tmp_path: Path, place: int, cell: str, column: str, why: str) -> None:
    bad = [*GOOD[:place], cell, *GOOD[place + 1 :]]
    found = read(tmp_path, ["d0", *GOOD[1:]], bad)
    (problem,) = found.problems
    assert (problem.sheet, problem.row, problem.column) == ("d.csv", 3, column)
    assert why in problem.why
    assert [line.values["device"] for line in found.lines] == ["d0"]


@pytest.mark.parametrize(
    ("head", "rows", "why"),
    [
        (["设备编号", "密码"], [["d1", "secret"]], "passwords are not kept in sheets"),
        (["名称", "备注"], [["d1", "x"]], "one column must be 设备编号"),
        (["device"], [], "no row below the header"),
    ],
)
def test_a_sheet_that_cannot_be_read_is_refused_whole(tmp_path: Path, head: list[str], rows: list[list[str]], why: str) -> None:
    with pytest.raises(SheetRefused, match=why):
        read(tmp_path, *rows, head=head)


def test_reading_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FORM", replace(module._FORM, lines_max=2))
    found = read(tmp_path, *([f"d{number}", *GOOD[1:]] for number in range(5)))
    assert (len(found.lines), [problem.row for problem in found.problems]) == (2, [4])
    monkeypatch.setattr(lines, "PROBLEMS_MAX", 3)
    assert len(read(tmp_path, *(["a/b", *GOOD[1:]] for _ in range(9))).problems) == 3


@pytest.mark.parametrize("name", ["d.xlsx", "d.csv"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_export_is_read_back(tmp_path: Path, name: str, language: str) -> None:
    values: Mapping[str, object] = {
        "device": "d1", "kind": "=danger", "owner": "绿化所", "longitude": 120.380001, "latitude": 36.0, "period_s": 90.0,
    }  # fmt: skip
    write_devices(tmp_path / name, [{**values, "state": "admitted", "battery": 50.0}], language=language, encoding="utf-8-sig")
    found = read_devices([tmp_path / name])
    assert found.problems[0].why.startswith("is a formula")
    write_devices(tmp_path / name, [{**values, "kind": "air"}], language=language, encoding="utf-8-sig")
    found = read_devices([tmp_path / name])
    assert [line.values for line in found.lines] == [{**values, "kind": "air"}]
    assert found.ignored == ()
