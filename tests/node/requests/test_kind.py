"""The fold of requests: every fact in every state by every party, what each must say, the clocks, and that a grant never gives more."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from node.cases.fact import Fact, Place
from node.cases.kind import PARTIES, Case, fold
from node.requests.kind import (
    ARBITER,
    ASKER,
    PROVIDER,
    STATES,
    STEPS,
    WAITS_FOR,
    Waiting,
    ask_of,
    grant_of,
    ratings_of,
    request_kind,
    standing,
)
from node.requests.terms import shipped_terms
from sync.model import HybridTime

DAY_US = 86_400_000_000
START_US = 1_790_000_000_000_000
"""2026-09-21, a Monday."""
TERMS = shipped_terms()
KIND = request_kind(TERMS)
NODES = {ASKER: ("s1", "370202001"), PROVIDER: ("s2", "370203001"), ARBITER: ("m1", "3702")}
QUOTE = "Article 9: kept."
BASIS = {"instrument": "an order", "article": "9", "quote": QUOTE, "sha256": hashlib.sha256(QUOTE.encode()).hexdigest()}
ASKED: dict[str, Any] = {
    "resource": "residents",
    "fields": ["name", "category"],
    "filter": "",
    "purpose": "statistics",
    "why": "a count",
    "until_us": START_US + 90 * DAY_US,
    "share": "conditional",
}
GRANTED: dict[str, Any] = {
    "fields": ["name"],
    "filter": "",
    "purpose": "statistics",
    "valid_from_us": START_US,
    "valid_to_us": START_US + 30 * DAY_US,
    "conditions": "",
}
MISSING: dict[str, Any] = {"supplier": "the registry", "by_us": START_US + 12 * DAY_US, "why": "never collected"}
BODIES: dict[str, dict[str, Any]] = {
    "grant": {"grant": GRANTED},
    "refuse": {"basis": BASIS, "why": "law"},
    "missing": {"missing": MISSING},
    "rate": {"rating": {"satisfied": True}},
    "appeal": {"why": "needed"},
    "uphold": {"why": "right"},
    "overturn": {"why": "wrong"},
    "revoke": {"why": "misused"},
}
PATHS = {
    "asked": (),
    "missing": (("missing", PROVIDER),),
    "supplied": (("missing", PROVIDER), ("supply", PROVIDER)),
    "granted": (("grant", PROVIDER),),
    "refused": (("refuse", PROVIDER),),
    "appealed": (("refuse", PROVIDER), ("appeal", ASKER)),
    "overturned": (("refuse", PROVIDER), ("appeal", ASKER), ("overturn", ARBITER)),
    "upheld": (("refuse", PROVIDER), ("appeal", ASKER), ("uphold", ARBITER)),
    "revoked": (("grant", PROVIDER), ("revoke", PROVIDER)),
    "withdrawn": (("withdraw", ASKER),),
}
"""One way into each state."""
ALLOWED = {
    ("asked", "grant"): (PROVIDER, "granted"),
    ("asked", "refuse"): (PROVIDER, "refused"),
    ("asked", "missing"): (PROVIDER, "missing"),
    ("asked", "withdraw"): (ASKER, "withdrawn"),
    ("missing", "supply"): (PROVIDER, "supplied"),
    ("missing", "withdraw"): (ASKER, "withdrawn"),
    ("supplied", "grant"): (PROVIDER, "granted"),
    ("supplied", "refuse"): (PROVIDER, "refused"),
    ("supplied", "withdraw"): (ASKER, "withdrawn"),
    ("granted", "revoke"): (PROVIDER, "revoked"),
    ("granted", "rate"): (ASKER, "granted"),
    ("granted", "withdraw"): (ASKER, "withdrawn"),
    ("revoked", "rate"): (ASKER, "revoked"),
    ("revoked", "appeal"): (ASKER, "appealed"),
    ("refused", "appeal"): (ASKER, "appealed"),
    ("appealed", "uphold"): (ARBITER, "upheld"),
    ("appealed", "overturn"): (ARBITER, "overturned"),
    ("appealed", "withdraw"): (ASKER, "withdrawn"),
    ("overturned", "grant"): (PROVIDER, "granted"),
    ("overturned", "withdraw"): (ASKER, "withdrawn"),
}
"""What the rules say, written out again: state and fact, who may say it, where it leads. `supply` is the arbiter's as well."""


