"""The case of one published package: one person publishes it, another approves it, and either node may withdraw it. Pure.

The publisher is the node whose library has the package; the approver is a node that answers for it, the same one or one above. The facts
name the package by its content, so an approval is for those bytes and no others. Called by the register of cases and the desk.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from node.cases.fact import Fact
from node.cases.kind import Case, Kind, Step

NAME, RESOURCE = "algorithm", "algorithm-cases"
PUBLISHER, APPROVER = "publisher", "approver"
PACKAGE = "package"
"""Key of the opening fact's body."""
CONTENT = "content"
"""Key of every fact's body: the SHA-256 that it is about, which the audit log repeats."""

Text = Annotated[str, Meta(max_length=200)]


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a case is about."""

    id: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,63}$")]
    version: Annotated[str, Meta(pattern="^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$")]
    content: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the package's card."""
    family: Text
    classes: Annotated[int, Meta(ge=1, le=100_000)]
    licence: Text
    evidence_grade: Text
    maker: Text
    """The node that signed it."""


def published_of(case: Case) -> Published:
    """What a case is about; its opening fact was checked by the fold."""
    return msgspec.convert(case.opening.body[PACKAGE], Published)


def _fault(case: Case | None, fact: Fact) -> str:
    if case is not None:
        return ""
    try:
        msgspec.convert(fact.body[PACKAGE], Published)
    except msgspec.ValidationError as error:
        return f"{PACKAGE}: {error}"
    return ""


_EITHER = frozenset({PUBLISHER, APPROVER})

ALGORITHM = Kind(
    name=NAME,
    resource=RESOURCE,
    opening="publish",
    opener=PUBLISHER,
    first="published",
    named=(APPROVER,),
    needs=(PACKAGE, "why"),
    steps={
        ("published", "approve"): Step("approved", frozenset({APPROVER}), apart_from=("publish",)),
        ("published", "refuse"): Step("refused", frozenset({APPROVER}), needs=("why",)),
        ("published", "withdraw"): Step("withdrawn", _EITHER),
        ("approved", "withdraw"): Step("withdrawn", _EITHER, needs=("why",)),
    },
    final=frozenset({"refused", "withdrawn"}),
    check=_fault,
    told=(CONTENT,),
)
