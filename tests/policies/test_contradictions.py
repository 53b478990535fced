"""Entries of two levels that say different things about one flow are found; what does not meet, or says the same, is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.contradictions import contradictions
from policies.entry import Entry, Exemption
from policies.ruleset import IssuedEntry
from policies.words import Verdict, Way
from sync.model import Level
from tests.policies.city import city

UPPER = Entry("NL-1", Verdict.DENY, "residents", ways=(Way.SIDEWAYS,), purposes=("statistics",))
LOWER = Entry("NL-2", Verdict.MASK, "residents", ways=(Way.SIDEWAYS, Way.OPEN))


def found(upper: Entry = UPPER, lower: Entry = LOWER, *, lower_level: Level = Level.DISTRICT, live: bool = True) -> list[str]:
    entries = (IssuedEntry("qingdao", Level.MUNICIPAL, upper), IssuedEntry("shinan", lower_level, lower))
    return [one.key for one in contradictions(replace(city(), entries=entries), live=[0, 1] if live else [0])]


def test_different_effects_on_one_flow_contradict_each_other() -> None:
    assert found() == ["qingdao/NL-1 shinan/NL-2"]
    assert found(replace(UPPER, resource="res*", ways=())) == ["qingdao/NL-1 shinan/NL-2"]
    same = replace(UPPER, exemptions=(Exemption("wang", ("statistics",)),))
    assert found(same, replace(LOWER, effect=Verdict.DENY)) == ["qingdao/NL-1 shinan/NL-2"]


@pytest.mark.parametrize(
    "change",
    [
        {"effect": Verdict.DENY},
        {"effect": Verdict.HOLD},
        {"resource": "enterprises"},
        {"ways": (Way.OPEN,)},
        {"purposes": ("training",)},
        {"categories": ("weather",)},
    ],
)
def test_what_says_the_same_or_does_not_meet_is_none(change: dict[str, object]) -> None:
    assert found(lower=replace(LOWER, **change)) == []  # type: ignore[arg-type]


def test_entries_of_one_level_without_effect_or_about_other_rows_are_none() -> None:
    assert found(lower_level=Level.MUNICIPAL) == []
    assert found(live=False) == []
    assert found(replace(UPPER, predicate="category = 'x'"), replace(LOWER, predicate="category = 'y'")) == []
    assert found(replace(UPPER, territories=("370203",)), replace(LOWER, territories=("370202",))) == []
    assert len(found(replace(UPPER, territories=("3702",)), replace(LOWER, territories=("370202",)))) == 1
    assert found(replace(UPPER, levels=(Level.STREET,)), replace(LOWER, levels=(Level.GRID,))) == []
