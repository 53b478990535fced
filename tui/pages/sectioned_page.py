"""A list page with sections: one line names them with their counts, Tab goes on to the next. A subclass says what each shows.

So a few pages hold what an operator thinks of together. What a page is about is the section that it begins with.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

from tui.desk import Desk
from tui.keys import SECTION, SECTION_BACK, Key
from tui.pages.list_page import ListPage
from tui.widgets.bars import Bar

LINE_FORMS = (("  ", True), (" ", True), (" ", False))
"""What stands between two sections, and whether all have their count, or the open one and the first alone: the first that fits."""


class SectionedPage(ListPage):
    """A table per section; `sections` are their names, in order."""

    sections: ClassVar[tuple[str, ...]] = ()
    BINDINGS: ClassVar = [SECTION.binding(), SECTION_BACK.binding()]

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__(desk, about)
        self.section, _, self.wish = about.partition(" ")
        if self.section not in self.sections:
            self.section = self.sections[0]

    @abstractmethod
    def count_of(self, section: str) -> str:
        """What stands behind a section's name: how many need somebody; empty when nothing is known."""

    def body(self) -> Iterable[Widget]:
        """The line of sections above the table."""
        yield Bar(id="sections")
        yield from super().body()

    def own_keys(self) -> Sequence[Key]:
        """The next section."""
        return (SECTION,)

    def empty(self) -> str:
        """That of the section."""
        return self.desk.words(f"empty_{self.section}")

    def paint_body(self) -> None:
        """The sections, and the table of the one that is open."""
        lines = [self._section_line(gap, all_counted=all_counted) for gap, all_counted in LINE_FORMS]
        room = self.size.width
        self._bar("sections").show(next((line for line in lines if cell_len(line.plain) <= room), lines[-1]))
        super().paint_body()

    def _section_line(self, gap: str, *, all_counted: bool) -> Text:
        palette, line = self.desk.palette, Text(" ", no_wrap=True, end="")
        for name in self.sections:
            count = self.count_of(name) if all_counted or name in (self.section, self.sections[0]) else ""
            shown = self.desk.words(f"section_{name}") + (f" {count}" if count else "")
            is_open = name == self.section
            line.append(f"[{shown}]" if is_open else shown, style=f"bold {palette.accent}" if is_open else palette.dim)
            line.append(gap)
        return line

    def action_section(self, step: int) -> None:
        """Open the next section, round and round."""
        place = self.sections.index(self.section)
        self.go_to(self.sections[(place + step) % len(self.sections)])

    def go_to(self, section: str) -> None:
        """Open `section`; its questions are asked at once."""
        self.section, self.wish = section, ""
        self.paint()
        self.want_answers()
