"""What is made of governed rows is governed as they are: grades, categories, entries; and what nobody knows is held."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies import Field, PlanBook, Resource, Ruleset, Verdict, Way
from policies.bundle import Contents
from policies.errors import BundleError
from policies.lineage import ancestors, inherited, is_about
from policies.ruleset import IssuedEntry
from policies.words import National, Role, Share
from sync.model import Level
from tests.policies.city import NOW_US, city, gate, rows_of, stored, up_to

RULES = city()
AIR, RESIDENTS = RULES.resources["air-quality"], RULES.resources["residents"]
ENTRY = RULES.entries[0].entry


def alarms(*lineage: str, **changes: object) -> Resource:
    return replace(AIR, code="alarms", lineage=lineage, **changes)  # type: ignore[arg-type]  # fields of a resource by name


def ruled(*resources: Resource, entries: tuple[IssuedEntry, ...] = RULES.entries) -> Ruleset:
    return replace(RULES, resources=inherited({each.code: each for each in resources}), entries=entries)


def verdict(rules: Ruleset, code: str, level: Level = Level.DISTRICT) -> Verdict:
    return PlanBook(rules, now_us=NOW_US).plan(code, hops=1, way=Way.UP, level=level).base.verdict


def test_a_child_is_as_strict_as_the_strictest_it_comes_from() -> None:
    strict = replace(AIR, grade=3, national=National.IMPORTANT, share=Share.CONDITIONAL, categories=("water",))
    heir = inherited({"air-quality": strict, "alarms": alarms("air-quality", grade=1, categories=("alarm",))})["alarms"]
    assert (heir.grade, heir.national, heir.share) == (3, National.IMPORTANT, Share.CONDITIONAL)
    assert heir.categories == ("alarm", "water")


def test_a_grandchild_inherits_over_all_steps_and_a_circle_ends() -> None:
    first, second = alarms("air-quality"), replace(alarms("alarms"), code="digest")
    circle = replace(AIR, lineage=("digest",))
    assert ancestors(second, {"air-quality": circle, "alarms": first, "digest": second}) == ("air-quality", "alarms")
    assert inherited({"air-quality": replace(AIR, grade=4), "alarms": first, "digest": second})["digest"].grade == 4


@pytest.mark.parametrize("parent", [None, replace(AIR, grade=0)])
def test_what_comes_from_an_unknown_or_ungraded_resource_is_held(parent: Resource | None) -> None:
    known = () if parent is None else (parent,)
    assert verdict(ruled(*known, alarms("air-quality")), "alarms") is Verdict.HOLD


def test_a_field_of_the_same_name_stays_what_it_was() -> None:
    named = Field("device", "string", role=Role.DIRECT_ID, grade=3, mask="name", category="person")
    parent = replace(AIR, fields=(named, *AIR.fields[1:]))
    heir = inherited({"air-quality": parent, "alarms": alarms("air-quality")})["alarms"]
    assert heir.fields[0] == named
    assert heir.fields[1:] == AIR.fields[1:]


def test_an_entry_about_the_parent_denies_the_child_too() -> None:
    entry = replace(ENTRY, resource="air-quality", predicate="", territories=(), levels=(), ways=(), effect=Verdict.DENY)
    rules = ruled(AIR, alarms("air-quality"), replace(AIR, code="other"), entries=(replace(RULES.entries[0], entry=entry),))
    assert [verdict(rules, code) for code in ("air-quality", "alarms", "other")] == [Verdict.DENY, Verdict.DENY, Verdict.ALLOW]
    assert is_about(entry, rules.resources["alarms"])


def test_an_entry_about_a_category_of_the_parent_reaches_the_child() -> None:
    entry = replace(ENTRY, resource="*", categories=("secret",), predicate="", territories=(), levels=(), ways=(), effect=Verdict.DENY)
    rules = ruled(replace(AIR, categories=("secret",)), alarms("air-quality"), entries=(replace(RULES.entries[0], entry=entry),))
    assert verdict(rules, "alarms") is Verdict.DENY


def test_entries_of_two_issuers_under_one_id_are_both_about_the_child() -> None:
    deny = replace(ENTRY, resource="air-quality", predicate="", territories=(), levels=(), ways=(), effect=Verdict.DENY)
    harmless = replace(deny, resource="alarms", effect=Verdict.MASK, fields=("text",))
    entries = (IssuedEntry("a", Level.MUNICIPAL, harmless), IssuedEntry("b", Level.PROVINCIAL, deny))
    assert verdict(ruled(AIR, alarms("air-quality"), entries=entries), "alarms") is Verdict.DENY


@pytest.mark.parametrize(("predicate", "kept"), [("quantity = 'CO'", 1), ("unit = 'ppm'", 0)])
def test_rows_are_denied_by_the_parents_predicate_and_all_of_them_where_it_cannot_be_asked(predicate: str, kept: int) -> None:
    entry = replace(ENTRY, resource="air-quality", predicate=predicate, territories=(), levels=(), ways=(), effect=Verdict.DENY)
    child = alarms("air-quality", fields=AIR.fields[:2], specimen=(), specimen_listed=())
    rules = ruled(AIR, child, entries=(replace(RULES.entries[0], entry=entry),))
    specimen = {name: value for name, value in AIR.specimen if name in ("event_time", "territory", "grade", "device")}
    rows = rows_of(rules.resources["alarms"], [{**specimen, "quantity": quantity} for quantity in ("CO", "O3")])
    released = gate(Level.STREET, rules).release(up_to(Level.DISTRICT), stored(rules.resources["alarms"], rows), rows)
    assert released.rows is not None
    assert released.rows.num_rows == kept


def test_lineage_travels_in_the_bundle_and_is_absent_where_there_is_none() -> None:
    child = alarms("residents", "air-quality")
    assert "lineage" not in AIR.encoded()
    assert Resource.of(child.encoded(), "r").lineage == ("air-quality", "residents")
    assert Contents.of({"catalogue": [child.encoded()]}, "b").catalogue[0].lineage == ("air-quality", "residents")


@pytest.mark.parametrize("lineage", [["alarms"], ["no code!"], [f"r{number}" for number in range(65)]])
def test_a_lineage_that_cannot_be_is_refused(lineage: list[str]) -> None:
    with pytest.raises(BundleError, match="lineage"):
        Resource.of({**alarms().encoded(), "lineage": lineage}, "catalogue[0]")
