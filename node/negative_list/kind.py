"""The case of one entry of the negative list: proposed, reviewed by a second person, approved by a third at the level that may. Pure.

Renewal is a new case (POLICY, hard case 2). Called by the register of cases and by the desk of the list.
"""

from __future__ import annotations

from enum import Enum

from node.cases.fact import Fact
from node.cases.kind import Case, Kind, Step
from policies.entry import Entry
from policies.errors import PolicyError
from sync.model import MICROSECONDS

DAY_US = 86_400 * MICROSECONDS
REVIEW_US = 5 * DAY_US
APPROVAL_US = 10 * DAY_US
"""Time that a proposal should wait at most in each state, microseconds."""
REMIND_US = 30 * DAY_US
REMIND_AGAIN_US = 7 * DAY_US
"""How long before its end an entry is said to end (POLICY, hard case 2)."""
FILLED_IN = ("id", "proposer", "approver", "demonstration")
"""Keys of an entry that nobody writes: they follow from the case."""

ENTRY_PREFIX = "NL-"
PROPOSER, APPROVER = "proposer", "approver"


class Standing(Enum):
    """How an approved entry stands to its dates."""

    NOT_YET = "not-yet"
    LIVE = "live"
    EXPIRING = "expiring"
    """It ends within thirty days."""
    ENDING = "ending"
    """It ends within seven."""
    EXPIRED = "expired"


def standing(entry: Entry, now_us: int) -> Standing:
    """The standing of an entry that is approved."""
    if now_us < entry.valid_from_us:
        return Standing.NOT_YET
    left_us = entry.valid_to_us - now_us
    if left_us <= 0:
        return Standing.EXPIRED
    if left_us <= REMIND_AGAIN_US:
        return Standing.ENDING
    return Standing.EXPIRING if left_us <= REMIND_US else Standing.LIVE


def entry_of(case: Case) -> Entry:
    """The entry that a case is about, with who proposed and, once it is, who approved it. Raises BundleError for none."""
    said = {one.fact.word: f"{one.fact.by} ({one.fact.origin})" for one in case.history if not one.fault}
    return read_entry(case.opening.body["entry"], case_id=case.id, proposer=said["propose"], approver=said.get("approve", ""))


def read_entry(value: object, *, case_id: str, proposer: str, approver: str) -> Entry:
    """An entry as a proposal writes it, with what follows from its case. Raises BundleError."""
    written = dict(value) if isinstance(value, dict) else {}
    return Entry.of({**written, "id": entry_id(case_id), "proposer": proposer, "approver": approver}, "entry")


def entry_id(case_id: str) -> str:
    """The id under which an entry of a case stands in a bundle."""
    return ENTRY_PREFIX + case_id


def _fault(case: Case | None, fact: Fact) -> str:
    if case is not None:
        return ""
    unwanted = [key for key in FILLED_IN if isinstance(fact.body["entry"], dict) and key in fact.body["entry"]]
    if unwanted:
        return f"entry.{unwanted[0]} is filled in from who proposes and approves"
    try:
        entry = read_entry(fact.body["entry"], case_id=fact.case_id, proposer=fact.by, approver="nobody yet")
    except PolicyError as error:
        return str(error)
    has_effect, why = entry.effect_of(entry.valid_from_us)
    return "" if has_effect else _WHY[why]


_WHY = {
    "no-basis": "an entry needs its legal basis: instrument, article and the quoted text; without it, it would have no effect",
    "basis-hash": "the quote does not match its hash: copy it again from the instrument",
    "no-end": "an entry needs an end of validity after its beginning",
}


def _due_us(case: Case) -> int | None:
    waits = {"proposed": REVIEW_US, "reviewed": APPROVAL_US}
    return case.since_us + waits[case.state] if case.state in waits else None


_EITHER = frozenset({PROPOSER, APPROVER})

ENTRY = Kind(
    name="entry",
    resource="list-cases",
    opening="propose",
    opener=PROPOSER,
    first="proposed",
    named=(APPROVER,),
    needs=("entry", "why"),
    steps={
        ("proposed", "review"): Step("reviewed", _EITHER, apart_from=("propose",)),
        ("proposed", "refuse"): Step("refused", _EITHER, needs=("why",), apart_from=("propose",)),
        ("proposed", "withdraw"): Step("withdrawn", frozenset({PROPOSER})),
        ("reviewed", "approve"): Step("approved", frozenset({APPROVER}), apart_from=("propose", "review")),
        ("reviewed", "refuse"): Step("refused", frozenset({APPROVER}), needs=("why",), apart_from=("propose",)),
        ("reviewed", "withdraw"): Step("withdrawn", frozenset({PROPOSER})),
        ("approved", "revoke"): Step("revoked", frozenset({APPROVER}), needs=("why",)),
    },
    final=frozenset({"refused", "withdrawn", "revoked"}),
    check=_fault,
    clock=_due_us,
)
