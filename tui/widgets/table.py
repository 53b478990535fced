"""The live table: fixed columns, rows told apart by key, a cursor that stays on its row while rows come and go.

Owns the cursor, the filter and drawing the difference. Refuses more rows than ROWS_MAX, and never measures a column.
Used by every list page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from tui.pinyin import initials
from tui.safe import fit
from tui.widgets.lines import LineView

ROWS_MAX = 5_000
"""Rows kept; the node pages and filters beyond (UX.md finding 2)."""

HEADER_LINES = 1
CURSOR = "> "
NO_CURSOR = "  "
GAP = " "


@dataclass(frozen=True, slots=True)
class Column:
    """A column of fixed width."""

    title: str
    cells: int
    right: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `key` tells it apart, `search` is what the filter looks at."""

    key: str
    cells: tuple[Text, ...]
    search: str = ""

    def matches(self, wanted: str) -> bool:
        """True when every word of `wanted` is in the row's text or its pinyin initials; a word after `!` must be absent."""
        hay = f"{self.search} {initials(self.search)}".lower()
        return all((word[1:] not in hay) if word[:1] == "!" and word[1:] else word in hay for word in wanted.lower().split())


def rest_of(cells: int, others: Sequence[Column], *, least: int, most: int) -> int:
    """The width that is left for one more column beside `others` in a table of `cells` cells, between `least` and `most`."""
    taken = len(CURSOR) + sum(column.cells + len(GAP) for column in others) + len(GAP)
    return max(least, min(most, cells - taken))


class Table(LineView):
    """Rows under a header; Enter or a click on the row under the cursor opens it."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "edge(-1)", show=False),
        Binding("end,G", "edge(1)", show=False),
        Binding("enter", "open", show=False),
    ]

    class Opened(Message):
        """The row `key` was opened."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Moved(Message):
        """The cursor stands on another row."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own parameter name
        super().__init__(id=id)
        self.columns: tuple[Column, ...] = ()
        self.cursor_back = Style()
        self.header_style = Style()
        self.note: tuple[Text, ...] = ()
        """What stands in place of rows while there are none."""
        self._all: tuple[Row, ...] = ()
        self._rows: tuple[Row, ...] = ()
        self._cursor = 0
        self._wanted = ""
        self.was_moved = False
        """True once a person moved the cursor."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows in sight of the filter."""
        return self._rows

    @property
    def total(self) -> int:
        """All rows, filtered out ones included."""
        return len(self._all)

    @property
    def cursor_key(self) -> str | None:
        """Key of the row under the cursor; None in an empty table."""
        return self._rows[self._cursor].key if self._rows else None

    def say(self, note: Sequence[Text]) -> None:
        """What to say in place of rows while there are none."""
        if tuple(note) != self.note:
            self.note = tuple(note)
            if not self._rows:
                self.refresh()

    def fill(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """Show `rows`; only what changed is drawn, and the cursor stays on its key."""
        whole = tuple(columns) != self.columns
        self.columns, self._all = tuple(columns), tuple(rows[:ROWS_MAX])
        self._settle(whole=whole)

    def narrow(self, wanted: str) -> None:
        """Show only rows that match `wanted`; empty shows all."""
        self._wanted = wanted
        self._settle(whole=True)

    def put_cursor(self, key: str) -> None:
        """Move the cursor to the row `key` if it is there."""
        places = [place for place, row in enumerate(self._rows) if row.key == key]
        if places:
            self._go(places[0])

    def _settle(self, *, whole: bool) -> None:
        before, key = self._rows, self.cursor_key
        self._rows = tuple(row for row in self._all if row.matches(self._wanted)) if self._wanted else self._all
        if whole or [row.key for row in before] != [row.key for row in self._rows]:
            self._cursor = self._place_of(key)
            self.virtual_size = Size(self.size.width, len(self._rows) + HEADER_LINES)
            self.refresh()
            return
        for place, (old, new) in enumerate(zip(before, self._rows, strict=True)):
            if old != new:
                self._refresh_row(place)

    def _place_of(self, key: str | None) -> int:
        for place, row in enumerate(self._rows):
            if row.key == key:
                return place
        return max(0, min(self._cursor, len(self._rows) - 1))

    def _refresh_row(self, place: int) -> None:
        self.refresh(Region(0, place + HEADER_LINES - self.scroll_offset.y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """The header at line 0, rows below it."""
        if y == 0:
            return self.strip(self._join([Text(column.title, style="bold") for column in self.columns], NO_CURSOR), back=self.header_style)
        place = y - HEADER_LINES + self.scroll_offset.y
        if not self._rows and 0 < place <= len(self.note):
            return self.strip(self.note[place - 1])
        if place >= len(self._rows):
            return self.strip(Text(""))
        at_cursor = place == self._cursor
        line = self._join(self._rows[place].cells, CURSOR if at_cursor else NO_CURSOR)
        return self.strip(line, back=self.cursor_back if at_cursor else None)

    def _join(self, cells: Sequence[Text], lead: str) -> Text:
        line = Text(lead, no_wrap=True, end="")
        for column, cell in zip(self.columns, cells, strict=True):
            line.append_text(fit(cell, column.cells, right=column.right)).append(GAP)
        return line

    def _go(self, place: int) -> None:
        place = max(0, min(place, len(self._rows) - 1))
        if place == self._cursor or not self._rows:
            return
        self._cursor = place
        top, height = self.scroll_offset.y, max(1, self.size.height - HEADER_LINES)
        if not top <= place < top + height:
            self.scroll_to(y=place if place < top else place - height + 1, animate=False)
        self.refresh()
        self.post_message(self.Moved())

    def action_move(self, rows: int) -> None:
        """Move the cursor by `rows`."""
        self.was_moved = True
        self._go(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by `pages` of the visible height."""
        self.was_moved = True
        self._go(self._cursor + pages * max(1, self.size.height - HEADER_LINES - 1))

    def action_edge(self, way: int) -> None:
        """Move the cursor to the first or last row."""
        self._go(0 if way < 0 else len(self._rows) - 1)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.cursor_key is not None:
            self.post_message(self.Opened(self.cursor_key))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; a click on the cursor's row opens it."""
        place = event.y - HEADER_LINES + self.scroll_offset.y
        if event.y < HEADER_LINES or place >= len(self._rows):
            return
        if place == self._cursor:
            self.action_open()
        self._go(place)
