"""What a clearance shows: rows up to it, fields above it masked, nothing ungraded, nothing of the legal floor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies import Station
from policies.arrow import words_of
from policies.catalogue import Field
from policies.columns import masked_names
from policies.errors import PolicyError
from policies.gate import CompiledGate
from policies.granting import Given
from policies.words import National
from sync.model import Level
from tests.policies.city import KEYS, NOW_US, city, gate, rows_of

RULES = city()
RESIDENTS = RULES.resources["residents"]


def seen(clearance: int, *, grades: tuple[int, ...] = (3, 4, 0), **change: object) -> Given:
    resource = replace(RESIDENTS, **change)  # type: ignore[arg-type]
    rules = replace(RULES, resources={**RULES.resources, "residents": resource})
    found = CompiledGate(rules, Station("street", Level.STREET, KEYS), now_us=NOW_US)
    rows = rows_of(resource, [{"grade": grade, "birth_year": 1823} for grade in grades])
    return found.view("residents", rows, clearance=clearance)


@pytest.mark.parametrize(("clearance", "shown"), [(1, 0), (2, 0), (3, 2), (4, 3)])
def test_rows_up_to_the_clearance_are_shown_and_others_counted(clearance: int, shown: int) -> None:
    given = seen(clearance)
    assert given.rows.num_rows == shown
    assert sum(given.withheld.values()) == 3 - shown


def test_a_row_without_any_grade_is_never_shown() -> None:
    assert seen(4, grades=(9,)).rows.num_rows == 0


def test_an_ungraded_resource_shows_nothing() -> None:
    given = seen(4, grade=0)
    assert (given.rows.num_rows, dict(given.withheld)) == (0, {"unclassified": 3})


def test_fields_graded_above_the_clearance_are_masked() -> None:
    fields = tuple(replace(item, grade=4) if item.name in ("phone", "birth_year") else item for item in RESIDENTS.fields)
    given = seen(3, grades=(3,), fields=fields)
    row = given.rows.to_pylist()[0]
    assert row["name"] == "周某某"
    assert "*" in row["phone"]
    assert masked_names(given.rows) == {"phone", "birth_year"}
    assert set(given.masks) == {"phone", "birth_year"}
    assert seen(4, grades=(3,), fields=fields).rows.to_pylist()[0]["phone"] == "10000000000"


def test_what_the_legal_floor_names_is_shown_to_nobody() -> None:
    assert seen(4, national=National.CORE).rows.num_rows == 0
    assert seen(4, categories=("state-secret",)).rows.num_rows == 0
    fields = (*RESIDENTS.fields[:5], Field("category", "string", category="face-template"))
    assert seen(4, fields=fields).rows.column("category").null_count == 3


def test_values_of_withheld_rows_are_in_no_dictionary() -> None:
    rows = rows_of(RESIDENTS, [{"grade": 3, "name": "shown"}, {"grade": 4, "name": "CANARY"}])
    given = gate(Level.STREET).view("residents", rows, clearance=3)
    assert words_of(given.rows.column("name")).to_pylist() == ["shown"]


def test_an_unknown_resource_and_a_clearance_that_is_no_grade_are_refused() -> None:
    rows = rows_of(RESIDENTS, [{}])
    with pytest.raises(PolicyError, match="not in the catalogue"):
        gate(Level.STREET).view("nope", rows, clearance=2)
    with pytest.raises(PolicyError, match="clearance 5"):
        gate(Level.STREET).view("residents", rows, clearance=5)
