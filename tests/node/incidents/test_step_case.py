"""What a step that travels may say, and that its keeper's word stands over an end that others gave it."""

from __future__ import annotations

import pytest

from node.cases.fact import Fact, Place
from node.cases.kind import PARTIES, fold
from node.incidents.step_case import STEP_CASE, WAITS_US_MAX, expires_us_of, said_of
from sync.model import HybridTime

NOON_US = 1_790_000_000_000_000
PLACES = {"d1": "370202", "s1": "370202001"}


def said(word: str, second: int, origin: str, **body: object) -> Fact:
    at = HybridTime(NOON_US + second * 1_000_000)
    return Fact(f"{word}-{second}", "c1", word, "li", body, Place(at, origin, 1, second), PLACES[origin])


def opening(**changed: object) -> Fact:
    parties = {role: {"node": node, "territory": PLACES[node]} for role, node in (("speaker", "d1"), ("keeper", "s1"))}
    body = {"about": "inc-1", "step": "dismiss", "seen": "open", "expires_us": NOON_US + WAITS_US_MAX, PARTIES: parties}
    return said("say", 0, "d1", **(body | changed))


def test_what_was_asked_for_is_that_of_the_opening_fact_alone() -> None:
    case = fold(STEP_CASE, [opening(why="a flag"), said("apply", 5, "s1", about="inc-2", step="resolve", expires_us=1)])
    assert case is not None
    assert (case.state, said_of(case)) == ("applied", {"about": "inc-1", "step": "dismiss", "seen": "open", "why": "a flag"})
    assert expires_us_of(case) == NOON_US + WAITS_US_MAX


@pytest.mark.parametrize(
    "changed",
    [
        {"about": 7},
        {"about": "x" * 129},
        {"about": ""},
        {"step": "expire"},
        {"step": ["dismiss"]},
        {"seen": None},
        {"why": 3},
        {"expires_us": True},
        {"expires_us": -(10**30)},
        {"expires_us": NOON_US + 2 * WAITS_US_MAX},
    ],
    ids=str,
)
def test_a_step_that_says_nothing_usable_opens_no_case(changed: dict[str, object]) -> None:
    assert fold(STEP_CASE, [opening(**changed)]) is None


@pytest.mark.parametrize("end", ["expire", "withdraw"])
def test_what_the_keeper_took_counts_although_it_was_given_up_meanwhile(end: str) -> None:
    assert fold(STEP_CASE, [opening(), said(end, 4, "d1")]).state != "applied"  # type: ignore[union-attr]
    assert fold(STEP_CASE, [opening(), said(end, 4, "d1"), said("apply", 5, "s1")]).state == "applied"  # type: ignore[union-attr]


@pytest.mark.parametrize(("word", "origin"), [("apply", "d1"), ("refuse", "d1"), ("withdraw", "s1")])
def test_only_the_keeper_answers_and_only_the_speaker_withdraws(word: str, origin: str) -> None:
    assert fold(STEP_CASE, [opening(), said(word, 4, origin, answer="no")]).state == "waits"  # type: ignore[union-attr]
