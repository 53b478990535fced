"""Plans: the order of evaluation, ceilings by distance, and a hash every process agrees on."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from policies import Entry, Field, PlanBook, Resource, Ruleset, Share, Verdict, Way
from policies import compile as compile_module
from policies.masks import Method
from policies.plan import Plan
from policies.ruleset import IssuedEntry
from policies.words import National
from sync.model import ClockQuality, Level
from tests.policies.city import NOW_US, city

RULES = city()
AIR = RULES.resources["air-quality"]

HASH_SCRIPT = """
from policies import PlanBook, Way
from sync.model import Level
from tests.policies.city import NOW_US, city
book = PlanBook(city(), now_us=NOW_US)
for code in ("residents", "air-quality", "stranger"):
    print(book.plan(code, hops=1, way=Way.UP, level=Level.DISTRICT).hash.hex())
"""


def plan_of(resource: Resource, *, hops: int = 1, way: Way = Way.UP, purpose: str = "", rules: Ruleset = RULES) -> Plan:
    book = PlanBook(replace(rules, resources={resource.code: resource}), now_us=NOW_US)
    return book.plan(resource.code, hops=hops, way=way, level=Level.DISTRICT, purpose=purpose)


@pytest.mark.parametrize(
    ("grade", "parent", "above", "back"),
    [
        (1, "allow", "allow", "allow"),
        (2, "allow", "allow", "allow"),
        (3, "mask", "aggregate", "allow"),
        (4, "aggregate", "aggregate", "mask"),
    ],
)
def test_the_ceiling_table_by_grade_and_distance(grade: int, parent: str, above: str, back: str) -> None:
    resource = replace(RULES.resources["residents"], grade=grade)
    words = [
        plan_of(resource, hops=hops, way=way).base.verdict.word for hops, way in ((1, Way.UP), (2, Way.UP), (9, Way.UP), (1, Way.RETURN))
    ]
    assert words == [parent, above, above, back]


def test_the_residents_plan_masks_every_direct_id_and_nothing_else() -> None:
    plan = plan_of(RULES.resources["residents"])
    methods = {rule.name: rule.mask.method for rule in plan.base.columns}
    partial = Method.PARTIAL
    assert methods == {"resident_id": Method.PSEUDONYM, "name": partial, "id_number": partial, "phone": partial}


def test_steps_come_in_the_order_of_evaluation() -> None:
    rules = [step.rule for step in plan_of(RULES.resources["residents"], hops=2).steps]
    assert rules == ["bundle", "legal-floor", "negative-list", "ceiling", "grant", "release"]


def test_a_conditional_resource_needs_its_standing_purpose() -> None:
    assert plan_of(replace(AIR, share=Share.CONDITIONAL)).base.verdict is Verdict.HOLD
    granted = replace(AIR, share=Share.CONDITIONAL, purpose="statistics")
    assert plan_of(granted).base.verdict is Verdict.ALLOW
    assert plan_of(granted, purpose="training").base.reason.word == "no-grant"
    assert plan_of(granted, way=Way.SIDEWAYS).base.verdict is Verdict.HOLD


def test_share_type_none_without_an_entry_is_treated_as_conditional_and_flagged() -> None:
    plan = plan_of(replace(AIR, share=Share.NONE))
    assert plan.base.verdict is Verdict.HOLD
    assert "share-none-is-conditional" in [step.reason for step in plan.steps]


def test_an_ungraded_resource_is_held_but_stays_open_at_home() -> None:
    ungraded = replace(AIR, grade=0)
    assert (plan_of(ungraded).base.verdict, plan_of(ungraded).base.reason.word) == (Verdict.HOLD, "unclassified")
    assert plan_of(ungraded, hops=0).base.verdict is Verdict.ALLOW


def test_the_legal_floor_cannot_be_lifted_by_any_grade() -> None:
    for way in Way:
        assert plan_of(replace(AIR, national=National.CORE), way=way).base.verdict is Verdict.DENY
        assert plan_of(replace(AIR, categories=("state-secret",)), way=way).base.reason.word == "legal-floor"
    face = replace(AIR, fields=(*AIR.fields, Field("template", "binary", category="face-template")))
    assert [rule.name for rule in plan_of(face).base.columns] == ["template"]


def test_important_data_is_held_for_the_parent_and_totals_above() -> None:
    important = replace(AIR, national=National.IMPORTANT)
    assert [plan_of(important, hops=hops).base.verdict for hops in (1, 2)] == [Verdict.HOLD, Verdict.AGGREGATE]


def test_a_field_graded_above_its_resource_is_withheld_where_its_grade_is_closed() -> None:
    fields = (*AIR.fields, Field("note", "string", grade=4))
    rules = plan_of(replace(AIR, fields=fields)).base.columns
    assert [(rule.name, rule.mask.method, rule.reason.word) for rule in rules] == [("note", Method.WITHHOLD, "ceiling")]


def test_a_void_entry_shows_in_the_steps_and_does_nothing() -> None:
    issued = RULES.entries[0]
    void = replace(RULES, entries=(replace(issued, entry=replace(issued.entry, approver="")),))
    plan = plan_of(RULES.resources["residents"], rules=void)
    assert not plan.rows
    assert "void-no-approver" in [step.reason for step in plan.steps]


def test_an_unsure_clock_brings_an_expired_entry_back() -> None:
    late = RULES.entries[0].entry.valid_to_us + 1
    unsure = ClockQuality(uncertainty_us=600_000_000)
    residents = ("residents", Level.DISTRICT)
    sure = PlanBook(RULES, now_us=late).plan(residents[0], hops=1, way=Way.UP, level=residents[1])
    careful = PlanBook(RULES, now_us=late, clock=unsure).plan(residents[0], hops=1, way=Way.UP, level=residents[1])
    assert (len(sure.rows), len(careful.rows)) == (0, 1)


def test_no_entry_is_about_the_facts_by_which_entries_are_decided() -> None:
    everything = replace(RULES.entries[0].entry, resource="*", predicate="", levels=(), ways=())
    rules = replace(RULES, entries=(replace(RULES.entries[0], entry=everything),))
    for code, verdict in (("list-cases", Verdict.ALLOW), ("air-quality", Verdict.DENY)):
        plan = PlanBook(rules, now_us=NOW_US).plan(code, hops=1, way=Way.UP, level=Level.STREET)
        assert plan.base.verdict is verdict


def test_past_the_date_of_its_bundle_an_open_resource_stays_under_the_negative_list() -> None:
    """Degraded mode lets grade 1 pass; what an entry held back until the same day must not pass with it."""
    closed = replace(RULES.entries[0].entry, effect=Verdict.HOLD, resource=AIR.code, predicate="value > 1.0", levels=())
    rules = replace(RULES, entries=(replace(RULES.entries[0], entry=closed),))
    late = max(rules.not_after_us, closed.valid_to_us)
    plan = PlanBook(rules, now_us=late).plan(AIR.code, hops=1, way=Way.UP, level=Level.STREET)
    assert plan.base.verdict is Verdict.ALLOW
    assert [row.entry_id for row in plan.rows] == [closed.id]


def test_the_hash_names_what_a_plan_does() -> None:
    residents = RULES.resources["residents"]
    assert plan_of(residents).hash == plan_of(residents).hash
    assert plan_of(residents).hash != plan_of(replace(residents, grade=2)).hash
    assert plan_of(residents).hash != plan_of(residents, rules=replace(RULES, entries=())).hash


def test_a_book_never_remembers_more_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_module, "PLANS_MAX", 3)
    book = PlanBook(RULES, now_us=NOW_US)
    for hops in range(2, 200):
        plans = book.plans(hops=hops, way=Way.UP, level=Level.PROVINCIAL)
    for number in range(10):
        assert plans[f"stranger-{number}"].resource is None
        assert len(plans) <= 3
    assert plans is book.plans(hops=2, way=Way.UP, level=Level.PROVINCIAL)


def test_a_book_never_remembers_more_kinds_of_flow_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_module, "FLOWS_MAX", 3)
    book = PlanBook(RULES, now_us=NOW_US)
    for number in range(10):
        assert book.plan(AIR.code, hops=1, way=Way.UP, level=Level.DISTRICT, purpose=f"statistics/{number}").resource is AIR
        assert len(book._flows) <= 3


def test_levels_that_no_rule_tells_apart_share_one_ruling_and_differ_in_their_hashes() -> None:
    book = PlanBook(RULES, now_us=NOW_US)
    street, district = (book.plan(AIR.code, hops=1, way=Way.UP, level=level) for level in (Level.STREET, Level.DISTRICT))
    assert street.grades is district.grades
    assert street.hash != district.hash


def test_entries_that_name_a_beginning_apply_in_the_order_of_the_list_after_those_that_name_the_resource() -> None:
    named = ("air-*", "*", "air-quality", "air-q*", "water-*", "air-quality-more")
    listed = tuple(IssuedEntry("x", Level.MUNICIPAL, Entry(f"e{number}", Verdict.DENY, name)) for number, name in enumerate(named))
    book = PlanBook(replace(RULES, entries=listed), now_us=NOW_US)
    assert [entry.id for entry, _, _ in book.entries_about(AIR)] == ["e2", "e0", "e1", "e3"]


@pytest.mark.slow
def test_the_hash_is_the_same_in_processes_with_other_hash_seeds() -> None:
    seen = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", HASH_SCRIPT], env=environment, capture_output=True, text=True, check=True)
        seen.add(done.stdout)
    assert len(seen) == 1
    assert len(seen.pop().split()) == 3
