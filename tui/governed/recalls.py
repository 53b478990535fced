"""Recalls: orders that take back what was shared, how far each is, who has answered with a receipt and who has not."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.desk import Desk
from tui.feed import Question
from tui.governed.answers import Recall, Recalls, Receipt
from tui.governed.kind import LASTS_S, Matter, MatterKind, Rank, Weight, state_badge
from tui.marks import unmarked
from tui.pages.deciding_page import DecidingPage

ROOT_CHARACTERS = 16
"""Of a receipt's hash; the command line prints as much, `--json` all of it."""

RECALLS = Question("recall_list", Recalls, lasts_s=LASTS_S)


class RecallKind(MatterKind[Recall]):
    """An order is issued and ended by its entry (page 6): nothing is said about it here."""

    name: ClassVar[str] = "recall"

    @property
    def listing(self) -> Question[Struct]:
        """Every order."""
        return RECALLS

    def shown(self, matter_id: str) -> Question[Recall]:
        """One with its receipts."""
        return Question("recall_show", Recall, (("id", matter_id),))

    def matters(self, desk: Desk) -> list[Matter]:
        """One line per order."""
        seen = desk.seen(RECALLS).value
        return [_matter(one, desk) for one in seen.recalls] if seen else []

    def lines(self, matter: Recall, page: DecidingPage, cells: int) -> list[Text]:
        """Head, open list, receipts."""
        words, line = page.desk.words, _matter(matter, page.desk)
        stale = page.problem() is not None
        counts = words("recall_counts", erased=words.number(matter.erased), masked=words.number(matter.masked))
        head = [
            Text(""),
            *page.named("state", unmarked(state_badge(line.state, line.weight, page.desk, stale=stale))),
            *page.fault_lines(words("title_waits"), matter.fault, cells),
            *page.named("answered", line.figure, cells),
            *page.named("done", counts, cells),
            *page.named("resource", matter.resource, cells),
            *page.named("entry", matter.entry, cells),
            *page.named("order", matter.order, cells),
            *page.named("issuer", page.desk.name_of(matter.issuer), cells),
            *(page.named("began", words.time(matter.began_us)) if matter.began_us else []),
            *page.named("withdrawn", ", ".join(matter.withdrawn), cells),
        ]
        return [*head, *self._open_list(matter, page, cells), *self._receipts(matter, page, cells)]

    def _open_list(self, matter: Recall, page: DecidingPage, cells: int) -> list[Text]:
        if not matter.missing:
            return []
        names = ", ".join(page.desk.name_of(node) for node in matter.missing)
        title = page.heading(page.desk.words("title_missing", n=len(matter.missing)))
        return [Text(""), title, *page.whole(names, cells, indent=2, style=f"bold {page.desk.palette.warn}")]

    def _receipts(self, matter: Recall, page: DecidingPage, cells: int) -> list[Text]:
        lines = [Text(""), page.heading(page.desk.words("title_receipts", n=len(matter.receipts)))]
        return lines + [line for receipt in matter.receipts for line in _receipt(receipt, page, cells)]


def _receipt(receipt: Receipt, page: DecidingPage, cells: int) -> list[Text]:
    words, desk = page.desk.words, page.desk
    figures = {name: words.number(getattr(receipt, name)) for name in ("erased", "masked", "kept")}
    root = receipt.root[:ROOT_CHARACTERS]
    told = words("receipt", node=desk.name_of(receipt.node), when=words.time(receipt.done_us), root=root, **figures)
    onward = ", ".join(f"{desk.name_of(node)} {words.number(count)}" for node, count in receipt.onward.items())
    given = page.whole(words("receipt_onward", nodes=onward), cells, indent=4, style=desk.palette.dim) if onward else []
    return [*page.whole(told, cells, indent=2), *given]


def _matter(one: Recall, desk: Desk) -> Matter:
    words = desk.words
    shown = words.shared(f"recall.state_{one.state}")
    waits = bool(one.expected > one.answered and one.is_open)
    weight = Weight.FAIL if one.fault else Weight.WARN if one.is_open else Weight.CALM
    state = words("recall_open", state=shown) if waits else shown
    rank = Rank.TROUBLED if one.is_open else Rank.SETTLED
    answered = words("recall_answered", answered=one.answered, expected=one.expected)
    about = one.resource or one.entry
    return Matter(f"recall/{one.order}", state, weight, rank, about, answered, one.issuer, one.entry, None, one.began_us or 0)
