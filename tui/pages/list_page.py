"""A page that is one table: every list of the console. A subclass gives columns and rows; cursor, filter and opening are here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from tui.desk import Desk
from tui.pages.page import Go, Page
from tui.safe import wrapped
from tui.widgets.table import Column, Row, Table


class ListPage(Page):
    """A table of rows told apart by key; Enter opens the detail page `detail`."""

    detail: ClassVar[str] = ""

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__(desk, about)
        self._opened = desk.now
        self._is_fresh = False
        """True once the answers are newer than the page: what an earlier page left does not hold the cursor on a row of long ago."""

    @abstractmethod
    def columns(self, cells: int) -> Sequence[Column]:
        """The columns for a page of `cells` cells."""

    @abstractmethod
    def rows(self, cells: int) -> Sequence[Row]:
        """The rows the desk knows now, with one cell per column."""

    def body(self) -> Iterable[Widget]:
        """The table."""
        yield Table(id="body")

    @property
    def table(self) -> Table:
        """The page's table."""
        return self.query_one("#body", Table)

    def narrow(self, wanted: str) -> None:
        """Filter the table."""
        self.table.narrow(wanted)

    def paint_body(self) -> None:
        """Fill the table with what is known now."""
        table, palette, cells = self.table, self.desk.palette, self.size.width
        table.cursor_back = Style(bgcolor=palette.cursor)
        table.header_style = Style(color=palette.dim)
        table.fill(self.columns(cells), self.rows(cells))
        table.say(self._note(cells))
        self._begin_on_top()
        self._paint_tabs()

    def _begin_on_top(self) -> None:
        """The first fresh answer puts the cursor on the first row, unless somebody moved it."""
        ages = [self.desk.seen(question).age_s for question in self.questions()]
        since_s = self.desk.now.seconds_since(self._opened)
        if not self._is_fresh and all(age is not None and age <= since_s for age in ages):
            self._is_fresh = True
            if self.table.rows and not self.table.was_moved:
                self.table.put_cursor(self.table.rows[0].key)

    def empty(self) -> str:
        """Why there are no rows, and what brings some; console's own words."""
        return self.desk.words(f"empty_{self.name_key}")

    def _note(self, cells: int) -> list[Text]:
        words = self.desk.words
        if any(self.desk.seen(question).value is None for question in self.questions()):
            said = words("waiting") if self.problem() is None else ""
        else:
            said = words("empty_filter") if self.wanted and self.table.total else self.empty()
        return [Text(f"  {line}", style=self.desk.palette.dim, no_wrap=True, end="") for line in wrapped(said, max(20, cells - 4)) if line]

    def count_shown(self) -> str:
        """Rows shown, of how many, and the filter."""
        table = self.table
        if self.wanted:
            return self.desk.words(
                "count_filtered", shown=len(table.rows), total=table.total, wanted=self.desk.words.value(self.wanted)[:20]
            )
        return self.desk.words("count_rows", total=table.total)

    def opens(self, key: str) -> Go:
        """Where the row `key` leads."""
        return Go(self.detail, key)

    def on_table_opened(self, event: Table.Opened) -> None:
        """Open the detail of the row."""
        self.post_message(self.opens(event.key))

    def on_table_moved(self) -> None:
        """The breadcrumb follows the cursor."""
        self.paint()

    def cell(self, value: object, style: str = "") -> Text:
        """A foreign value as a cell."""
        return self.desk.value(value, style)
