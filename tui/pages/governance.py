"""Governance: every matter that people decide or that must come to an end, of all kinds, what this node can decide first.

One list with a section per kind, so that what waits is seen in one place. A line opens the matter's page; `n` opens a new one where people
may. Owns the order of the list; everything else is the kinds' (`tui/governed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from tui.decision import Ask
from tui.desk import Desk
from tui.feed import Question
from tui.governed.emergencies import EmergencyKind
from tui.governed.kind import Matter, MatterKind, Rank, state_badge
from tui.governed.models import ModelKind, OfferKind
from tui.governed.recalls import RecallKind
from tui.governed.regrades import RegradeKind
from tui.governed.requests import RequestKind
from tui.governed.reviews import ReviewKind
from tui.governed.tickets import TicketKind
from tui.keys import NEW, SECTION_NAMES, Key
from tui.pages.sectioned_page import SectionedPage
from tui.widgets.table import Column, Row, rest_of

KINDS: dict[str, MatterKind[Struct]] = {
    kind.name: kind  # type: ignore[misc]
    for kind in (EmergencyKind(), RecallKind(), RegradeKind(), ReviewKind(), TicketKind(), RequestKind(), ModelKind(), OfferKind())
}
"""By name; the sections of the page are all, and these, of which two share one."""
ALL = SECTION_NAMES["governance"][0]
WIDE_CELLS = 110
"""From this width on the list shows who must act and until when to the day."""
DATE_CHARACTERS = 10
SEARCH_CHARACTERS_MAX = 600


class GovernancePage(SectionedPage):
    """One row per matter."""

    name_key: ClassVar[str] = "governance"
    tab: ClassVar[str] = "governance"
    detail: ClassVar[str] = "matter"
    sections: ClassVar[tuple[str, ...]] = SECTION_NAMES["governance"]
    BINDINGS: ClassVar = [NEW.binding()]

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__(desk, about)
        self._known: dict[str, list[Matter]] = {}
        """By kind what is known now, read once for each drawing."""
        self._drawn: dict[Matter, Row] = {}
        """The rows as last drawn: of a thousand matters few change in a second."""
        self._look: object = None
        """What else they were drawn from."""

    def paint(self) -> None:
        """Read what is known, then draw."""
        self._known = {name: kind.matters(self.desk) for name, kind in KINDS.items()}
        super().paint()

    def _of(self, section: str) -> list[Matter]:
        return [matter for name, matters in self._known.items() if section in (ALL, KINDS[name].section or name) for matter in matters]

    def questions(self) -> Sequence[Question[Struct]]:
        """Every list: the counts of the sections are of all."""
        return [kind.listing for kind in KINDS.values()]

    def own_keys(self) -> Sequence[Key]:
        """The sections, and a new one where people open one."""
        return (*super().own_keys(), *([NEW] if self._opening() else []))

    def count_of(self, section: str) -> str:
        """Matters that are not settled."""
        open_ = sum(matter.rank < Rank.SETTLED for matter in self._of(section))
        return str(open_) if open_ else ""

    def count_shown(self) -> str:
        """How many this node can decide, or what the filter leaves."""
        if self.wanted:
            return super().count_shown()
        mine = sum(matter.rank is Rank.MINE for matter in self._of(self.section))
        return self.desk.words("count_mine", n=mine)

    def _matters(self) -> list[Matter]:
        return sorted(self._of(self.section), key=lambda matter: (matter.rank, matter.due_us or (1 << 62), -matter.at_us, matter.key))

    def columns(self, cells: int) -> Sequence[Column]:
        """What a matter is about takes what the others leave."""
        words, is_wide = self.desk.words, cells >= WIDE_CELLS
        first = (Column(words("column_state"), 24 if is_wide else 22), Column(words("column_matter"), 9))
        last = [Column(words("column_figure"), 17), Column(words("column_due"), 10)]
        who = [Column(words("column_by"), 18), Column(words("column_to"), 16)] if is_wide else []
        about = Column(words("column_about"), rest_of(cells, (*first, *last, *who), least=12, most=60))
        return (*first, about, *who, *last)

    def rows(self, cells: int) -> Sequence[Row]:
        """What can be decided here first, then what is late, what runs, what is settled."""
        tree, stale, is_wide = self.desk.tree().value, self.problem() is not None, cells >= WIDE_CELLS
        names = {node.id: node.name for node in tree.nodes} if tree else {}
        look = (stale, is_wide, self.desk.palette, names)
        drawn = self._drawn if look == self._look else {}
        self._look = look
        self._drawn = {matter: drawn.get(matter) or self._row(matter, stale=stale, is_wide=is_wide) for matter in self._matters()}
        return list(self._drawn.values())

    def _row(self, matter: Matter, *, stale: bool, is_wide: bool) -> Row:
        words = self.desk.words
        style = self.desk.palette.stale if stale else ""
        state = state_badge(matter.state, matter.weight, self.desk, stale=stale)
        kind, _, matter_id = matter.key.partition("/")
        who = [matter.by or "-", self.desk.name_of(matter.to) if matter.to else "-"] if is_wide else []
        shown = [words(f"kind_{kind}"), matter.about, *who, matter.figure, words.time(matter.due_us)[:DATE_CHARACTERS]]
        search = " ".join((state.plain, *shown, matter.by, matter.to, matter_id))
        return Row(matter.key, (state, *(self.cell(value, style) for value in shown)), search=search[:SEARCH_CHARACTERS_MAX])

    def _opening(self) -> MatterKind[Struct] | None:
        """The kind of the open section, where people may open a new one."""
        kind = KINDS.get(self.section)
        return kind if kind is not None and not self.desk.setting.read_only and kind.opening(self.desk) is not None else None

    def action_new(self) -> None:
        """Open the dialog for a new matter of the section's kind."""
        words, kind = self.desk.words, self._opening()
        decision = kind.opening(self.desk) if kind else None
        if decision is not None:
            self.post_message(Ask(decision))
        else:
            self.tell(words("told_read_only") if self.desk.setting.read_only else words("told_no_new"))
