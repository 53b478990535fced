"""The case of one request for data: asked, answered under a clock, granted or refused with its basis, appealed, revoked, rated. Pure.

Owns the table of states, what each fact must say, and who is waited for. A grant never gives more than was asked: its fields are among
those asked for, its purpose is the same, it ends no later, and rows must match both filters. Called by the register of cases and the desk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from node.cases.fact import Fact
from node.cases.kind import Case, Kind, Step
from node.requests.terms import Terms
from policies.entry import Basis
from policies.errors import PolicyError
from policies.grant import PURPOSES, Grant, is_purpose

NAME, RESOURCE = "request", "requests"
ASKER, PROVIDER, ARBITER = "asker", "provider", "arbiter"
FIELDS_MAX = 200
"""Fields of one request: they must fit into one fact."""
FILTER_CHARS_MAX = 2_000
WORDS_CHARS_MAX = 2_000
ID_CHARS_MAX = 200

Words = Annotated[str, Meta(min_length=1, max_length=WORDS_CHARS_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=ID_CHARS_MAX)]
Names = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=FIELDS_MAX)]
Filter = Annotated[str, Meta(max_length=FILTER_CHARS_MAX)]
Moment = Annotated[int, Meta(ge=0, le=1 << 53)]


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked for."""

    resource: Name
    fields: Names
    filter: Filter = ""
    """Rows wanted, as a predicate over the fields asked for; empty: all."""
    purpose: Name
    why: Words
    until_us: Moment
    """How long the data is needed, microseconds since 1970 UTC."""
    share: Literal["unconditional", "conditional"] = "conditional"
    """Share type when it was asked: it decides the clock."""


