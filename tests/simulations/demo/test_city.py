"""The demo's fictitious data: nobody in it can live, and it fits the catalogue and its release rules."""

from __future__ import annotations

from collections import Counter

from node.ingest.put import PutPlace, rows_of
from policies.presets import city_bundle_contents
from simulations.demo.city import CITY, PROTECTED, PROTECTED_COUNT, SHOWN, STREET, Place, Table, enterprises, residents
from sync.model import Level

RELEASE_K = 10
"""Least people in a total of L3 records, as the shipped release rule says."""


def stored(table: Table, place: Place) -> int:
    """Rows that a node of `place` would store."""
    resource = next(entry for entry in city_bundle_contents(Level.PROVINCIAL).catalogue if entry.code == table.resource)
    return len(rows_of(resource, table.columns, table.rows, PutPlace(place.level, place.territory, now_us=1)))


def column(table: Table, name: str) -> list[str | int]:
    """One column of a table."""
    return [row[table.columns.index(name)] for row in table.rows]


def test_both_tables_are_taken_by_the_node_that_is_their_source() -> None:
    assert stored(residents(), STREET) == 64
    assert stored(enterprises(), CITY) == 42


def test_no_resident_can_be_a_living_person() -> None:
    table = residents()
    assert all(1800 <= int(year) <= 1850 for year in column(table, "birth_year"))
    assert all(str(phone).startswith("100") for phone in column(table, "phone"))


def test_masked_phone_numbers_still_tell_residents_apart() -> None:
    endings = [str(phone)[-2:] for phone in column(residents(), "phone")]
    assert len(set(endings)) == len(endings)


def test_the_resident_shown_belongs_to_a_group_large_enough_for_a_total() -> None:
    table = residents()
    groups = Counter((row[0], int(row[5]) // 10) for row in table.rows if row[6] != PROTECTED)
    shown = table.rows[SHOWN]
    assert groups[(shown[0], int(shown[5]) // 10)] >= RELEASE_K
    assert min(groups.values()) < RELEASE_K


def test_a_few_residents_are_protected() -> None:
    assert column(residents(), "category").count(PROTECTED) == PROTECTED_COUNT


def test_enterprises_lie_in_several_districts() -> None:
    assert len({str(street)[:6] for street in column(enterprises(), "territory")}) == 3
