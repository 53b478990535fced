"""The case of one review: opened by a node, not by a person, and decided by the data authority. Pure.

Called by the register, the desk, and the room whose matter it is.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.cases.fact import Fact
from node.cases.kind import Case, Kind, Step
from sync.model import MICROSECONDS

NAME, RESOURCE = "review", "reviews"
OPENER, AUTHORITY, OTHER = "opener", "authority", "other"
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
    opening = next(one.fact for one in case.history if one.fact.word == "open" and not one.fault)
    return msgspec.convert(opening.body["about"], About)


def _fault(case: Case | None, fact: Fact) -> str:
    if case is not None:
        return ""
    try:
        msgspec.convert(fact.body["about"], About)
    except msgspec.ValidationError as error:
        return f"about: {error}"
    return ""


_AUTHORITY = frozenset({AUTHORITY})

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
        ("upheld", "release"): Step("released", _AUTHORITY, needs=("why",)),
    },
    final=frozenset({"released"}),
    check=_fault,
    due_us=lambda case: case.since_us + REVIEW_US if case.state == "open" else None,
)
