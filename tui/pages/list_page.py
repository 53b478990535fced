"""A page that is one table: every list of the console. A subclass gives columns and rows; cursor, filter and opening are here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from tui.pages.page import Go, Page
from tui.widgets.table import Column, Row, Table


class ListPage(Page):
    """A table of rows told apart by key; Enter opens the detail page `detail`."""

    detail: ClassVar[str] = ""

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
        self._paint_tabs()

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
