"""Which rows are outside a child's territory."""

from __future__ import annotations

import pyarrow as pa
import pytest

from node.engine.foreign import foreign_code


def rows(*codes: str | None, words: tuple[str, ...] = ()) -> pa.RecordBatch:
    """Rows of these codes; with `words` the dictionary names more than the rows use."""
    if not words:
        return pa.RecordBatch.from_arrays([pa.array(codes, pa.string())], ["territory"])
    indices = pa.array([words.index(code) for code in codes if code is not None], pa.int32())
    return pa.RecordBatch.from_arrays([pa.DictionaryArray.from_arrays(indices, pa.array(words))], ["territory"])


@pytest.mark.parametrize("codes", [("370202",), ("370202001", "370202001001"), ("3702",), ("37", "370202"), (None,), ()])
def test_what_lies_inside_a_territory_or_around_it_is_its_own(codes: tuple[str | None, ...]) -> None:
    assert foreign_code(rows(*codes), "370202") == ""


@pytest.mark.parametrize("codes", [("370203",), ("370202", "370203001"), ("38",), ("370202001", "3703")])
def test_any_other_code_is_named(codes: tuple[str, ...]) -> None:
    assert foreign_code(rows(*codes), "370202") == codes[-1]


def test_words_that_no_row_uses_are_no_offence() -> None:
    assert foreign_code(rows("370202", "370202", words=("370202", "370203")), "370202") == ""
    assert foreign_code(rows("370202", "370203", words=("370202", "370203")), "370202") == "370203"


def test_rows_without_a_territory_are_left_to_the_gate() -> None:
    assert foreign_code(pa.RecordBatch.from_pylist([{"value": 1.0}]), "370202") == ""
