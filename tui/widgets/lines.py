"""A scrolling view of ready-made lines: the base of the table and the body of every detail page.

Draws only the lines in sight, so its cost does not grow with the content. Refuses to know what the lines mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

LINES_MAX = 5_000
"""Lines beyond this are not kept; the node pages and filters."""


class LineView(ScrollView, can_focus=True):
    """Lines of text that the arrow keys scroll."""

    DEFAULT_CSS = """
    LineView { height: 1fr; scrollbar-size: 0 0; background: $background; }
    """

    BINDINGS: ClassVar = [
        Binding("k", "scroll_up", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]

    class Scrolled(Message):
        """Other lines are in sight."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own parameter name
        super().__init__(id=id)
        self.lines: tuple[Text, ...] = ()

    def show(self, lines: Sequence[Text]) -> None:
        """Show `lines` in place of the earlier ones; the scroll position stays where it can."""
        kept = tuple(lines[:LINES_MAX])
        if kept == self.lines:
            return
        self.lines = kept
        self.virtual_size = Size(self.size.width, len(kept))
        self.refresh()

    def in_sight(self) -> tuple[int, int, int]:
        """Number of the first and the last line in sight, from 1, and of all lines."""
        first = self.scroll_offset.y
        return first + 1, min(len(self.lines), first + self.size.height), len(self.lines)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell the page that other lines are in sight."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Scrolled())

    def render_line(self, y: int) -> Strip:
        """The strip at line `y` of the widget."""
        place = y + self.scroll_offset.y
        return self.strip(self.lines[place] if place < len(self.lines) else Text(""))

    def strip(self, line: Text, *, back: Style | None = None) -> Strip:
        """`line` as a strip of exactly the widget's width, on the background `back` where given."""
        style = self.rich_style + back if back else self.rich_style
        drawn = Strip([segment for segment in line.render(self.app.console) if segment.text != "\n"])
        return drawn.apply_style(style).adjust_cell_length(self.size.width, style)
