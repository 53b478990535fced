"""An invented kind of case: a node lends a book, another returns it; keeping it for good needs two persons of the lender."""

from __future__ import annotations

from typing import Any

from node.cases.fact import Fact, Place
from node.cases.kind import PARTIES, Case, Kind, Step
from policies.catalogue import FACT_FIELDS, Field, Resource
from sync.model import HybridTime, Lane

DAY_US = 86_400_000_000
LENDER, READER = "m1", "s11"
TERRITORIES = {"p0": "37", "m1": "3702", "d1": "370202", "s11": "370202001", "d2": "370203", "s21": "370203001"}

RESOURCE = Resource(
    "loans", "借阅", "Loans", Lane.EVENT, tuple(Field(name, "string") for name in FACT_FIELDS), grade=2, returns=True, event_sourced=True
)


def _due_us(case: Case) -> int | None:
    return case.since_us + DAY_US if case.state == "lent" else None


def _too_short(case: Case | None, fact: Fact) -> str:
    return "a title has at least two letters" if case is None and len(str(fact.body["title"])) < 2 else ""


LOAN = Kind(
    name="loan",
    resource="loans",
    opening="ask",
    opener="reader",
    first="asked",
    named=("lender",),
    needs=("title",),
    steps={
        ("asked", "lend"): Step("lent", frozenset({"lender"})),
        ("asked", "withdraw"): Step("over", frozenset({"reader"})),
        ("lent", "note"): Step("", frozenset({"lender", "reader"}), needs=("text",)),
        ("lent", "give-back"): Step("over", frozenset({"reader"})),
        ("lent", "give-away"): Step("over", frozenset({"lender"}), apart_from=("lend",)),
    },
    final=frozenset({"over"}),
    check=_too_short,
    clock=_due_us,
)


def party(node: str) -> dict[str, str]:
    """A party as an opening fact names it."""
    return {"node": node, "territory": TERRITORIES[node]}


def said(word: str, at_us: int, origin: str, *, by: str = "li", case_id: str = "c1", number: int = 1, **body: object) -> Fact:
    """A fact of a node at a time."""
    return Fact(f"{word}-{at_us}", case_id, word, by, body, Place(HybridTime(at_us), origin, 7, number), TERRITORIES[origin])


def asked(at_us: int = 10, *, title: str = "Faust", case_id: str = "c1") -> Fact:
    """The fact that opens a loan."""
    body: dict[str, Any] = {"title": title, PARTIES: {"reader": party(READER), "lender": party(LENDER)}}
    return said("ask", at_us, READER, case_id=case_id, **body)
