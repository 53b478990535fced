"""Facts that a hostile node may say about a case of any kind: each is refused in words or counts, and none raises when folded or read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.algorithms.kind import ALGORITHM, published_of
from node.cases.fact import Fact, Place
from node.cases.kind import PARTIES, Case, Kind, fold
from node.devices.kind import COMMAND, device_of
from node.emergency.kind import EMERGENCY, is_over
from node.incidents.step_case import STEP_CASE, expires_us_of, said_of
from node.negative_list.kind import ENTRY, entry_of
from node.quality.kind import TICKET, resource_of, rule_of
from node.recall.kind import RECALL, receipts_in
from node.regrading.kind import REGRADE, regrade_of
from node.requests.kind import grant_of, missing_of, ratings_of, request_kind
from node.requests.terms import shipped_terms
from node.reviews.kind import REVIEW, about, has_lapsed
from policies.regrade import numbers_text
from sync.model import MICROSECONDS, HybridTime

NOW_US = 1_790_000_000 * MICROSECONDS
MOST = (1 << 63) - 1
QUOTE = "some text of a law"
BASIS = {"instrument": "law", "article": "9", "quote": QUOTE, "sha256": hashlib.sha256(QUOTE.encode()).hexdigest()}
ENDS_US = NOW_US + 3_600 * MICROSECONDS
ASK = {"resource": "r", "fields": ["a"], "purpose": "statistics", "why": "w", "until_us": ENDS_US}
GRANT = {"fields": ["a"], "purpose": "statistics", "valid_from_us": NOW_US, "valid_to_us": ENDS_US}
HASH = "0" * 64
STRETCH = {"origin": "s", "incarnation": 1, "numbers": numbers_text([(1, 5)])}
REQUEST = request_kind(shipped_terms())


@dataclass(frozen=True)
class Sample:
    """A kind, what a fact that opens it says, and what is read of its cases."""

    kind: Kind
    opening: Mapping[str, object]
    later: Mapping[str, object]
    """Keys that later facts need, with values that may count."""
    readers: tuple[Callable[[Case], object], ...] = ()


SAMPLES = (
    Sample(TICKET, {"resource": "r", "why": "w", "bad": 1, "samples": ["a:1"]}, {"why": "w"}, (rule_of, resource_of)),
    Sample(
        ENTRY,
        {
            "entry": {"effect": "deny", "resource": "r", "ways": ["up"], "basis": BASIS, "valid_from_us": NOW_US, "valid_to_us": ENDS_US},
            "why": "w",
        },
        {"why": "w"},
        (entry_of,),
    ),
    Sample(
        REGRADE,
        {
            "regrade": {"resource": "r", "grade": 4, "basis": BASIS, "streams": [STRETCH]},
            "why": "w",
        },
        {"why": "w"},
        (regrade_of,),
    ),
    Sample(RECALL, {"order": "o", "entry": "NL-1", "root": HASH}, {"order": "o", "entry": "NL-1", "root": HASH}, (receipts_in,)),
    Sample(
        EMERGENCY, {"ask": {**ASK, "purpose": "emergency"}}, {"grant": {**GRANT, "purpose": "emergency"}, "why": "w"},
        (grant_of, lambda case: is_over(case, NOW_US)),
    ),
    Sample(
        REQUEST, {"ask": ASK}, {"grant": GRANT, "basis": BASIS, "why": "w", "missing": {"supplier": "s", "by_us": ENDS_US, "why": "w"}},
        (grant_of, missing_of, ratings_of),
    ),
    Sample(REVIEW, {"about": {"topic": "conflict", "key": "k", "resources": ["r"]}}, {"why": "w", "basis": BASIS},
           (about, lambda case: has_lapsed(case, NOW_US))),
    Sample(
        ALGORITHM,
        {
            "package": {"id": "yard", "version": "1", "content": HASH, "family": "f", "classes": 1, "licence": "l",
                        "evidence_grade": "", "maker": "m"},
            "why": "w",
        },
        {"why": "w"},
        (published_of,),
    ),
    Sample(COMMAND, {"device": "d", "command": "c", "expires_us": ENDS_US}, {"why": "w"}, (device_of,)),
    Sample(STEP_CASE, {"about": "i", "step": "dismiss", "expires_us": ENDS_US}, {"answer": "a"}, (expires_us_of, said_of)),
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, -1, NOW_US, MOST, -MOST]) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def fact(number: int, word: str, node: str, body: Mapping[str, object], wall_us: int) -> Fact:
    return Fact(f"f{number}", "c1", word, "li", body, Place(HybridTime(wall_us, number), node, 7, number), "3702")


def parties_of(kind: Kind) -> dict[str, Any]:
    return {role: {"node": role, "territory": "3702"} for role in {kind.opener, *kind.named}}


@st.composite
def mangled(draw: st.DrawFn, body: Mapping[str, object]) -> dict[str, object]:
    """`body` with some values replaced, also inside, and some keys of its own."""
    found = dict(body)
    for key in draw(st.lists(st.sampled_from(sorted(found)), max_size=2)) if found else ():
        value = found[key]
        if isinstance(value, dict) and value and draw(st.booleans()):
            found[key] = draw(mangled(value))
        else:
            found[key] = draw(VALUES)
    return found


def is_readable(kind: Kind, case: Case) -> bool:
    due_us = kind.due_us(case)
    return due_us is None or (isinstance(due_us, int) and due_us <= MOST)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.kind.name)
def test_a_sound_opening_is_a_case(sample: Sample) -> None:
    """Else the test below would only ever see openings that are refused."""
    kind = sample.kind
    case = fold(kind, [fact(1, kind.opening, kind.opener, {**sample.opening, PARTIES: parties_of(kind)}, NOW_US)])
    assert case is not None
    assert is_readable(kind, case)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.kind.name)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_fact_of_a_peer_raises(sample: Sample, data: st.DataObject) -> None:
    kind = sample.kind
    opening = data.draw(mangled(sample.opening)) if data.draw(st.booleans()) else dict(sample.opening)
    facts = [fact(1, kind.opening, kind.opener, {**opening, PARTIES: parties_of(kind)}, NOW_US)]
    for number in range(2, data.draw(st.integers(2, 6))):
        word, node = data.draw(st.sampled_from(sorted(kind.words))), data.draw(st.sampled_from(sorted(parties_of(kind))))
        body = data.draw(mangled({**sample.opening, **sample.later}))
        facts.append(fact(number, word, node, body, data.draw(st.sampled_from([NOW_US + number, NOW_US * 2, MOST]))))
    case = fold(kind, facts)
    if case is not None:
        assert is_readable(kind, case), case.data
        for read in sample.readers:
            read(case)


def test_an_answer_to_a_command_changes_neither_what_was_asked_nor_its_end() -> None:
    opening = {"device": "d", "command": "c", "expires_us": ENDS_US, PARTIES: parties_of(COMMAND)}
    queued = fact(2, "queue", "keeper", {"expires_us": 1 << 100, "device": "other"}, NOW_US + 1)
    case = fold(COMMAND, [fact(1, "issue", "issuer", opening, NOW_US), queued])
    assert case is not None
    assert (case.state, COMMAND.due_us(case), device_of(case)) == ("queued", ENDS_US, "d")


def test_an_approval_is_for_the_package_that_was_published() -> None:
    package = SAMPLES[7].opening["package"]
    assert isinstance(package, dict)
    opened = fact(1, "publish", "publisher", {"package": package, "why": "w", PARTIES: parties_of(ALGORITHM)}, NOW_US)
    approved = fact(2, "approve", "approver", {"package": {**package, "content": "1" * 64}}, NOW_US + 1)
    case = fold(ALGORITHM, [opened, Fact(**{**_fields(approved), "by": "wang"})])
    assert case is not None
    assert (case.state, published_of(case).content) == ("approved", HASH)


def _fields(one: Fact) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Fact.__slots__}
