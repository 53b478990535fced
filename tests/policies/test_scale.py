"""The table of scales: the strictest line, the field that tells persons apart, and who has a table."""

from __future__ import annotations

import pytest

from policies import Bundle, BundleError, Contents, merge
from policies.scale import Scale, scale_for
from sync.model import Level
from tests.policies.city import END_US, city

RESIDENTS = city().resources["residents"]


def bundle(level: Level, *scales: Scale, issuer: str = "qingdao") -> Bundle:
    return Bundle(issuer, level, 1, 0, END_US, Contents(scales=scales))


def test_of_several_tables_the_smallest_number_counts() -> None:
    rules = merge([bundle(Level.MUNICIPAL, Scale("residents", 50)), bundle(Level.PROVINCIAL, Scale("res*", 900), issuer="shandong")])
    assert scale_for(rules.scales, RESIDENTS) == (50, "resident_id")
    assert scale_for([Scale("res*", 900, "id_number")], RESIDENTS) == (900, "id_number")
    assert scale_for([Scale("res*", 900, "birth_year")], RESIDENTS) == (900, "resident_id")


def test_nothing_is_counted_without_a_line_a_person_or_of_facts() -> None:
    assert scale_for([], RESIDENTS) is None
    assert scale_for([Scale("enterprises", 5)], city().resources["enterprises"]) is None
    assert scale_for([Scale("*", 5)], city().resources["list-cases"]) is None


def test_a_table_reads_back_and_only_the_municipality_and_above_have_one() -> None:
    made = bundle(Level.MUNICIPAL, Scale("residents", 50))
    assert Bundle.of(made.encoded()) == made
    assert "scales" not in Contents().encoded()
    with pytest.raises(BundleError, match="no table of its own"):
        bundle(Level.DISTRICT, Scale("residents", 50))
    with pytest.raises(BundleError, match="persons"):
        Scale.of({"resource": "residents", "persons": 0}, "scale")
