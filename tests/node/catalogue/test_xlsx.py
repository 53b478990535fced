"""Workbooks from anybody: values of every kind come out as texts, and a hostile file is one refusal, never memory or a crash."""

from __future__ import annotations

import random
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest

from node.catalogue import xlsx
from node.catalogue.errors import SheetRefused
from node.catalogue.xlsx import read_xlsx, write_xlsx
from tests.node.catalogue.books import department_book, rewritten, write_book

SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return write_book(tmp_path / "b.xlsx", s=[["code", "title"], ["a", "b"]])


def refusal(path: Path) -> str:
    with pytest.raises(SheetRefused) as caught:
        read_xlsx(path)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    return str(caught.value)


def test_values_of_every_kind_come_out_as_texts(tmp_path: Path) -> None:
    rows = [[1, 2.5, 370202.0, True, date(2026, 5, 1), datetime(2026, 5, 1, 8, 30), " a\u3000", None, "中文\u200b"]]  # noqa: DTZ001 - spreadsheets know no zone
    (sheet,) = read_xlsx(write_book(tmp_path / "b.xlsx", s=rows))
    assert sheet.rows[0].cells == ("1", "2.5", "370202", "true", "2026-05-01", "2026-05-01 08:30:00", "a", "", "中文")


def test_empty_rows_keep_the_numbers_of_those_below(tmp_path: Path) -> None:
    (sheet,) = read_xlsx(write_book(tmp_path / "b.xlsx", s=[["a"], [], [None], ["b"]]))
    assert [row.number for row in sheet.rows] == [1, 4]


def test_what_is_written_is_read_and_no_formula_is_made(tmp_path: Path) -> None:
    path = tmp_path / "o.xlsx"
    write_xlsx(path, {"一": [["标识"], ["=1+1"], ["+1"], ["@x"]]})
    with zipfile.ZipFile(path) as archive:
        assert b"<f>" not in archive.read(SHEET)
    assert [row.cells for row in read_xlsx(path)[0].rows] == [("标识",), ("=1+1",), ("+1",), ("@x",)]


def test_a_formula_is_left_in_for_the_importer_to_name(tmp_path: Path) -> None:
    (sheet,) = read_xlsx(write_book(tmp_path / "b.xlsx", s=[["=SUM(A2:A3)", '=HYPERLINK("http://x")']]))
    assert sheet.rows[0].cells == ("=SUM(A2:A3)", '=HYPERLINK("http://x")')


def test_a_bomb_is_refused_by_its_size_unpacked(book: Path) -> None:
    rewritten(book, lambda _, data: data, {"xl/media/x.bin": b"\0" * (xlsx.MEMBER_BYTES_MAX + 1)})
    assert book.stat().st_size < 1 << 20
    assert "MiB" in refusal(book)


def test_many_parts_are_refused(book: Path) -> None:
    assert "parts" in refusal(rewritten(book, lambda _, data: data, {f"x/{number}.bin": b"" for number in range(xlsx.MEMBERS_MAX)}))


@pytest.mark.parametrize("name", ["xl/externalLinks/externalLink1.xml", "xl/vbaProject.bin", "xl/embeddings/a.bin", "xl/connections.xml"])
def test_links_macros_and_embedded_files_are_refused(book: Path, name: str) -> None:
    assert "macros or links to other files" in refusal(rewritten(book, lambda _, data: data, {name: b"<x/>"}))


@pytest.mark.parametrize(
    "head",
    [
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>',
        b'<?xml version="1.0"?>' + b" " * (xlsx.CHUNK_BYTES - 25) + b'<!DOCTYPE x [<!ENTITY a "b">]>',
    ],
    ids=["top", "between two chunks"],
)
def test_declared_entities_are_refused(book: Path, head: bytes) -> None:
    rewritten(book, lambda name, data: head + data.split(b"?>", 1)[-1] if name == SHEET else data)
    assert "declares entities" in refusal(book)


