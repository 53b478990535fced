"""Levels, territories and names: what is accepted, what is refused, and with which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.model import TERRITORY_DIGITS, Direction, Lane, Level, ModelError, Territory, check_node_id, check_resource, code_contains

CODES = st.sampled_from(TERRITORY_DIGITS).flatmap(lambda digits: st.text("0123456789", min_size=digits, max_size=digits))


@pytest.mark.parametrize("level", Level)
def test_a_level_is_found_by_its_word(level: Level) -> None:
    assert Level.from_word(level.word) is level


def test_an_unknown_level_is_refused_with_the_words_there_are() -> None:
    with pytest.raises(ModelError, match="'county' is not one of grid, street, district, municipal, provincial"):
        Level.from_word("county")


def test_levels_lanes_and_directions_keep_their_numbers() -> None:
    assert [level.word for level in Level] == ["grid", "street", "district", "municipal", "provincial"]
    assert [lane.word for lane in Lane] == ["control", "alarm", "event", "state", "bulk", "blob"]
    assert [list(map(int, kind)) for kind in (Level, Lane, Direction)] == [[1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], [0, 1]]


@given(CODES)
def test_codes_of_the_six_tiers_are_territories(code: str) -> None:
    assert Territory(code).contains(Territory(code))


@pytest.mark.parametrize("code", ["", "3", "370", "37020", "3702022", "37020a", "٣٧", "3702022222222222"])
def test_other_codes_are_refused(code: str) -> None:
    with pytest.raises(ModelError, match="expected 2, 4, 6, 9, 12 or 15 digits"):
        Territory(code)


@given(CODES, CODES)
def test_a_territory_contains_exactly_what_begins_with_its_code(outer: str, inner: str) -> None:
    assert Territory(outer).contains(Territory(inner)) == code_contains(outer, inner) == (inner[: len(outer)] == outer)


def test_the_same_digits_of_another_edition_are_another_territory() -> None:
    assert not Territory("3702").contains(Territory("370202", edition="2010-10-31"))
    assert not Territory("3702").contains(Territory("370202", system="MCA"))


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", fullmatch=True))
def test_dns_labels_are_node_ids(name: str) -> None:
    assert check_node_id(name) == name


@pytest.mark.parametrize("name", ["", "a", "-a", "a-", "A1", "qd_shinan", "市南", "a" * 64, "qd\n", "../up"])
def test_other_node_ids_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="node id"):
        check_node_id(name)


@pytest.mark.parametrize("name", ["air-quality", "a", "x" * 63])
def test_resource_codes_are_accepted(name: str) -> None:
    assert check_resource(name) == name


@pytest.mark.parametrize("name", ["", "1air", "-air", "Air", "x" * 64, "air quality", "air\n"])
def test_other_resource_codes_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="resource"):
        check_resource(name)
