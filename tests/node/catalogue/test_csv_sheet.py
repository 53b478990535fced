"""CSV from any program: encodings, separators, guards against formulas, and bounds."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from node.catalogue import csv_sheet
from node.catalogue.csv_sheet import guarded, read_csv, unguarded, write_csv
from node.catalogue.errors import SheetRefused

TEXT = "信息资源名称,摘要\r\n常住人口,“基本”信息\r\n"
ROWS = [("信息资源名称", "摘要"), ("常住人口", "“基本”信息")]


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "f.csv"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "data",
    [TEXT.encode(), codecs.BOM_UTF8 + TEXT.encode(), TEXT.encode("gbk"), TEXT.encode("gb18030"), TEXT.encode("utf-16")],
    ids=["utf-8", "utf-8 with mark", "gbk", "gb18030", "utf-16"],
)
def test_every_usual_encoding_is_read(tmp_path: Path, data: bytes) -> None:
    assert [row.cells for row in read_csv(written(tmp_path, data)).rows] == ROWS


@pytest.mark.parametrize("separator", [",", "\t", ";", "，", "；"])
def test_the_separator_is_found(tmp_path: Path, separator: str) -> None:
    assert [row.cells for row in read_csv(written(tmp_path, TEXT.replace(",", separator).encode())).rows] == ROWS


def test_a_full_width_comma_in_a_value_separates_nothing(tmp_path: Path) -> None:
    assert read_csv(written(tmp_path, "a,b\n北，南，东，西,2\n".encode())).rows[1].cells == ("北，南，东，西", "2")


def test_rows_without_a_value_are_left_out_and_keep_their_numbers(tmp_path: Path) -> None:
    assert [row.number for row in read_csv(written(tmp_path, b"a,b\n,\n\n  ,\nc,d\n")).rows] == [1, 5]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "'=1", "'"])
def test_a_value_like_a_formula_is_guarded_on_the_way_out_and_back(tmp_path: Path, cell: str) -> None:
    assert guarded(cell).startswith("'")
    assert unguarded(guarded(cell)) == cell
    write_csv(tmp_path / "o.csv", [["x", cell]])
    assert read_csv(tmp_path / "o.csv").rows[0].cells == ("x", cell)


def test_an_apostrophe_of_ones_own_stays() -> None:
    assert unguarded("'t Hooft") == "'t Hooft"


def test_what_an_encoding_lacks_is_said(tmp_path: Path) -> None:
    with pytest.raises(SheetRefused, match="does not exist in gbk"):
        write_csv(tmp_path / "o.csv", [["\U00020000"]], encoding="gbk")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xff\xfe\x00\x81", "neither UTF-8 nor GBK"),
        (b"a\0b,c\n", "neither UTF-8 nor GBK"),
        (b'a,"b\n' + b"x" * 9_000, "not CSV"),
        (b'a,"' + b"x" * 9_000 + b'"\n', "open quote"),
        (b"," * 300 + b"\n", "300|301 columns"),
    ],
    ids=["bytes", "null", "quote", "cell", "width"],
)
def test_what_is_no_sheet_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(SheetRefused, match=why):
        read_csv(written(tmp_path, data))


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_sheet, "ROWS_MAX", 3)
    with pytest.raises(SheetRefused, match="more than 3 rows"):
        read_csv(written(tmp_path, b"a\n" * 5))
    monkeypatch.setattr(csv_sheet, "CSV_BYTES_MAX", 4)
    with pytest.raises(SheetRefused, match="MiB"):
        read_csv(written(tmp_path, b"a\n" * 5))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SheetRefused, match="cannot be read"):
        read_csv(tmp_path / "none.csv")
