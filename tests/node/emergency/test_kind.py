"""An emergency needs two persons of the command, ends within 72 hours, and is reviewed by somebody else when it is over."""

from __future__ import annotations

from typing import Any

import pytest

from node.cases.fact import Fact, Place
from node.cases.kind import PARTIES, Case, fold
from node.emergency.kind import APPROVAL_US, EMERGENCY, EMERGENCY_US_MAX, HOUR_US, REVIEW_US, is_over
from node.requests.kind import grant_of
from sync.model import HybridTime

BEGIN_US = 1_790_000_000_000_000
PLACES = {"qingdao": "3702", "liaoyuan": "370203010", "shandong": "37", "badaguan": "370202006"}
UNTIL_US = BEGIN_US + 24 * HOUR_US


def fact(word: str, after_us: int, origin: str = "qingdao", by: str = "li", **body: Any) -> Fact:
    place = Place(HybridTime(BEGIN_US + after_us), origin, 1, after_us + 1)
    return Fact(f"{word}{after_us}", "c1", word, by, body, place, PLACES[origin])


def opened(*, asker: str = "qingdao", **change: Any) -> Fact:
    ask = {"resource": "residents", "fields": ["name"], "purpose": "emergency", "why": "fire", "until_us": UNTIL_US}
    named = {"asker": asker, "provider": "liaoyuan", "arbiter": "shandong"}
    parties = {role: {"node": node, "territory": PLACES[node]} for role, node in named.items()}
    body: dict[str, Any] = {"ask": ask | change, PARTIES: parties}
    return fact("ask", 0, asker, **body)


def approved(after_us: int = HOUR_US, by: str = "wang", **change: Any) -> Fact:
    given = {"fields": ["name"], "purpose": "emergency", "valid_from_us": BEGIN_US + after_us, "valid_to_us": UNTIL_US}
    return fact("grant", after_us, by=by, grant=given | change)


def case(*facts: Fact) -> Case:
    found = fold(EMERGENCY, facts)
    assert found is not None
    return found


def test_nothing_is_given_before_another_person_of_the_command_signed() -> None:
    assert grant_of(case(opened())) is None
    alone = case(opened(), approved(by="li"))
    assert (alone.state, "another person than li" in alone.history[-1].fault) == ("asked", True)
    both = case(opened(), approved())
    grant = grant_of(both)
    assert grant is not None
    assert (grant.purpose, grant.valid_to_us, grant.fields) == ("emergency", UNTIL_US, ("name",))
    assert (case(opened()).since_us + APPROVAL_US, both.state) == (EMERGENCY.due_us(case(opened())), "granted")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"until_us": BEGIN_US + EMERGENCY_US_MAX + HOUR_US}, "up to 72 hours"),
        ({"until_us": BEGIN_US}, "up to 72 hours"),
        ({"purpose": "statistics"}, "is not emergency"),
        ({"why": ""}, "ask:"),
        ({"asker": "badaguan"}, "only the command chain"),
    ],
)
def test_an_emergency_too_long_for_another_purpose_or_from_the_side_opens_nothing(change: dict[str, Any], why: str) -> None:
    begun = opened(**change)
    assert fold(EMERGENCY, [begun]) is None
    assert why in EMERGENCY.check(None, begun)


@pytest.mark.parametrize(
    "change",
    [
        {"fields": ["name", "phone"]},
        {"purpose": "emergency/flood"},
        {"valid_to_us": UNTIL_US + 1},
        {"valid_from_us": UNTIL_US},
        {"fields": 1},
    ],
)
def test_the_second_signature_gives_no_more_than_was_opened(change: dict[str, Any]) -> None:
    assert case(opened(), approved(**change)).state == "asked"


def test_it_is_over_by_its_clock_or_by_whoever_ends_it_and_then_waits_for_a_review() -> None:
    running = case(opened(), approved())
    assert [is_over(running, UNTIL_US - 1), is_over(running, UNTIL_US)] == [False, True]
    assert EMERGENCY.due_us(running) == UNTIL_US + REVIEW_US
    ended = case(opened(), approved(), fact("end", 2 * HOUR_US, "liaoyuan", why="misused"))
    assert (ended.state, is_over(ended, BEGIN_US), grant_of(ended)) == ("ended", True, None)
    assert EMERGENCY.due_us(ended) == BEGIN_US + 2 * HOUR_US + REVIEW_US


def test_the_review_is_the_authoritys_of_another_person_and_not_before_the_end() -> None:
    begun = (opened(), approved())
    early = case(*begun, fact("review", 2 * HOUR_US, "shandong", "sun", why="fine"))
    assert "reviewed when it is over" in early.history[-1].fault
    late = case(*begun, fact("review", 25 * HOUR_US, "shandong", "sun", why="fine"))
    assert late.state == "reviewed"
    assert case(*begun, fact("review", 25 * HOUR_US, "qingdao", "sun", why="fine")).state == "granted"
