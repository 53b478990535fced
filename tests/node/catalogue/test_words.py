"""Spellings of departments: each word of each table, periods and types, and what is refused."""

from __future__ import annotations

import pytest

from node.catalogue import words
from node.catalogue.cells import header_key
from node.catalogue.columns import COLUMNS, SheetKind
from node.catalogue.words import Words, read_period, read_seconds, read_type, write_period, write_seconds

TABLES = [value for value in vars(words).values() if isinstance(value, Words)]


@pytest.mark.parametrize("table", TABLES)
def test_every_spelling_means_its_value_and_no_other(table: Words) -> None:
    for value, spellings in table.table.items():
        assert {table.read(word) for word in (value, *spellings)} == {value}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_written_is_read(table: Words, language: str) -> None:
    assert [table.read(table.write(value, language)) for value in table.table] == list(table.table)


@pytest.mark.parametrize(
    ("typed", "seconds", "is_irregular"),
    [("实时", 0, False), ("每 日", 86_400, False), ("不定期", 0, True), ("５分钟", 300, False), ("每隔10天", 864_000, False)],
)
def test_periods_are_read(typed: str, seconds: int, is_irregular: bool) -> None:
    assert read_period(typed) == (seconds, is_irregular)


@pytest.mark.parametrize("seconds", [0, 300, 3_600, 86_400, 7 * 86_400, 86_401, 100 * 86_400])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_periods_come_back_as_written(seconds: int, language: str) -> None:
    assert read_period(write_period(seconds, is_irregular=False, language=language)) == (seconds, False)
    assert read_seconds(write_seconds(seconds, language)) == seconds


@pytest.mark.parametrize("typed", ["有空", "-1天", "999999999天", "1e9s"])
def test_other_periods_are_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"is "):
        read_period(typed)
    with pytest.raises(ValueError, match=r"is "):
        read_seconds(typed)


@pytest.mark.parametrize(
    ("typed", "kind"),
    [("C..40", "string"), ("varchar(32)", "string"), ("VARCHAR2(20)", "string"), ("字符型（18）", "string"), ("N10,2", "float64"),
     ("int64", "int64"), ("整型32", "int32"), ("DateTime", "timestamp"), ("日期型", "timestamp"), ("ＢＯＯＬ", "bool")],
)  # fmt: skip
def test_types_are_read_without_their_length(typed: str, kind: str) -> None:
    assert read_type(typed) == kind


@pytest.mark.parametrize("kind", SheetKind)
def test_no_header_means_two_columns(kind: SheetKind) -> None:
    spellings = [header_key(name) for column in COLUMNS[kind] for name in {*map(header_key, (*column.zh, *column.en))}]
    assert sorted(spellings) == sorted(set(spellings))
