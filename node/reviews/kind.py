"""The case of one review: opened by a node, not by a person, and decided by the data authority. Pure.

Called by the register, the desk, and the room whose matter it is.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.cases.fact import Fact
from node.cases.kind import Case, Kind, Step
from policies.entry import Basis
from policies.errors import PolicyError
from sync.model import MICROSECONDS

NAME, RESOURCE = "review", "reviews"
OPENER, AUTHORITY, OTHER = "opener", "authority", "other"
SAID_BY_PERSONS = frozenset({"uphold", "release"})
"""What the authority decides; the issuer of a lower entry shows its basis (`justify`), and nobody says that a review lapses."""
BY_ITSELF = "automatic"
"""Who says what no person said."""
REVIEW_US = 10 * 86_400 * MICROSECONDS
"""How long a review may wait."""

Name = Annotated[str, Meta(min_length=1, max_length=400)]
Number = Annotated[int, Meta(ge=0, le=1 << 53)]


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a review is about."""

    topic: Literal["accumulation", "conflict"]
    key: Name
    """Names the matter: the resource, or the pair of entries."""
    resources: Annotated[tuple[Name, ...], Meta(max_length=50)]
    count: Number = 0
    """Persons counted."""
    persons: Number = 0
    """Persons that the table allows."""


def about(case: Case) -> About:
    """What a case is about; the opening fact alone says it."""
    return msgspec.convert(case.opening.body["about"], About)


def has_lapsed(case: Case, now_us: int) -> bool:
    """True when the time of a contradiction has passed and the issuer of the lower entry never showed on which law that stands."""
    is_over = case.state == "open" and now_us >= case.since_us + REVIEW_US
    return is_over and about(case).topic == "conflict" and "basis" not in case.data


def _fault(case: Case | None, fact: Fact) -> str:
    if case is not None:
        return _later_fault(case, fact)
    try:
        msgspec.convert(fact.body["about"], About)
    except msgspec.ValidationError as error:
        return f"about: {error}"
    return ""


def _later_fault(case: Case, fact: Fact) -> str:
    if fact.word == "lapse" and not has_lapsed(case, fact.place.at.wall_us):
        return "a review lapses when a contradiction of entries was left open for ten days and no basis was shown"
    if fact.word != "justify":
        return ""
    try:
        fault = Basis.of(fact.body["basis"], "basis").fault
    except PolicyError as error:
        return str(error)
    return "it needs the instrument, the article and the quoted text with its hash" if fault else ""


_AUTHORITY, _OTHER = frozenset({AUTHORITY}), frozenset({OTHER})

REVIEW = Kind(
    name=NAME,
    resource=RESOURCE,
    opening="open",
    opener=OPENER,
    first="open",
    named=(AUTHORITY,),
    needs=("about",),
    steps={
        ("open", "uphold"): Step("upheld", _AUTHORITY, needs=("why",)),
        ("open", "release"): Step("released", _AUTHORITY, needs=("why",)),
        ("open", "justify"): Step("", _OTHER, needs=("why", "basis")),
        ("open", "lapse"): Step("lapsed", _OTHER, needs=("why",)),
        ("upheld", "release"): Step("released", _AUTHORITY, needs=("why",)),
    },
    final=frozenset({"released", "lapsed"}),
    check=_fault,
    clock=lambda case: case.since_us + REVIEW_US if case.state == "open" else None,
)
