"""One thing to press in a dialog.

Textual's own button takes three lines, shows its focus by colour alone, and reads markup in its label. Used by `tui/pages/dialog.py`.
"""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.message import Message
from textual.widgets import Static


class Choice(Static, can_focus=True):
    """`[ label ]` on one line, between `>` and `<` while it has the focus; Enter, space or a click presses it."""

    DEFAULT_CSS = """
    Choice { height: 1; width: auto; text-wrap: nowrap; }
    """
    BINDINGS: ClassVar = [Binding("enter,space", "press", show=False)]

    class Pressed(Message):
        """The choice `name` was pressed."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own parameter name
        super().__init__("", id=id, markup=False)
        self.label = ""

    def show(self, label: str) -> None:
        """Show `label`, which is safe already."""
        self.label = label
        self._draw()

    def _draw(self) -> None:
        text = f"> [ {self.label} ] <" if self.has_focus else f"  [ {self.label} ]  "
        self.update(Text(text, style="bold reverse" if self.has_focus else "", no_wrap=True, end=""))

    def on_focus(self) -> None:
        """Mark it."""
        self._draw()

    def on_blur(self) -> None:
        """Take the mark off."""
        self._draw()

    def action_press(self) -> None:
        """Press it."""
        self.post_message(self.Pressed(self.id or ""))

    def on_click(self) -> None:
        """A click presses."""
        self.action_press()
