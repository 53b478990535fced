"""Rows handed in by an operator: what is filled in, and every reason for which they are refused whole."""

from __future__ import annotations

import base64

import pytest

from node.ingest.put import PutPlace, PutRefused, rows_of
from policies.catalogue import Resource
from policies.presets import city_bundle_contents
from sync.model import Level

NOW_US = 1_767_225_600_000_000
STREET = PutPlace(Level.STREET, "370202001", NOW_US)
CITY = PutPlace(Level.MUNICIPAL, "3702", NOW_US)
COLUMNS = ("credit_code", "name", "industry", "status")
ROW = ("91370200X", "样例", "零售", None)


def resource(code: str) -> Resource:
    """A resource of the shipped catalogue."""
    return next(entry for entry in city_bundle_contents(Level.PROVINCIAL).catalogue if entry.code == code)


def test_common_columns_left_out_are_filled_in() -> None:
    assert rows_of(resource("enterprises"), COLUMNS, [ROW], CITY) == [(NOW_US, "3702", 1, *ROW)]


def test_columns_may_come_in_any_order() -> None:
    rows = rows_of(resource("enterprises"), (*reversed(COLUMNS), "territory"), [(*reversed(ROW), "370202001")], CITY)
    assert rows == [(NOW_US, "370202001", 1, *ROW)]


def test_binary_cells_are_base64() -> None:
    columns = ("sha256", "event_id", "camera", "jpeg", "thumb_width", "thumb_height", "thumb_rgb", "masked")
    row = ("", "e", "c", base64.b64encode(b"jpeg").decode(), 1, 1, "", True)
    assert rows_of(resource("camera-evidence"), columns, [row], STREET)[0][6] == b"jpeg"


@pytest.mark.parametrize(
    ("columns", "row", "why"),
    [
        (("credit_code", "nam", "industry", "status"), ROW, "column 'nam' refused: enterprises has no such field; did you mean 'name'"),
        (("credit_code", "name", "industry"), ROW[:3], "column 'status' of enterprises is missing"),
        ((*COLUMNS, "name"), (*ROW, "x"), "one is there twice"),
        (COLUMNS, ROW[:3], "row 1 refused: it has 3 values for 4 columns"),
        (COLUMNS, (7, *ROW[1:]), "row 1 refused: credit_code is no text"),
        ((*COLUMNS, "territory"), (*ROW, "370300"), "'370300' is no territory inside this node's 3702"),
        ((*COLUMNS, "territory"), (*ROW, "37020"), "'37020' is no territory"),
        ((*COLUMNS, "grade"), (*ROW, 0), "0 is not from 1, the grade of the resource, to 4"),
        ((*COLUMNS, "grade"), (*ROW, True), "grade is no int8"),
        ((*COLUMNS, "event_time"), (*ROW, "2026"), "event_time is no timestamp"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_with_its_place(columns: tuple[str, ...], row: tuple[object, ...], why: str) -> None:
    with pytest.raises(PutRefused, match=why):
        rows_of(resource("enterprises"), columns, [row], CITY)


def test_a_node_of_another_level_than_the_source_is_refused() -> None:
    with pytest.raises(PutRefused, match="its source is the municipal level and this node is street"):
        rows_of(resource("enterprises"), COLUMNS, [ROW], STREET)


def test_totals_cannot_be_handed_in() -> None:
    with pytest.raises(PutRefused, match="totals of residents that nodes make themselves"):
        rows_of(resource("residents-summary"), ("count",), [(1,)], STREET)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1"])
def test_a_number_is_a_finite_number(value: object) -> None:
    with pytest.raises(PutRefused, match="value is no number"):
        rows_of(resource("air-quality"), ("device", "quantity", "value", "text", "unit"), [("d", "q", value, None, None)], STREET)


@pytest.mark.parametrize("value", [1 << 31, -(1 << 31) - 1, 1.0])
def test_an_integer_fits_its_column(value: object) -> None:
    columns = ("resident_id", "name", "id_number", "phone", "birth_year", "category")
    with pytest.raises(PutRefused, match="birth_year is no int32"):
        rows_of(resource("residents"), columns, [("a", "b", "c", "d", value, "e")], STREET)
