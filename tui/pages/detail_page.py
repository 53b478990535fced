"""A page that explains one thing in lines: the end of every drill-down. A subclass gives the lines; scrolling and filtering are here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.widget import Widget

from tui.keys import OPEN, Key
from tui.pages.page import Page
from tui.safe import cut, fit, wrapped
from tui.widgets.lines import LineView

LABEL_CELLS = 16
INDENT = " "


class DetailPage(Page):
    """Lines about one thing."""

    unhinted: ClassVar[tuple[Key, ...]] = (OPEN,)

    @abstractmethod
    def lines(self, cells: int) -> Sequence[Text]:
        """The lines for a page of `cells` cells."""

    def body(self) -> Iterable[Widget]:
        """The lines."""
        yield LineView(id="body")

    def paint_body(self) -> None:
        """Show what is known now."""
        lines = self.lines(self.size.width)
        wanted = self.wanted.lower()
        self.query_one("#body", LineView).show([line for line in lines if wanted in line.plain.lower()] if wanted else lines)
        self._paint_tabs()

    def count_shown(self) -> str:
        """Which lines are in sight, when not all are."""
        view = self.query_one("#body", LineView)
        first, last, total = view.in_sight()
        return "" if last - first + 1 >= total else self.desk.words("count_lines", first=first, last=last, total=total)

    def on_line_view_scrolled(self) -> None:
        """The position stands in the tab bar."""
        self._paint_tabs()

    def heading(self, text: str) -> Text:
        """A heading inside the page."""
        return Text(f"{INDENT}{text}", style=f"bold {self.desk.palette.accent}", no_wrap=True, end="")

    def field(self, name: str, value: Text | str, style: str = "") -> Text:
        """`label  value` on one line; the label is the text `console.field_<name>`."""
        label = fit(Text(self.desk.words(f"field_{name}"), style=self.desk.palette.dim), LABEL_CELLS)
        shown = value if isinstance(value, Text) else self.desk.value(value, style or (self.desk.palette.stale if self.problem() else ""))
        return Text.assemble(INDENT, label, " ", shown, no_wrap=True, end="")

    def paragraph(self, text: str, cells: int, *, indent: int = 1, style: str = "", is_safe: bool = False) -> list[Text]:
        """`text`, made safe unless it `is_safe` already, in as many lines as it takes."""
        room = max(8, cells - indent - 1)
        shown = text if is_safe else self.desk.words.value(text)
        return [Text(" " * indent + line, style=style or self.desk.palette.text, no_wrap=True, end="") for line in wrapped(shown, room)]

    def named(self, name: str, value: Text | str, cells: int = 0) -> list[Text]:
        """`label  value`, on as many lines as the value takes; nothing when it is empty."""
        if isinstance(value, Text):
            return [self.field(name, value)]
        if not value:
            return []
        style = self.desk.palette.stale if self.problem() else ""
        indent = len(INDENT) + LABEL_CELLS + 1
        body = self.whole(value, cells or self.size.width, indent=indent, style=style)
        label = fit(Text(self.desk.words(f"field_{name}"), style=self.desk.palette.dim), LABEL_CELLS)
        return [Text.assemble(INDENT, label, " ", body[0][indent:], no_wrap=True, end=""), *body[1:]]

    def whole(self, value: object, cells: int, *, indent: int, style: str = "") -> list[Text]:
        """A foreign text whole: what is decided on must not be cut unseen."""
        return self.paragraph(self.desk.words.whole(value), cells, indent=indent, style=style, is_safe=True)

    def missing(self) -> list[Text]:
        """What to show while nothing is known about the thing."""
        about = cut(self.desk.words.value(self.about), 40)
        return [Text(""), Text(f"{INDENT}{self.desk.words('nothing_known', about=about)}", style=self.desk.palette.dim)]