@pytest.mark.parametrize("head", [b'<?xml version="1.0" encoding="utf-16"?>', b'<?xml version="1.0" encoding="cp037"?>', b"\xff\xfe<\0"])
def test_parts_in_another_encoding_are_refused(book: Path, head: bytes) -> None:
    assert "UTF-8" in refusal(rewritten(book, lambda name, data: head + data if name == SHEET else data))


def test_a_stated_size_is_never_believed(book: Path) -> None:
    stated = b'<dimension ref="A1:XFD1048576"/>'
    rewritten(book, lambda name, data: data.replace(b'<dimension ref="A1:B2" />', stated) if name == SHEET else data)
    with zipfile.ZipFile(book) as archive:
        assert stated in archive.read(SHEET)
    assert len(read_xlsx(book)[0].rows) == 2


@pytest.mark.parametrize("row", ["1048577", "999999999999"])
def test_a_row_past_the_end_is_refused(book: Path, row: str) -> None:
    far = f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'.encode()
    assert "b.xlsx" in refusal(rewritten(book, lambda name, data: data.replace(b"</sheetData>", far) if name == SHEET else data))


def test_a_value_far_to_the_right_is_refused(book: Path) -> None:
    far = b'<row r="3"><c r="XFD3" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
    assert "past column 256" in refusal(rewritten(book, lambda name, data: data.replace(b"</sheetData>", far) if name == SHEET else data))


def test_more_tags_than_a_sheet_may_have_are_refused(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "TAGS_MAX", 10)
    assert "tags" in refusal(book)


@pytest.mark.parametrize(
    ("part", "filler"), [(SHEET, b"<c/>"), (SHEET, b"<mergeCell/>"), ("xl/styles.xml", b"<xf/>"), ("xl/workbook.xml", b"<sheet/>")]
)
def test_more_tags_in_one_place_than_a_row_may_have_are_refused(book: Path, part: str, filler: bytes) -> None:
    many = filler * (xlsx.STRETCH_TAGS_MAX + 1)
    at = b"</row>" if filler == b"<c/>" else b"</"
    rewritten(book, lambda name, data: data.replace(at, many + at, 1) if name == part else data)
    assert "too many cells or tags" in refusal(book)


def test_a_part_that_is_in_it_twice_is_refused(book: Path) -> None:
    with zipfile.ZipFile(book, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(SHEET, b"<x/>")
    assert "twice" in refusal(book)


@pytest.mark.parametrize("data", [b"", b"PK", b"\xd0\xcf\x11\xe0" + b"\0" * 600, b"code,title\na,b\n", b"\0" * 4_000])
def test_what_is_no_workbook_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "b.xlsx"
    path.write_bytes(data)
    assert "save" in refusal(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read (No such file" in refusal(tmp_path / "none.xlsx")


@pytest.mark.slow
def test_a_damaged_workbook_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    """Parts of a real workbook with bytes changed, cut and doubled: whatever the library makes of them, one kind of error comes out."""
    rng = random.Random(20260501)
    whole = department_book(tmp_path / "whole.xlsx").read_bytes()
    refused = 0
    for number in range(150):
        path = tmp_path / "b.xlsx"
        path.write_bytes(whole)
        rewritten(path, lambda name, data: _damaged(data, rng) if rng.random() < 0.3 else data)
        try:
            read_xlsx(path)
        except SheetRefused:
            refused += 1
        assert number >= refused - 1
    assert refused > 30


def _damaged(data: bytes, rng: random.Random) -> bytes | None:
    changed = bytearray(data)
    choice = rng.randrange(5)
    if choice == 0:
        return None
    if choice == 1:
        return bytes(changed[: rng.randrange(len(changed))])
    for _ in range(rng.randrange(1, 8)):
        changed[rng.randrange(len(changed))] = rng.choice(b'<>"/=09azAZ&; \xff')
    return bytes(changed)
