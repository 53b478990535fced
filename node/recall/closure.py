"""The open list of an order: who is known to have held what it recalls, and who has not answered yet. Pure.

Every receipt names the nodes that the records came from, those that were given them and those that fetched them on request; the list grows
along those names until each of them has answered. Called by the desk for the issuer's screen and for everybody whom the receipts pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from node.cases.kind import Case
from node.recall.kind import HOLDER, receipts_in
from node.recall.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Answered:
    """What one node said."""

    node: str
    at_us: int
    """When it said so, by its own clock."""
    receipt: Receipt
    onward: dict[str, int]
    sources: frozenset[str]
    fetched: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class OpenList:
    """One order as far as receipts tell."""

    answered: dict[str, Answered] = field(default_factory=dict)
    """By node, the newest receipt of each."""

    @property
    def expected(self) -> frozenset[str]:
        """Nodes that somebody named, and those that answered with anything."""
        named = {node for one in self.answered.values() for node in (*one.onward, *one.sources, *one.fetched)}
        return frozenset(named | {node for node, one in self.answered.items() if _holds(one.receipt)})

    @property
    def missing(self) -> list[str]:
        """Nodes that were named and have not answered, sorted."""
        return sorted(self.expected - self.answered.keys())

    @property
    def share(self) -> float:
        """Part of those expected that answered; 1 when nobody is."""
        return 1.0 - len(self.missing) / len(self.expected) if self.expected else 1.0


def open_lists(cases: Iterable[Case]) -> dict[str, OpenList]:
    """The lists of all orders of which receipts are here, by order."""
    lists: dict[str, OpenList] = {}
    for case in cases:
        one = _answer(case)
        if one is None:
            continue
        known = lists.setdefault(one.receipt.order, OpenList())
        before = known.answered.get(one.node)
        if before is None or before.at_us <= one.at_us:
            known.answered[one.node] = one
    return lists


def _answer(case: Case) -> Answered | None:
    receipts = receipts_in(case)
    if not receipts:
        return None
    onward = {node: count for receipt in receipts for node, count in receipt.onward.items()}
    sources = frozenset(node for receipt in receipts for node in receipt.sources)
    fetched = {node: count for receipt in receipts for node, count in receipt.fetched.items()}
    return Answered(case.parties[HOLDER].node, case.opened_us, receipts[0], onward, sources, fetched)


def _holds(receipt: Receipt) -> bool:
    return bool(receipt.erased or receipt.masked or receipt.kept or receipt.stores.damaged_copies or receipt.stores.pages)