def said(word: str, role: str, minute: int, *, by: str = "", **body: object) -> Fact:
    """A fact of a party, `minute` minutes after the start."""
    node, territory = NODES[role]
    place = Place(HybridTime(START_US + minute * 60_000_000), node, 7, minute)
    return Fact(f"{word}{minute}", "c1", word, by or f"{role}-{word}", body or BODIES.get(word, {}), place, territory)


def opening(**change: object) -> Fact:
    """The request."""
    parties = {role: {"node": node, "territory": territory} for role, (node, territory) in NODES.items()}
    return said("ask", ASKER, 1, by="li", ask={**ASKED, **change}, **{PARTIES: parties})


def folded(*facts: Fact) -> Case:
    """The case, which must be one."""
    case = fold(KIND, facts)
    assert case is not None
    return case


def way_to(state: str) -> list[Fact]:
    """The facts that lead to a state."""
    return [opening(), *(said(word, role, 10 + place) for place, (word, role) in enumerate(PATHS[state]))]


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_reached(state: str) -> None:
    assert folded(*way_to(state)).state == state


def test_every_fact_in_every_state_by_every_party_does_what_the_rules_say() -> None:
    words = sorted({word for _, word in STEPS} | {"ask", "burn"})
    for state, word, role in itertools.product(STATES, words, NODES):
        case = folded(*way_to(state), said(word, role, 60))
        who, to = ALLOWED.get((state, word), ("", state))
        is_said = role == who or (word, role, state) == ("supply", ARBITER, "missing")
        assert (case.state, bool(case.history[-1].fault)) == (to if is_said else state, not is_said), (state, word, role)


def test_the_written_rules_and_the_table_know_the_same_steps() -> None:
    assert set(ALLOWED) == set(STEPS)


def test_every_order_of_arrival_gives_the_same_case() -> None:
    facts = [opening(), said("refuse", PROVIDER, 5), said("appeal", ASKER, 6), said("withdraw", ASKER, 7), said("overturn", ARBITER, 8)]
    assert len({str(fold(KIND, chosen)) for chosen in itertools.permutations(facts)}) == 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"fields": []}, "fields"),
        ({"fields": ["name", "name"]}, "a field twice"),
        ({"purpose": "curiosity"}, "is not one of emergency"),
        ({"purpose": "statistics/census"}, ""),
        ({"until_us": 5}, "lies in the past"),
        ({"until_us": 1 << 60}, "until_us"),
        ({"resource": ""}, "resource"),
        ({"why": ""}, "why"),
        ({"share": "none"}, "share"),
        ({"colour": "red"}, "colour"),
        ({"filter": "x" * 2_001}, "filter"),
    ],
)
def test_a_request_that_lacks_something_opens_nothing(change: dict[str, object], fault: str) -> None:
    fact = opening(**change)
    assert fault in KIND.check(None, fact)
    assert (fold(KIND, [fact]) is None) == bool(fault)


@pytest.mark.parametrize(
    ("word", "body", "fault"),
    [
        ("grant", {"grant": {**GRANTED, "fields": ["name", "phone"]}}, "phone was not asked for"),
        ("grant", {"grant": {**GRANTED, "fields": ["name", "name"]}}, "a field twice"),
        ("grant", {"grant": {**GRANTED, "purpose": "training"}}, "is not what was asked for"),
        ("grant", {"grant": {**GRANTED, "valid_to_us": START_US + 91 * DAY_US}}, "ends later than was asked for"),
        ("grant", {"grant": {**GRANTED, "valid_to_us": START_US}}, "ends before it begins"),
        ("grant", {"grant": {**GRANTED, "fields": []}}, "fields"),
        ("grant", {"grant": "all"}, "grant:"),
        ("grant", {}, "lacks grant"),
        ("refuse", {"why": "no"}, "lacks basis"),
        ("refuse", {"why": "no", "basis": {**BASIS, "article": ""}}, "legal basis"),
        ("refuse", {"why": "no", "basis": {**BASIS, "sha256": "00"}}, "does not match its hash"),
        ("refuse", {"why": "no", "basis": {**BASIS, "colour": "red"}}, "colour"),
        ("refuse", {"basis": BASIS}, "lacks why"),
        ("missing", {"missing": {**MISSING, "by_us": 5}}, "in the past"),
        ("missing", {"missing": {**MISSING, "supplier": ""}}, "supplier"),
    ],
)
def test_an_answer_that_is_not_right_changes_nothing(word: str, body: dict[str, object], fault: str) -> None:
    fact = said(word, PROVIDER, 20) if not body else said(word, PROVIDER, 20, **body)  # type: ignore[arg-type]
    fact = Fact(fact.id, fact.case_id, fact.word, fact.by, body, fact.place, fact.territory)
    case = folded(opening(), fact)
    assert (case.state, fault in case.history[-1].fault) == ("asked", True), case.history[-1].fault


