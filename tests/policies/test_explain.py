"""Explanations: the four forms of a specimen, the steps, and that every code has a text."""

from __future__ import annotations

import json

import pytest

from node.texts import LANGUAGES, catalogue
from policies import PolicyError, Way
from policies.explain import Explanation, explain, specimen_forms
from policies.words import Reason, Verdict
from sync.model import Level
from tests.policies.city import city, gate

GATE = gate(Level.STREET)


def forms() -> dict[str, dict[str, object]]:
    answer = specimen_forms(GATE, "residents")
    assert isinstance(answer["forms"], list)
    return {form["where"]: form for form in answer["forms"]}


def test_the_specimen_is_full_at_the_source_masked_at_the_parent_and_nowhere_above() -> None:
    answer = forms()
    source, parent = answer["source"]["row"], answer["parent"]["row"]
    assert isinstance(source, dict)
    assert isinstance(parent, dict)
    assert (source["name"], parent["name"]) == ("周某某", "周**")
    assert parent["birth_year"] == source["birth_year"]
    assert (answer["above"]["outcome"], answer["above"]["row"]) == ("aggregate", None)
    assert (answer["listed"]["outcome"], answer["listed"]["reason"]) == ("deny", "negative-list")


@pytest.mark.parametrize("code", sorted(city().resources))
def test_every_specimen_is_plain_json(code: str) -> None:
    assert json.loads(json.dumps(specimen_forms(GATE, code)))["resource"] == code


def test_a_resource_nobody_catalogued_has_no_specimen() -> None:
    with pytest.raises(PolicyError, match="no resource 'stranger'"):
        specimen_forms(GATE, "stranger")


def why(row: dict[str, str | int | float | bool | None] | None = None) -> Explanation:
    return explain(GATE.book, "residents", Way.UP, hops=1, row=row)


def test_an_explanation_names_basis_and_appeal_of_the_entry() -> None:
    steps = why().encoded()["steps"]
    assert isinstance(steps, list)
    listed = next(step for step in steps if step["rule"] == "negative-list")
    assert listed["basis"]["article"] == "第九条"
    assert listed["values"]["appeal"]


def test_a_row_is_judged_as_it_stands() -> None:
    assert why({"category": "常住"}).outcome == "mask"
    assert (why({"category": "protected"}).outcome, why({"category": "protected"}).reason) == ("deny", "negative-list")
    assert why({"category": "常住", "grade": 4}).outcome == "aggregate"


def test_a_row_that_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(PolicyError, match="has no field 'shoe_size'"):
        why({"shoe_size": 43})
    with pytest.raises(PolicyError, match="birth_year is of type int32"):
        why({"birth_year": "old"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_an_explanation_can_give_has_a_text(language: str) -> None:
    texts = catalogue(language)
    codes = {f"policy.reason_{reason.word}" for reason in Reason if reason.word} | {f"policy.outcome_{verdict.word}" for verdict in Verdict}
    for code in city().resources:
        for hops, way in ((0, Way.UP), (1, Way.UP), (2, Way.UP), (1, Way.RETURN), (1, Way.SIDEWAYS)):
            codes |= {f"policy.step_{step.reason}" for step in explain(GATE.book, code, way, hops=hops).steps}
            codes |= {f"policy.rule_{step.rule}" for step in explain(GATE.book, code, way, hops=hops).steps}
    assert not codes - set(texts)