class Grants(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is granted."""

    fields: Names
    filter: Filter = ""
    """Rows given, as a predicate over what the provider stores; empty: all that were asked for."""
    purpose: Name
    valid_from_us: Moment
    valid_to_us: Moment
    conditions: Annotated[str, Meta(max_length=WORDS_CHARS_MAX)] = ""


class Missing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What goes to the duty list."""

    supplier: Name
    """Who must supply the data."""
    by_us: Moment
    """By when."""
    why: Words


class Waiting(Enum):
    """How a granted request stands to its dates."""

    NOT_YET = "not-yet"
    LIVE = "live"
    EXPIRED = "expired"


_T = TypeVar("_T", bound=msgspec.Struct)
_PROVIDER, _ASKER, _ARBITER = frozenset({PROVIDER}), frozenset({ASKER}), frozenset({ARBITER})
_GRANT = Step("granted", _PROVIDER, needs=("grant",))
_REFUSE = Step("refused", _PROVIDER, needs=("basis", "why"))
_MISSING = Step("missing", _PROVIDER, needs=("missing",))
_WITHDRAW = Step("withdrawn", _ASKER)
_APPEAL = Step("appealed", _ASKER, needs=("why",))
_RATE = Step("", _ASKER, needs=("rating",))
# Where a node is both a party and the arbiter, because nobody is above, another person than the one who refused decides.
_UPHOLD = Step("upheld", _ARBITER, needs=("why",), apart_from=("ask", "refuse", "revoke"))
_OVERTURN = Step("overturned", _ARBITER, needs=("why",), apart_from=("ask", "refuse", "revoke"))

STEPS: Mapping[tuple[str, str], Step] = {
    ("asked", "grant"): _GRANT,
    ("asked", "refuse"): _REFUSE,
    ("asked", "missing"): _MISSING,
    ("asked", "withdraw"): _WITHDRAW,
    ("missing", "supply"): Step("supplied", frozenset({PROVIDER, ARBITER})),
    ("missing", "withdraw"): _WITHDRAW,
    ("supplied", "grant"): _GRANT,
    ("supplied", "refuse"): _REFUSE,
    ("supplied", "withdraw"): _WITHDRAW,
    ("granted", "revoke"): Step("revoked", _PROVIDER, needs=("why",)),
    ("granted", "rate"): _RATE,
    ("granted", "withdraw"): _WITHDRAW,
    ("revoked", "rate"): _RATE,
    ("revoked", "appeal"): _APPEAL,
    ("refused", "appeal"): _APPEAL,
    ("appealed", "uphold"): _UPHOLD,
    ("appealed", "overturn"): _OVERTURN,
    ("appealed", "withdraw"): _WITHDRAW,
    ("overturned", "grant"): _GRANT,
    ("overturned", "withdraw"): _WITHDRAW,
}
STATES = ("asked", "missing", "supplied", "granted", "refused", "appealed", "overturned", "upheld", "revoked", "withdrawn")
WAITS_FOR = {"asked": PROVIDER, "missing": PROVIDER, "supplied": PROVIDER, "appealed": ARBITER, "overturned": PROVIDER}
"""By state the role that must act next, under a clock."""


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """What askers said about the grants they got."""

    satisfied: int
    rated: int

    @property
    def rate(self) -> float | None:
        """Satisfied of rated, 0 to 1; None while nobody rated."""
        return self.satisfied / self.rated if self.rated else None


def request_kind(terms: Terms) -> Kind:
    """The kind with the clocks of a table."""
    return Kind(
        name=NAME,
        resource=RESOURCE,
        opening="ask",
        opener=ASKER,
        first="asked",
        named=(PROVIDER, ARBITER),
        needs=("ask",),
        steps=STEPS,
        final=frozenset({"upheld", "withdrawn"}),
        check=_fault,
        clock=lambda case: _due_us(terms, case),
    )


# ---- reading a case


def ask_of(case: Case) -> Ask:
    """What a case asks for; every case that the fold gives has it."""
    asked = _newest(case, "ask", "ask", Ask)
    assert asked is not None, "a case without the fact that opened it"
    return asked


def grants_of(case: Case) -> Grants | None:
    """The newest grant of a case, whatever became of it; None when there was none."""
    return _newest(case, "grant", "grant", Grants)


def missing_of(case: Case) -> Missing | None:
    """What stands on the duty list for a case; None when nothing ever did."""
    return _newest(case, "missing", "missing", Missing)


def _newest(case: Case, word: str, key: str, kind: type[_T]) -> _T | None:
    """From the facts of that word alone: any other party's fact may carry the same key, and `Case.data` would have it."""
    for one in reversed(case.history):
        if one.fact.word == word and not one.fault:
            return msgspec.convert(one.fact.body[key], kind)
    return None


def grant_of(case: Case) -> Grant | None:
    """The grant in force, for the gate; its dates are the gate's to judge. None unless the case is granted."""
    given = grants_of(case)
    if case.state != "granted" or given is None:
        return None
    asked = ask_of(case)
    return Grant(
        id=case.id,
        resource=asked.resource,
        fields=given.fields,
        purpose=given.purpose,
        valid_from_us=given.valid_from_us,
        valid_to_us=given.valid_to_us,
        asked=asked.filter,
        limit=given.filter,
    )


def standing(case: Case, now_us: int) -> Waiting | None:
    """How a granted request stands to its dates; None in any other state."""
    grant = grant_of(case)
    if grant is None:
        return None
    if now_us < grant.valid_from_us:
        return Waiting.NOT_YET
    return Waiting.LIVE if grant.is_live(now_us) else Waiting.EXPIRED


def ratings_of(case: Case) -> Satisfaction:
    """What the asker said about each grant of a case."""
    said = [_satisfied(one.fact) for one in case.history if not one.fault and one.fact.word == "rate"]
    return Satisfaction(said.count(True), len(said))


# ---- the rules


def _fault(case: Case | None, fact: Fact) -> str:
    if case is None:
        return _ask_fault(fact)
    check = _CHECKS.get(fact.word)
    return check(case, fact) if check else ""


def _ask_fault(fact: Fact) -> str:
    asked, fault = _read(fact, "ask", Ask)
    if asked is None:
        return fault
    if len(set(asked.fields)) != len(asked.fields):
        return "ask.fields names a field twice"
    if not is_purpose(asked.purpose):
        return f"ask.purpose {asked.purpose!r} is not one of {', '.join(PURPOSES)}, or below one: statistics/census"
    return "" if asked.until_us > fact.place.at.wall_us else "ask.until_us lies in the past"


def _grant_fault(case: Case, fact: Fact) -> str:
    given, fault = _read(fact, "grant", Grants)
    if given is None:
        return fault
    asked = ask_of(case)
    more = sorted(set(given.fields) - set(asked.fields))
    if more:
        return f"grant.fields: {more[0]} was not asked for"
    if len(set(given.fields)) != len(given.fields):
        return "grant.fields names a field twice"
    if given.purpose != asked.purpose:
        return f"grant.purpose {given.purpose!r} is not what was asked for, {asked.purpose!r}"
    if given.valid_to_us > asked.until_us:
        return "the grant ends later than was asked for"
    return "" if given.valid_from_us < given.valid_to_us else "the grant ends before it begins"


def _refuse_fault(case: Case, fact: Fact) -> str:
    try:
        basis = Basis.of(fact.body["basis"], "basis")
    except PolicyError as error:
        return str(error)
    return _BASIS[basis.fault]


_BASIS = {
    "": "",
    "no-basis": "a refusal needs its legal basis: instrument, article and the quoted text; share by default",
    "basis-hash": "the quote does not match its hash: copy it again from the instrument",
}


def _missing_fault(case: Case, fact: Fact) -> str:
    duty, fault = _read(fact, "missing", Missing)
    if duty is None:
        return fault
    return "" if duty.by_us > fact.place.at.wall_us else "missing.by_us lies in the past"


def _rate_fault(case: Case, fact: Fact) -> str:
    if _satisfied(fact) is None:
        return 'rating.satisfied is missing: {"satisfied": true} or {"satisfied": false}'
    for one in reversed(case.history):
        if one.fault:
            continue
        if one.fact.word == "grant":
            return ""
        if one.fact.word == "rate":
            return "this grant was rated already"
    return ""


_CHECKS: dict[str, Callable[[Case, Fact], str]] = {
    "grant": _grant_fault,
    "refuse": _refuse_fault,
    "missing": _missing_fault,
    "rate": _rate_fault,
}


def _satisfied(fact: Fact) -> bool | None:
    match fact.body.get("rating"):
        case {"satisfied": bool(found)}:
            return found
    return None


def _read(fact: Fact, key: str, kind: type[_T]) -> tuple[_T | None, str]:
    """A part of a fact's body, or what is wrong with it."""
    try:
        return msgspec.convert(fact.body[key], kind), ""
    except msgspec.ValidationError as error:
        return None, f"{key}: {error}"


def _due_us(terms: Terms, case: Case) -> int | None:
    days: dict[str, int] = {
        "supplied": terms.days.supplied,
        "appealed": terms.days.appeal,
        "overturned": terms.days.overturned,
    }
    if case.state == "asked":
        is_open = ask_of(case).share == "unconditional"
        return terms.due_us(case.since_us, terms.days.unconditional if is_open else terms.days.conditional)
    if case.state == "missing":
        duty = missing_of(case)
        latest = terms.due_us(case.since_us, terms.days.missing)
        return latest if duty is None else min(latest, duty.by_us)
    return terms.due_us(case.since_us, days[case.state]) if case.state in days else None


def plain_of(value: msgspec.Struct) -> dict[str, Any]:
    """A part of a body as a fact carries it."""
    return dict(msgspec.to_builtins(value))
