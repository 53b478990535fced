"""What many plans share at one moment: each made once, and never one in place of another."""

from __future__ import annotations

import pytest

from policies.catalogue import Field
from policies.masks import REDACT, WITHHOLD, Mask, Method
from policies.moment import Asked, Moment, Treatment
from policies.plan import rule_text
from policies.words import National, Reason, Role, Verdict
from tests.policies.city import city


@pytest.fixture
def moment() -> Moment:
    return Moment(city(), stale=False)


def test_a_rule_of_a_column_is_one_object_and_its_text_is_remembered(moment: Moment) -> None:
    rule = moment.rule("name", WITHHOLD, Reason.CEILING)
    assert moment.rule("name", WITHHOLD, Reason.CEILING) is rule
    assert moment.texts[id(rule)] == rule_text(rule)


def test_rules_that_differ_in_name_mask_or_reason_are_kept_apart(moment: Moment) -> None:
    masks = (WITHHOLD, REDACT, Mask(Method.PARTIAL, head=1))
    made = [moment.rule(name, mask, reason) for name in ("a", "b") for mask in masks for reason in (Reason.CEILING, Reason.LEGAL_FLOOR)]
    assert len({(rule.name, rule.mask, rule.reason) for rule in made}) == len({moment.texts[id(rule)] for rule in made}) == 12


def test_a_field_is_masked_by_a_ceiling_only_where_it_identifies_directly(moment: Moment) -> None:
    direct, plain = moment.options(Field("name", "string", Role.DIRECT_ID)), moment.options(Field("name", "string"))
    assert (direct[Treatment.LEFT], plain[Treatment.MASKED]) == (None, None)
    assert direct[Treatment.MASKED] is not None
    assert direct[Treatment.WITHHELD] is plain[Treatment.WITHHELD]


def test_a_ceiling_is_told_for_the_grade_asked_about_and_each_above_it(moment: Moment) -> None:
    table = moment.rules.ceiling
    assert table is not None
    asked = Asked("parent", 2, National.GENERAL.value, is_granted=False, is_question=False, field_grades=(0, 4))
    covered = moment.covered(table, asked)
    assert [verdict for verdict, _ in covered] == [table.verdict(f"L{grade}", "parent") for grade in (2, 3, 4)]
    assert covered[0][1] == (Treatment.LEFT, Treatment.WITHHELD)
    assert covered[1] == (Verdict.MASK, (Treatment.MASKED, Treatment.WITHHELD))


def test_the_same_steps_one_after_the_other_are_one_object(moment: Moment) -> None:
    first, second = (moment.step(one.entry, live=True, why="live") for one in (moment.rules.entries[0], moment.rules.entries[0]))
    assert first is second
    assert moment.as_before((first, first)) is moment.as_before((second, second))
    assert moment.as_before((first,)) == (first,)
