"""Recalls as the local API and --json show them: orders, how far this node is, who has answered, who has not. Called by api.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from node.recall.closure import Answered, OpenList
from node.recall.desk import RecallDesk
from node.recall.errors import RecallUnknown
from node.recall.making import read_page

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecallViews:
    """What one node shows of its recalls."""

    desk: RecallDesk

    def listed(self) -> list[Plain]:
        """Every order in force, ever carried out here, or of which receipts passed, newest first. Blocking."""
        lists = self.desk.lists()
        lines = [self._line(order_id, lists.get(order_id, OpenList())) for order_id in self._ids(lists)]
        return sorted(lines, key=lambda line: (-line["began_us"], line["order"]))

    def shown(self, name: str) -> Plain:
        """One order with its open list and receipts, by its id or by its entry's. Blocking; raises RecallUnknown."""
        lists = self.desk.lists()
        found = sorted(one for one in self._ids(lists) if name in (one, _entry(one)))
        if not found:
            raise RecallUnknown(f"recall {name!r} is not here: `yunnao recall list` shows those that are")
        # Of several orders of one entry that in force, else the one that was begun last.
        order_id = max(found, key=lambda one: (one in self.desk.due, self._began_us(one)))
        one, own = lists.get(order_id, OpenList()), self.desk.notes.get(order_id)
        return self._line(order_id, one) | {
            "missing": one.missing,
            "receipts": [_told(answer) for _, answer in sorted(one.answered.items())],
            "own": _own(own.facts) if own is not None else None,
            "withdrawn": self._withdrawn(order_id),
        }

    def _ids(self, lists: dict[str, OpenList]) -> set[str]:
        return {*self.desk.due, *self.desk.notes, *lists}

    def _began_us(self, order_id: str) -> int:
        note = self.desk.notes.get(order_id)
        return note.began_us if note is not None else 0

    def _withdrawn(self, order_id: str) -> list[str]:
        """Resources of totals that were counted over what the order recalls."""
        codes = sorted(self.desk.eraser.policy.ruleset.resources)
        return [code for code in codes if any(one["order"] == order_id for one in self.desk.withdrawn(code))]

    def _line(self, order_id: str, one: OpenList) -> Plain:
        note, order = self.desk.notes.get(order_id), self.desk.due.get(order_id)
        issuer = order.issuer if order is not None else note.issuer if note is not None else ""
        state = self._state(order_id)
        return {
            "order": order_id,
            "entry": _entry(order_id),
            "issuer": issuer,
            "resource": order.entry.resource if order is not None else "",
            "state": state,
            # Receipts go to the issuer: what is missing elsewhere says nothing.
            "is_open": state == "pending" or (issuer == self.desk.eraser.node and bool(one.missing)),
            "began_us": self._began_us(order_id),
            "done_us": note.done_us if note is not None else 0,
            "expected": len(one.expected),
            "answered": len(one.expected) - len(one.missing),
            "share": one.share,
            "erased": sum(answer.receipt.erased for answer in one.answered.values()),
            "masked": sum(answer.receipt.masked for answer in one.answered.values()),
            "fault": self.desk.fault if self.desk.fault.startswith(order_id) else "",
        }

    def _state(self, order_id: str) -> str:
        if self.desk.is_done(order_id):
            return "done"
        return "pending" if order_id in self.desk.due else "elsewhere"


def _own(facts: str) -> Plain | None:
    receipt = read_page(facts).receipt
    return None if receipt is None else msgspec.to_builtins(receipt)


def _entry(order_id: str) -> str:
    return order_id.partition("@")[0]


def _told(answer: Answered) -> Plain:
    receipt: Plain = msgspec.to_builtins(answer.receipt)
    named = {"onward": answer.onward, "sources": sorted(answer.sources), "fetched": answer.fetched}
    return receipt | {"node": answer.node, "at_us": answer.at_us} | named
