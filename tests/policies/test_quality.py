"""Rules of quality as data: read strictly, written only when set, joined downward, never in the way of bundles of yesterday."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies.catalogue import Resource
from policies.errors import BundleError
from policies.presets import preset_bundle
from policies.quality import Check, Quality, QualityRules, Rule
from policies.ruleset import merge
from sync.model import Level
from tests.policies.city import city

RESIDENTS = city().resources["residents"]
RULES: list[dict[str, Any]] = [
    {"id": "named", "check": "required", "fields": ["name"]},
    {"id": "born", "check": "range", "fields": ["birth_year"], "range": {"low": -5.0, "high": 2100.0}},
    {"id": "form", "check": "pattern", "fields": ["phone"], "pattern": "[0-9]{11}", "title": "eleven digits"},
    {"id": "kind", "check": "one-of", "fields": ["category"], "values": ["常住", "流动"]},
    {"id": "number", "check": "identifier", "fields": ["id_number"], "identifier": "resident-id"},
    {"id": "once", "check": "unique", "fields": ["resident_id"]},
    {"id": "sane", "check": "row", "predicate": "birth_year > 1800 OR name IS NULL"},
    {"id": "quick", "check": "fresh", "max_age_s": 3600},
    {"id": "real", "check": "reference", "fields": ["category"], "resource": "enterprises", "column": "name"},
]
WHOLE = {"rules": RULES, "key": ["resident_id"], "source": "street"}


def with_quality(value: dict[str, Any]) -> Resource:
    return Resource.of({**RESIDENTS.encoded(), "quality": value}, "resource")


def test_rules_read_back_as_written() -> None:
    assert with_quality(WHOLE).quality.encoded() == WHOLE
    assert {Check(rule["check"]) for rule in RULES} == set(Check)
    assert {check.quality for check in Check} == set(Quality)


def test_a_resource_without_rules_writes_no_key() -> None:
    assert "quality" not in RESIDENTS.encoded()
    assert not QualityRules()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"id": "No Good"}, "lower-case"),
        ({"check": "magic"}, "is not one of required"),
        ({"fields": []}, "needs fields"),
        ({"fields": ["nope"]}, "no field 'nope'"),
        ({"check": "range", "range": {}}, "needs range"),
        ({"check": "range", "fields": ["birth_year"], "range": {"low": 2, "high": 1}}, "above high"),
        ({"check": "range", "range": {"low": 1}}, "judges numbers"),
        ({"check": "range", "fields": ["birth_year"], "range": {"low": float("nan")}}, "expected a number"),
        ({"check": "range", "fields": ["birth_year"], "range": {"low": 1, "mid": 2}}, "unknown key mid"),
        ({"check": "pattern", "pattern": "("}, "RE2"),
        ({"check": "pattern", "pattern": "(?=a)"}, "RE2"),
        ({"check": "pattern", "pattern": "((a{900}){900}){900}"}, "RE2"),
        ({"check": "pattern", "pattern": "a" * 301}, "at most 300"),
        ({"check": "pattern", "fields": ["birth_year"], "pattern": "a"}, "judges texts"),
        ({"check": "one-of", "values": ["x"] * 1_001}, "at most 1000"),
        ({"check": "identifier", "identifier": "shoe"}, "is not one of resident-id"),
        ({"check": "row", "predicate": "length(name) > 3"}, "predicate refused at character"),
        ({"surprise": 1}, "unknown key surprise"),
    ],
)
def test_a_rule_that_could_not_be_judged_is_refused(change: dict[str, Any], word: str) -> None:
    with pytest.raises(BundleError, match=word):
        with_quality({"rules": [{"id": "x", "check": "required", "fields": ["name"], **change}]})


@pytest.mark.parametrize("value", [{"rules": [RULES[0], RULES[0]]}, {"key": ["name", "name"]}, {"key": ["nope"]}, {"rules": RULES * 8}])
def test_repeated_rules_and_keys_are_refused(value: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="quality"):
        with_quality(value)


def test_a_lower_issuer_adds_rules_and_takes_none_away() -> None:
    base = QualityRules((Rule.of(RULES[0], "r"),))
    other = QualityRules((replace(Rule.of(RULES[0], "r"), fields=("phone",)), Rule.of(RULES[1], "r"), Rule.of(RULES[3], "r")), ("name",))
    joined = base.joined(other, frozenset({"name", "phone", "birth_year"}))
    assert [(rule.id, rule.fields) for rule in joined.rules] == [("named", ("name",)), ("born", ("birth_year",))]
    assert joined.key == ("name",)


def test_rules_of_a_city_join_those_of_the_province() -> None:
    province = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=10**15)
    municipal = preset_bundle(Level.MUNICIPAL, issuer="qingdao", not_before_us=0, not_after_us=10**15)
    contents = replace(municipal.contents, catalogue=(with_quality({"rules": RULES[:1]}),))
    found = merge([province, replace(municipal, contents=contents)]).resources["residents"]
    assert [rule.id for rule in found.quality.rules] == ["named"]
