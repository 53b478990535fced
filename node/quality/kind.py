"""The case of a quality ticket: somebody who holds records says that they break a rule, and their source corrects or disputes. Pure.

Only the source corrects (一数一源). Who holds the records may dispute a correction, the source may dispute a ticket; a dispute that the
other side gives in to is a verified one. Called by the register of cases and by the desk.
"""

from __future__ import annotations

from enum import Enum

from node.cases.fact import Fact
from node.cases.kind import Case, Kind, Step
from sync.model import MICROSECONDS

DAY_US = 86_400 * MICROSECONDS
WAITS_US = {"open": 2 * DAY_US, "accepted": 10 * DAY_US, "corrected": DAY_US, "disputed": 5 * DAY_US, "contested": 5 * DAY_US}
"""How long a ticket should stay in each state at most."""
WAITS_FOR = {"open": "source", "accepted": "source", "contested": "source", "corrected": "holder", "disputed": "holder"}
"""Role of the node whose turn it is."""
SAMPLES_MAX = 20
SAMPLE_CHARS_MAX = 40
NAME = "ticket"
HOLDER, SOURCE = "holder", "source"
BY_RULES = "yunnao"
"""Who says what the rules found: no person."""


class Word(Enum):
    """What may be said about a ticket, but for opening it and what its rules add."""

    ACCEPT = "accept"
    CORRECT = "correct"
    DISPUTE = "dispute"
    INSIST = "insist"
    VERIFY = "verify"
    REOPEN = "reopen"
    CLOSE = "close"


def _fault(case: Case | None, fact: Fact) -> str:
    samples = fact.body.get("samples", [])
    if not isinstance(samples, list) or len(samples) > SAMPLES_MAX:
        return f"a ticket names at most {SAMPLES_MAX} records"
    if not all(isinstance(one, str) and len(one) <= SAMPLE_CHARS_MAX for one in samples):
        return "a record is named by its incarnation and number, 0123456789abcdef:42"
    wrong = [key for key in ("bad", "judged") if not _is_count(fact.body.get(key, 0))]
    return f"{wrong[0]} is no count" if wrong else ""


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _due_us(case: Case) -> int | None:
    return case.since_us + WAITS_US[case.state] if case.state in WAITS_US else None


_HOLDER, _SOURCE = frozenset({HOLDER}), frozenset({SOURCE})
_WHY = ("why",)

TICKET = Kind(
    name=NAME,
    resource="quality-tickets",
    opening="report",
    opener=HOLDER,
    first="open",
    named=(SOURCE,),
    needs=("resource", "why"),
    steps={
        ("open", "accept"): Step("accepted", _SOURCE),
        ("open", "correct"): Step("corrected", _SOURCE),
        ("open", "dispute"): Step("disputed", _SOURCE, needs=_WHY),
        ("open", "note"): Step("", _HOLDER),
        ("open", "close"): Step("closed", _HOLDER, needs=_WHY),
        ("accepted", "correct"): Step("corrected", _SOURCE),
        ("accepted", "dispute"): Step("disputed", _SOURCE, needs=_WHY),
        ("accepted", "note"): Step("", _HOLDER),
        ("accepted", "close"): Step("closed", _HOLDER, needs=_WHY),
        ("corrected", "verify"): Step("closed", _HOLDER),
        ("corrected", "reopen"): Step("open", _HOLDER, needs=_WHY),
        ("corrected", "dispute"): Step("contested", _HOLDER, needs=_WHY),
        ("corrected", "close"): Step("closed", _HOLDER, needs=_WHY),
        ("disputed", "close"): Step("closed", _HOLDER, needs=_WHY),
        ("disputed", "insist"): Step("open", _HOLDER, needs=_WHY),
        ("contested", "accept"): Step("accepted", _SOURCE),
        ("contested", "insist"): Step("corrected", _SOURCE, needs=_WHY),
    },
    final=frozenset({"closed"}),
    check=_fault,
    clock=_due_us,
)


def rule_of(case: Case) -> str:
    """The rule that a ticket is about; empty for one that a person reported. From the opening fact alone."""
    return _opening(case, "rule")


def resource_of(case: Case) -> str:
    """The resource that a ticket is about."""
    return _opening(case, "resource")


def _opening(case: Case, key: str) -> str:
    value = case.opening.body.get(key, "")
    return value if isinstance(value, str) else ""


def is_for(case: Case, node: str) -> bool:
    """True when it is this node's turn."""
    role = WAITS_FOR.get(case.state, "")
    return role in case.parties and case.parties[role].node == node
