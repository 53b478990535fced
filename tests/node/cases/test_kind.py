"""The fold: the same case from the same facts, whatever order they came in, and a reason for each that does not count."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from node.cases.fact import Fact, Place
from node.cases.kind import FACTS_MAX, Party, fold
from sync.model import HybridTime
from tests.node.cases.loans import DAY_US, LENDER, LOAN, READER, asked, said


def test_a_case_is_what_its_facts_add_up_to() -> None:
    case = fold(LOAN, [asked(), said("lend", 20, LENDER), said("note", 25, READER, text="torn"), said("give-back", 30, READER)])
    assert case is not None
    assert (case.state, case.opened_us, case.since_us) == ("over", 10, 30)
    assert case.data == {"title": "Faust", "text": "torn"}
    assert case.parties["lender"] == Party("m1", "3702")
    assert [one.fault for one in case.history] == [""] * 4


def test_every_order_of_arrival_gives_the_same_case() -> None:
    facts = [asked(), said("lend", 20, LENDER), said("give-back", 30, READER), said("withdraw", 31, READER)]
    assert len({str(fold(LOAN, chosen)) for chosen in itertools.permutations(facts)}) == 1


def test_nothing_is_known_before_the_opening_fact() -> None:
    assert fold(LOAN, [said("lend", 20, LENDER)]) is None
    case = fold(LOAN, [said("lend", 5, LENDER), asked(10)])
    assert case is not None
    assert (case.state, [one.fault for one in case.history]) == ("asked", ["a loan begins with ask", ""])


@pytest.mark.parametrize(
    ("fact", "fault"),
    [
        (said("give-back", 20, READER), "a loan that is asked takes no give-back"),
        (said("lend", 20, READER), "lend is said by the lender, and s11 is not"),
        (said("lend", 20, "d1"), "lend is said by the lender, and d1 is not"),
        (said("burn", 20, LENDER), "a loan that is asked takes no burn"),
    ],
)
def test_what_the_table_does_not_allow_changes_nothing_and_says_why(fact: Fact, fault: str) -> None:
    case = fold(LOAN, [asked(), fact])
    assert case is not None
    assert (case.state, case.history[-1].fault) == ("asked", fault)


def test_of_two_facts_said_at_once_the_earlier_one_counts_everywhere() -> None:
    case = fold(LOAN, [asked(), said("withdraw", 21, READER), said("lend", 20, LENDER)])
    assert case is not None
    assert case.state == "lent"
    assert case.history[-1].fault == "a loan that is lent takes no withdraw"


def test_what_needs_two_persons_is_refused_to_one() -> None:
    lent = [asked(), said("lend", 20, LENDER, by="li")]
    same = fold(LOAN, [*lent, said("give-away", 30, LENDER, by="li")])
    other = fold(LOAN, [*lent, said("give-away", 30, LENDER, by="wang")])
    assert same is not None
    assert other is not None
    assert (same.state, other.state) == ("lent", "over")
    assert "needs another person than li" in same.history[-1].fault


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"title": ""}, "ask lacks title"),
        ({"title": "A"}, "a title has at least two letters"),
        ({"parties": {"reader": {"node": "s11", "territory": "370202001"}}}, "ask names no lender"),
        ({"parties": {"reader": {"node": "m1", "territory": "3702"}}}, "ask is said by its reader, and s11 is not"),
        ({"parties": "everybody"}, "ask is said by its reader, and s11 is not"),
        ({"parties": {"reader": {"node": "s11", "territory": "37-1"}}}, "ask is said by its reader, and s11 is not"),
    ],
)
def test_an_opening_that_lacks_something_opens_nothing(change: dict[str, object], fault: str) -> None:
    opening = asked()
    bad = replace(opening, body={**opening.body, **change})
    assert fold(LOAN, [bad]) is None
    good = replace(asked(40), id="other")
    case = fold(LOAN, [bad, good])
    assert case is not None
    assert case.history[0].fault == fault


def test_a_second_row_of_a_fact_counts_once() -> None:
    twice = replace(asked(), place=Place(HybridTime(10), READER, 7, 2))
    case = fold(LOAN, [asked(), twice])
    assert case is not None
    assert len(case.history) == 1


def test_a_fact_that_only_notes_keeps_the_clock_of_its_state() -> None:
    case = fold(LOAN, [asked(), said("lend", 20, LENDER), said("note", 25, READER, text="torn")])
    assert case is not None
    assert LOAN.due_us(case) == 20 + DAY_US


def test_a_case_takes_no_more_facts_than_its_bound() -> None:
    notes = [said("note", 30 + number, READER, text=str(number)) for number in range(FACTS_MAX)]
    case = fold(LOAN, [asked(), said("lend", 20, LENDER), *notes])
    assert case is not None
    assert case.history[-1].fault == f"a case takes {FACTS_MAX} facts"
    assert case.data["text"] == str(FACTS_MAX - 3)
