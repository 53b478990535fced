"""An entry's case: three persons, a basis, an end, and nothing that the file may not say."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from node.cases.fact import Fact, Place
from node.cases.kind import PARTIES, Case, fold
from node.negative_list.kind import DAY_US, ENTRY, Standing, entry_of, standing
from sync.model import HybridTime

QUOTE = "some text of a law"
WRITTEN: dict[str, Any] = {
    "effect": "deny",
    "resource": "residents",
    "ways": ["up"],
    "basis": {"instrument": "law", "article": "9", "quote": QUOTE, "sha256": hashlib.sha256(QUOTE.encode()).hexdigest()},
    "valid_from_us": 100 * DAY_US,
    "valid_to_us": 200 * DAY_US,
}
PROPOSER, APPROVER = {"node": "street", "territory": "370202001"}, {"node": "city", "territory": "3702"}


def said(word: str, at_us: int, node: str, by: str, **body: object) -> Fact:
    """A fact about the case."""
    return Fact(f"{word}{at_us}", "c1", word, by, body, Place(HybridTime(at_us), node, 7, 1), "3702")


def proposed(**change: object) -> Fact:
    """A proposal of the street to the city."""
    parties = {"proposer": PROPOSER, "approver": APPROVER}
    return said("propose", 10, "street", "li", entry={**WRITTEN, **change}, why="new law", **{PARTIES: parties})


def folded(*facts: Fact) -> Case:
    """The case, which must be one."""
    case = fold(ENTRY, facts)
    assert case is not None
    return case


def test_three_persons_bring_an_entry_into_force() -> None:
    case = folded(proposed(), said("review", 20, "street", "wang"), said("approve", 30, "city", "zhao"))
    entry = entry_of(case)
    assert (case.state, entry.id, entry.proposer, entry.approver) == ("approved", "NL-c1", "li (street)", "zhao (city)")
    assert entry.effect_of(150 * DAY_US) == (True, "live")


def test_no_later_fact_changes_the_entry_that_was_proposed() -> None:
    """Nobody checked what it says: a reviewer's node could otherwise put another entry before the approver, or one that does not parse."""
    for other in ({**WRITTEN, "resource": "*"}, {"effect": "nonsense"}):
        case = folded(proposed(), said("review", 20, "street", "wang", entry=other), said("approve", 30, "city", "zhao"))
        assert (case.state, entry_of(case).resource) == ("approved", "residents")


@pytest.mark.parametrize(
    ("facts", "state", "fault"),
    [
        ([said("review", 20, "street", "li")], "proposed", "needs another person than li"),
        ([said("approve", 20, "city", "zhao")], "proposed", "takes no approve"),
        ([said("review", 20, "street", "wang"), said("approve", 30, "street", "zhao")], "reviewed", "said by the approver"),
        ([said("review", 20, "city", "wang"), said("approve", 30, "city", "wang")], "reviewed", "needs another person than wang"),
        ([said("refuse", 20, "city", "wang")], "proposed", "lacks why"),
    ],
)
def test_nobody_does_it_alone_or_elsewhere(facts: list[Fact], state: str, fault: str) -> None:
    case = folded(proposed(), *facts)
    assert case.state == state
    assert fault in case.history[-1].fault


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"basis": {}}, "legal basis"),
        ({"basis": {**WRITTEN["basis"], "sha256": "00"}}, "does not match its hash"),
        ({"valid_to_us": 0}, "end of validity"),
        ({"effect": "allow"}, "not one of"),
        ({"id": "NL-1"}, "is filled in"),
        ({"approver": "me"}, "is filled in"),
        ({"demonstration": True}, "is filled in"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_proposal_that_would_have_no_effect_opens_no_case(change: dict[str, object], fault: str) -> None:
    bad = proposed(**change)
    assert fold(ENTRY, [bad]) is None
    assert fault in ENTRY.check(None, bad)


def test_an_entry_says_when_it_ends() -> None:
    entry = entry_of(folded(proposed()))
    days = {
        50: Standing.NOT_YET,
        100: Standing.LIVE,
        169: Standing.LIVE,
        170: Standing.EXPIRING,
        193: Standing.ENDING,
        200: Standing.EXPIRED,
    }
    assert {day: standing(entry, day * DAY_US) for day in days} == days


def test_a_case_that_waits_has_a_clock_and_one_that_is_decided_has_none() -> None:
    waiting = folded(proposed())
    assert ENTRY.due_us(waiting) == 10 + 5 * DAY_US
    assert ENTRY.due_us(folded(proposed(), said("review", 20, "street", "wang"))) == 20 + 10 * DAY_US
    assert ENTRY.due_us(folded(proposed(), said("withdraw", 20, "street", "li"))) is None
