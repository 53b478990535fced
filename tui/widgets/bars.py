"""The one-line bars at the edges of a page: breadcrumb, tabs, key hints, the problem panel, and the command line.

Textual's Footer leaks widgets in an all-day console (Textualize/textual#6666), so a bar here is one widget that draws one text.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Input, Static

from tui.palette import Palette
from tui.safe import cut


class Bar(Static):
    """One line of text that never wraps."""

    DEFAULT_CSS = """
    Bar { height: 1; width: 1fr; background: $panel; color: $foreground; text-wrap: nowrap; text-overflow: clip; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own parameter name
        super().__init__("", id=id, markup=False)
        self.shown = Text("")

    def show(self, line: Text) -> None:
        """Show `line` in place of the earlier one."""
        if line != self.shown:
            self.shown = line
            self.update(line)


class CommandLine(Input):
    """Where `:` commands and `/` filters are typed; hidden otherwise."""

    DEFAULT_CSS = """
    CommandLine { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    CommandLine:focus { border: none; }
    CommandLine.typing { display: block; }
    """

    TYPED_CHARACTERS_MAX = 200

    def __init__(self) -> None:
        super().__init__(id="command", select_on_focus=False, max_length=self.TYPED_CHARACTERS_MAX)


def spread(left: Text, right: Text, cells: int) -> Text:
    """`left` and `right` at the two ends of a line of `cells` cells; the left one gives way."""
    room = cells - cell_len(right.plain) - 1
    if cell_len(left.plain) > room:
        shown = cut(left.plain, max(0, room))
        left = left[: max(0, len(shown) - 1)].append("~") if shown else Text()
    gap = " " * max(1, cells - cell_len(left.plain) - cell_len(right.plain))
    return Text.assemble(left, gap, right, no_wrap=True, end="")


def key_hints(hints: Sequence[tuple[str, str]], palette: Palette, cells: int) -> Text:
    """As many of the (key, word) `hints` as fit whole into `cells` cells, the first ones first."""
    line = Text(" ", no_wrap=True, end="")
    for key, word in hints:
        hint = Text.assemble((key, f"bold {palette.accent}"), " ", (word, palette.text), "  ")
        if cell_len(line.plain) + cell_len(hint.plain) - 1 > cells:
            break
        line.append_text(hint)
    return line
