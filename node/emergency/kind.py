"""The case of one emergency: opened by one person of a node above, approved by another, ended, and then reviewed by the authority. Pure.

It is a request that its asker grants itself, so that what it gives is decided, counted and fetched like any grant: up to L3, never past the
legal floor, and what an entry of the negative list denies stays denied unless its approver exempted emergencies. Only the command chain may
open one: a node above the provider. Called by the register and the desk.
"""

from __future__ import annotations

import msgspec

from node.cases.fact import Fact
from node.cases.kind import PARTIES, Case, Kind, Party, Step
from node.requests.kind import ARBITER, ASKER, PROVIDER, Ask, Grants, ask_of, grants_of
from sync.model import MICROSECONDS, code_contains

NAME, RESOURCE = "emergency", "emergencies"
PURPOSE = "emergency"
HOUR_US = 3_600 * MICROSECONDS
EMERGENCY_US_MAX = 72 * HOUR_US
"""Longest an emergency lasts; then another one must be opened."""
APPROVAL_US = 4 * HOUR_US
"""How long the second signature may wait."""
REVIEW_US = 5 * 24 * HOUR_US
"""How long the review may wait after the end."""
CLOCK_MARGIN_US = 5 * 60 * MICROSECONDS
"""By how much the clocks of two nodes may differ."""


def is_over(case: Case, now_us: int) -> bool:
    """True when an emergency gives nothing any more and is not reviewed."""
    if case.state == "ended":
        return True
    given = grants_of(case)
    return case.state == "granted" and given is not None and now_us >= given.valid_to_us


def _fault(case: Case | None, fact: Fact) -> str:
    if case is None:
        return _open_fault(fact)
    if fact.word == "grant":
        return _grant_fault(case, fact)
    if fact.word == "review" and not is_over(case, fact.place.at.wall_us):
        return "an emergency is reviewed when it is over: end it first"
    return ""


def _open_fault(fact: Fact) -> str:
    try:
        asked = msgspec.convert(fact.body["ask"], Ask)
    except msgspec.ValidationError as error:
        return f"ask: {error}"
    if asked.purpose.split("/", 1)[0] != PURPOSE:
        return f"ask.purpose {asked.purpose!r} is not {PURPOSE} or below it"
    if not 0 < asked.until_us - fact.place.at.wall_us <= EMERGENCY_US_MAX + CLOCK_MARGIN_US:
        return f"an emergency lasts up to {EMERGENCY_US_MAX // HOUR_US} hours; open another one when it goes on"
    named = fact.body.get(PARTIES)
    asker, provider = (Party.of(named.get(role)) if isinstance(named, dict) else None for role in (ASKER, PROVIDER))
    if asker is None or provider is None or not code_contains(asker.territory, provider.territory):
        return "only the command chain opens an emergency: a node above the one that has the data"
    return ""


def _grant_fault(case: Case, fact: Fact) -> str:
    try:
        given = msgspec.convert(fact.body["grant"], Grants)
    except msgspec.ValidationError as error:
        return f"grant: {error}"
    asked = ask_of(case)
    if set(given.fields) - set(asked.fields) or given.purpose != asked.purpose or given.valid_to_us > asked.until_us:
        return "an emergency gives what was opened, and no more"
    is_long = given.valid_to_us - given.valid_from_us > EMERGENCY_US_MAX
    return "an emergency ends after it begins, and lasts up to 72 hours" if is_long or given.valid_to_us <= given.valid_from_us else ""


def _due_us(case: Case) -> int | None:
    given = grants_of(case)
    if case.state == "asked":
        return case.since_us + APPROVAL_US
    if case.state == "granted" and given is not None:
        return given.valid_to_us + REVIEW_US
    return case.since_us + REVIEW_US if case.state == "ended" else None


_ASKER, _ARBITER = frozenset({ASKER}), frozenset({ARBITER})
_REVIEW = Step("reviewed", _ARBITER, needs=("why",), apart_from=("ask", "grant"))

EMERGENCY = Kind(
    name=NAME,
    resource=RESOURCE,
    opening="ask",
    opener=ASKER,
    first="asked",
    named=(PROVIDER, ARBITER),
    needs=("ask",),
    steps={
        ("asked", "grant"): Step("granted", _ASKER, needs=("grant",), apart_from=("ask",)),
        ("asked", "withdraw"): Step("withdrawn", _ASKER),
        ("granted", "end"): Step("ended", frozenset({ASKER, PROVIDER, ARBITER}), needs=("why",)),
        ("granted", "review"): _REVIEW,
        ("ended", "review"): _REVIEW,
    },
    final=frozenset({"withdrawn", "reviewed"}),
    check=_fault,
    clock=_due_us,
)