def test_no_other_fact_changes_what_was_granted() -> None:
    wider = {"grant": {**GRANTED, "fields": ["name", "category", "phone"]}, "ask": {**ASKED, "fields": ["phone"]}}
    case = folded(*way_to("granted"), said("rate", ASKER, 60, rating={"satisfied": True}, **wider))  # type: ignore[arg-type]
    grant = grant_of(case)
    assert grant is not None
    assert (case.history[-1].fault, grant.fields, ask_of(case).fields) == ("", ("name",), ("name", "category"))


def test_a_grant_counts_only_while_it_stands() -> None:
    for state in STATES:
        assert (grant_of(folded(*way_to(state))) is not None) == (state == "granted")
    again = folded(*way_to("overturned"), said("grant", PROVIDER, 60))
    assert grant_of(again) is not None


def test_a_grant_begins_and_expires_by_its_dates() -> None:
    case = folded(*way_to("granted"))
    found = [standing(case, START_US + day * DAY_US) for day in (-1, 0, 29, 30)]
    assert found == [Waiting.NOT_YET, Waiting.LIVE, Waiting.LIVE, Waiting.EXPIRED]
    assert standing(folded(opening()), START_US) is None


def test_each_grant_is_rated_once() -> None:
    rated = [*way_to("granted"), said("rate", ASKER, 60)]
    twice = folded(*rated, said("rate", ASKER, 61, rating={"satisfied": False}))
    assert "rated already" in twice.history[-1].fault
    again = [said("revoke", PROVIDER, 62), said("appeal", ASKER, 63), said("overturn", ARBITER, 64), said("grant", PROVIDER, 65)]
    case = folded(*rated, *again, said("rate", ASKER, 66, rating={"satisfied": False}))
    assert case.history[-1].fault == ""
    assert (ratings_of(case).satisfied, ratings_of(case).rated, ratings_of(case).rate) == (1, 2, 0.5)
    assert ratings_of(folded(opening())).rate is None


@pytest.mark.parametrize("rating", [None, {}, {"satisfied": "yes"}, {"satisfied": 1}, [True]])
def test_a_rating_says_yes_or_no(rating: object) -> None:
    case = folded(*way_to("granted"), said("rate", ASKER, 60, rating=rating))
    assert case.history[-1].fault


@pytest.mark.parametrize(
    ("facts", "days"),
    [
        ([opening()], 5),
        ([opening(share="unconditional")], 2),
        *((way_to(state), days) for state, days in (("supplied", 2), ("appealed", 5), ("overturned", 2))),
    ],
)
def test_each_state_that_waits_for_somebody_has_its_clock(facts: Sequence[Fact], days: int) -> None:
    case = folded(*facts)
    assert KIND.due_us(case) == TERMS.due_us(case.since_us, days)
    assert case.state in WAITS_FOR


def test_missing_data_is_due_when_promised_and_never_later_than_the_table_says() -> None:
    case = folded(*way_to("missing"))
    assert KIND.due_us(case) == MISSING["by_us"]
    late = folded(opening(), said("missing", PROVIDER, 10, missing={**MISSING, "by_us": START_US + 80 * DAY_US}))
    assert KIND.due_us(late) == TERMS.due_us(late.since_us, 10)


def test_what_waits_for_nobody_has_no_clock() -> None:
    assert all((KIND.due_us(folded(*way_to(state))) is None) == (state not in WAITS_FOR) for state in STATES)


def test_an_arbiter_that_is_a_party_decides_with_another_person() -> None:
    parties = {role: {"node": "p0", "territory": "37"} for role in (PROVIDER, ARBITER)} | {ASKER: {"node": "s1", "territory": "370202001"}}
    ask = said("ask", ASKER, 1, by="li", ask=ASKED, **{PARTIES: parties})

    def at_province(word: str, minute: int, by: str) -> Fact:
        place = Place(HybridTime(START_US + minute * 60_000_000), "p0", 7, minute)
        return Fact(f"{word}{minute}", "c1", word, by, BODIES[word], place, "37")

    facts = [ask, at_province("refuse", 2, "wang"), said("appeal", ASKER, 3), at_province("uphold", 4, "wang")]
    assert "needs another person than wang" in folded(*facts).history[-1].fault
    assert folded(*facts[:3], at_province("uphold", 4, "zhao")).state == "upheld"
