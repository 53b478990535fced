"""The case in which one holder answers one order: it says that it complied, with a receipt. Pure.

One case per holder and order, opened by the holder: an issuer does not know beforehand who holds. Called by the register and the desk.
"""

from __future__ import annotations

from node.cases.fact import Fact
from node.cases.kind import Case, Kind, Step
from node.recall.receipt import Receipt, read_receipt

HOLDER, ISSUER = "holder", "issuer"
NAME = "recall"


def _fault(case: Case | None, fact: Fact) -> str:
    if read_receipt(fact.body) is None:
        return f"{fact.word} is no receipt"
    if case is not None and fact.body.get("order") != case.data.get("order"):
        return f"{fact.word} is about another order"
    return ""


RECALL = Kind(
    name=NAME,
    resource="recalls",
    opening="comply",
    opener=HOLDER,
    first="complied",
    named=(ISSUER,),
    needs=("order", "entry", "root"),
    steps={("complied", "add"): Step("", frozenset({HOLDER}), needs=("order", "entry", "root"))},
    final=frozenset({"complied"}),
    check=_fault,
)


def receipts_in(case: Case) -> list[Receipt]:
    """The receipts that count in a case, in their order."""
    found = [read_receipt(one.fact.body) for one in case.history if not one.fault]
    return [receipt for receipt in found if receipt is not None]
