"""Catalogues as departments keep them come in whole or not at all, and every bad cell is named with its place and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.catalogue.errors import Problem, RowsRefused, SheetRefused
from node.catalogue.exporting import export_files
from node.catalogue.importing import Imported, Present, import_sheets, read_files
from node.catalogue.sheets import Row, Sheet
from policies.listing import Listing
from policies.words import Share
from tests.node.catalogue.books import CATALOGUE, ENTRIES, FIELD_ROWS, MASKS, RESOURCE_ROWS, department_book, write_book

PRESENT = Present(ENTRIES, masks=MASKS)


def sheet(*rows: str, name: str = "s.csv") -> Sheet:
    """A sheet whose cells are separated by bars."""
    return Sheet(name, tuple(Row(number, tuple(row.split("|"))) for number, row in enumerate(rows, start=1)))


def problems(*rows: str, present: Present = PRESENT) -> list[Problem]:
    with pytest.raises(RowsRefused) as caught:
        import_sheets([sheet(*rows)], present)
    return list(caught.value.problems)


def test_a_departments_workbook_comes_in_whole(tmp_path: Path) -> None:
    found = import_sheets(read_files([department_book(tmp_path / "目录.xlsx")]), PRESENT)
    assert found.added == ("c-3070010001-000012", "c-3070010002-000001")
    people, cars = found.resources
    assert people.title_zh == "常住人口 基本信息"
    assert people.listing == Listing(
        class_names=("部门", "公安", "人口", "常住"),
        national_code="3070010001/000012",
        provider_code="91350100M000100Y43",
        abstract="常住人口 的基本信息",
        share_condition="凭授权",
        published_on="2026-05-01",
    )
    assert (people.share, people.period_s, people.grade) == (Share.CONDITIONAL, 86_400, 0)
    assert [(item.name, item.title, item.type, item.grade, item.mask) for item in people.fields] == [
        ("XM", "姓名", "string", 3, "name"),
        ("GMSFHM", "公民身份号码", "string", 3, "id-number"),
        ("CSRQ", "出生日期", "timestamp", 0, ""),
    ]
    assert [(item.name, item.title) for item in cars.fields] == [("号牌号码", "号牌号码")]
    assert (cars.share, cars.listing.is_irregular, cars.listing.is_open) == (Share.NONE, True, False)


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    found = import_sheets(read_files([department_book(tmp_path / "目录.xlsx")]), PRESENT)
    assert found.skipped == ("填报说明",)
    assert found.ignored == (("信息资源", "备注"),)


def test_an_entry_that_says_nothing_of_grade_and_sharing_is_ungraded_and_conditional() -> None:
    (new,) = import_sheets([sheet("code|title", "bus-stops|公交站点")], PRESENT).resources
    assert (new.grade, new.share) == (0, Share.CONDITIONAL)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("name", "encoding"), [("out.xlsx", "utf-8"), ("out.csv", "utf-8-sig"), ("out.csv", "gb18030")])
def test_what_is_exported_comes_back_as_it_was(tmp_path: Path, language: str, name: str, encoding: str) -> None:
    files = export_files(tmp_path / name, CATALOGUE, language=language, encoding=encoding)
    found = import_sheets(read_files(files), PRESENT)
    assert (found.same, found.resources, found.ignored, found.skipped) == (len(CATALOGUE), (), (), ())


def test_the_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    turned = [list(reversed([*row, *[None] * (6 - len(row))])) for row in FIELD_ROWS]
    plain = [RESOURCE_ROWS[4], RESOURCE_ROWS[5]]
    heads = [below or above for above, below in zip(RESOURCE_ROWS[2], [*RESOURCE_ROWS[3], *[None] * 9], strict=True)]
    first = import_sheets(read_files([department_book(tmp_path / "a.xlsx")]), PRESENT)
    second = import_sheets(read_files([write_book(tmp_path / "b.xlsx", fields=turned, resources=[heads, *plain])]), PRESENT)
    assert second.resources == first.resources


def test_an_empty_cell_leaves_what_is_there_and_a_dash_clears_it() -> None:
    found = import_sheets([sheet("code|title|provider|owner|period", "residents||-||每周")], PRESENT)
    (changed,) = found.resources
    assert (changed.title_zh, changed.provider, changed.owner) == (ENTRIES["residents"].title_zh, "", ENTRIES["residents"].owner)
    assert changed.period_s == 7 * 86_400
    assert (found.changed, changed.fields) == (("residents",), ENTRIES["residents"].fields)


def test_fields_alone_change_an_entry_that_is_there() -> None:
    rows = [f"residents|{item.name}|{'居民' + item.name}" for item in ENTRIES["residents"].fields]
    (changed,) = import_sheets([sheet("resource|field|title", *rows)], PRESENT).resources
    assert [item.title for item in changed.fields] == [f"居民{item.name}" for item in ENTRIES["residents"].fields]
    assert [(item.grade, item.mask, item.role) for item in changed.fields] == [
        (item.grade, item.mask, item.role) for item in ENTRIES["residents"].fields
    ]


@pytest.mark.parametrize(
    ("head", "cell", "why"),
    [
        ("共享类型", "随便", "is not one of 无条件共享"),
        ("数据分级", "L9", "is not one of"),
        ("更新周期", "有空就更新", "is not one of"),
        ("提供方代码", "91350100M000100Y44", "no unified social credit code"),
        ("提供方代码", "9.1350100000001e+17", "type it as text"),
        ("发布日期", "五月", "write 2026-05-01"),
        ("发布日期", "2026-02-30", "write 2026-05-01"),
        ("摘要", "=HYPERLINK(1)", "formula"),
        ("分类代码", "12", "digits"),
        ("源头层级", "乡里", "is not one of"),
        ("保存期限", "很久", "no length of time"),
    ],
)
def test_a_bad_cell_is_named_with_sheet_row_column_value_and_the_way_out(head: str, cell: str, why: str) -> None:
    (problem,) = problems("资源目录", f"资源标识|信息资源名称|{head}", "good|好|", f"bad|坏|{cell}")
    assert (problem.sheet, problem.row, problem.column, problem.value) == ("s.csv", 4, head, cell)
    assert why in problem.why


def test_every_bad_row_is_reported_and_nothing_is_taken() -> None:
    found = problems("code|title|share|grade", "a1|x|maybe|L7", "a2|y|conditional|L1", "A B|z||", "a4|||", "a2|again||", "|nameless||")
    assert [(problem.row, problem.column) for problem in found] == [(2, "share"), (2, "grade"), (4, "code"), (5, ""), (6, ""), (7, "")]
    assert "stands in s.csv row 3 already" in found[4].why
    assert "neither a code nor a national code" in found[5].why


def test_two_resources_cannot_have_one_national_code() -> None:
    found = problems("code|national code|title", "a1|307/1|x", "a2|307/1|y")
    assert "is that of resource a1" in found[0].why


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("nowhere|x|string|", "no resource of this code or title"),
        ("residents|grade|string|", "every resource has"),
        ("residents|a b(c)|string|", "no field name"),
        ("residents|x|colour|", "is not one of 字符型"),
        ("residents|x|string|blur", "no mask profile in force"),
        ("residents||string|", "a field without a name"),
    ],
)
def test_a_bad_row_of_fields_is_named(row: str, why: str) -> None:
    (problem,) = problems("resource|field|type|mask", row)
    assert why in problem.why


def test_a_field_that_stands_twice_is_named() -> None:
    (problem,) = problems("resource|field", "residents|x", "residents|x")
    assert "stands twice" in problem.why


def test_the_layout_of_a_resource_with_records_stays() -> None:
    present = Present(ENTRIES, frozenset({"residents"}), MASKS)
    (problem,) = problems("resource|field|type", "residents|name|string", "residents|Phone|int64", present=present)
    assert "resource residents has records" in problem.why
    same = [f"residents|{item.name}|{item.type}|L4" for item in ENTRIES["residents"].fields]
    (graded,) = import_sheets([sheet("resource|field|type|grade", *same)], present).resources
    assert {item.grade for item in graded.fields} == {4}


def test_files_without_a_header_are_refused_with_what_a_header_needs() -> None:
    with pytest.raises(SheetRefused, match="信息资源代码"):
        import_sheets([sheet("a|b", "1|2")], PRESENT)


@pytest.mark.parametrize("name", ["a.xls", "a.pdf", "a"])
def test_other_kinds_of_file_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SheetRefused, match=r"no \.xlsx and no \.csv"):
        read_files([tmp_path / name])


def test_an_import_says_what_is_the_same() -> None:
    found: Imported = import_sheets([sheet("code|title", "residents|居民基本信息")], PRESENT)
    assert (found.same, found.resources) == (1, ())
