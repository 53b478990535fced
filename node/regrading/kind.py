"""The case of one change of grades: proposed, approved by another person, and, when it is to end, lifted by two persons again. Pure.

Owns the table of states and what a proposal must say. A raise may be approved where the records were made; what lets more pass (a lower
grade, and the end of a raise) needs the approver and two persons. Called by the register and the desk.
"""

from __future__ import annotations

from node.cases.fact import Fact
from node.cases.kind import Case, Kind, Step
from policies.errors import PolicyError
from policies.regrade import Regrade
from sync.model import MICROSECONDS

DAY_US = 86_400 * MICROSECONDS
APPROVAL_US = 5 * DAY_US
"""Time that a proposal, or a wish to lift, should wait at most, microseconds."""
FILLED_IN = ("id", "proposer", "approver", "approved_us")
"""Keys of a regrade that nobody writes: they follow from the case."""
PREFIX = "RG-"
PROPOSER, APPROVER = "proposer", "approver"
NAME = "regrade"
IN_FORCE = frozenset({"approved", "lifting"})
"""States in which it holds."""


def regrade_of(case: Case) -> Regrade:
    """The change that a case is about, with who proposed and, once it is, who approved it. Raises BundleError for none."""
    said = {one.fact.word: one.fact for one in case.history if not one.fault}
    approved = said.get("approve")
    return read_regrade(
        said["propose"].body["regrade"],
        case_id=case.id,
        proposer=_who(said["propose"]),
        approver=_who(approved) if approved else "",
        approved_us=approved.place.at.wall_us if approved else 0,
    )


def read_regrade(value: object, *, case_id: str, proposer: str, approver: str, approved_us: int = 0) -> Regrade:
    """A change as a proposal writes it, with what follows from its case. Raises BundleError."""
    written = dict(value) if isinstance(value, dict) else {}
    filled = {"id": PREFIX + case_id, "proposer": proposer, "approver": approver, "approved_us": approved_us}
    return Regrade.of({**written, **filled}, "regrade")


def _who(fact: Fact) -> str:
    return f"{fact.by} ({fact.origin})"


def _fault(case: Case | None, fact: Fact) -> str:
    if case is not None:
        return ""
    value = fact.body["regrade"]
    unwanted = [key for key in FILLED_IN if isinstance(value, dict) and key in value]
    if unwanted:
        return f"regrade.{unwanted[0]} is filled in from who proposes and approves"
    try:
        regrade = read_regrade(value, case_id=fact.case_id, proposer=fact.by, approver="nobody yet")
    except PolicyError as error:
        return str(error)
    return _WHY[regrade.fault]


_WHY = {
    "": "",
    "no-basis": "a changed grade needs its legal basis: instrument, article and the quoted text; without it, it would have no effect",
    "basis-hash": "the quote does not match its hash: copy it again from the instrument",
}


def _due_us(case: Case) -> int | None:
    return case.since_us + APPROVAL_US if case.state in ("proposed", "lifting") else None


_EITHER, _APPROVER = frozenset({PROPOSER, APPROVER}), frozenset({APPROVER})

REGRADE = Kind(
    name=NAME,
    resource="regrade-cases",
    opening="propose",
    opener=PROPOSER,
    first="proposed",
    named=(APPROVER,),
    needs=("regrade", "why"),
    steps={
        ("proposed", "approve"): Step("approved", _APPROVER, apart_from=("propose",)),
        ("proposed", "refuse"): Step("refused", _APPROVER, needs=("why",)),
        ("proposed", "withdraw"): Step("withdrawn", frozenset({PROPOSER})),
        ("approved", "lift"): Step("lifting", _EITHER, needs=("why",)),
        ("lifting", "keep"): Step("approved", _APPROVER, needs=("why",)),
        ("lifting", "end"): Step("lifted", _APPROVER, apart_from=("lift",)),
    },
    final=frozenset({"refused", "withdrawn", "lifted"}),
    check=_fault,
    clock=_due_us,
)
