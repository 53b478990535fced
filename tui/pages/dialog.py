"""The dialog of every decision: one sentence about what will happen, the reason, the person, and Cancel in focus.

Owns the way of one decision: asked, sent, settled. Refuses to send twice: a press counts only while nothing is on its way and nothing
stands against it. Opened by the app for a page; the app carries the decision to the node and brings the outcome back.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from sync.model import Instant
from tui.decision import BY_CHARACTERS_MAX, WHY_CHARACTERS_MAX, Decided, Decision, Outcome, Result
from tui.desk import Desk
from tui.safe import CUT, wrapped
from tui.widgets.bars import Bar
from tui.widgets.choice import Choice

DIALOG_CELLS = 76
FRAME_CELLS = 4
"""Border and padding, left and right together."""
LABEL_CELLS = 18
SENTENCE_LINES_MAX = 5
AFFECTED_LINES_MAX = 2
MESSAGE_LINES_MAX = 4


class Phase(Enum):
    """How far a decision is."""

    ASKING = "asking"
    SENDING = "sending"
    DONE = "done"


class DecisionDialog(ModalScreen[None]):
    """Asks for one decision; closes by Cancel, Esc, or once it is done."""

    DEFAULT_CSS = f"""
    DecisionDialog {{ align: center middle; }}
    #dialog {{ width: {DIALOG_CELLS}; max-width: 100%; height: auto; max-height: 100%; border: ascii $accent; padding: 0 1;
              background: $panel; overflow-y: auto; scrollbar-size: 0 0; }}
    #dialog Bar {{ height: auto; }}
    #dialog Horizontal {{ height: 1; }}
    #dialog Horizontal Bar {{ width: {LABEL_CELLS}; }}
    #dialog Input {{ height: 1; width: 1fr; border: none; padding: 0; background: $background; }}
    #dialog Input:focus {{ border: none; }}
    """
    BINDINGS: ClassVar = [
        Binding("escape", "cancel", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]
    AUTO_FOCUS = "#cancel"

    def __init__(self, desk: Desk, decision: Decision) -> None:
        super().__init__()
        self.desk = desk
        self.decision = decision
        self.phase = Phase.ASKING
        self.outcome: Outcome | None = None
        """What the node said last; None before it was asked."""
        self._sent = Instant(0)
        self._objection = ""
        """What is wrong with what was filled in."""

    def compose(self) -> ComposeResult:
        """Words, fields, choices."""
        with Vertical(id="dialog"):
            yield Bar(id="title")
            yield Bar(id="sentence")
            for name, start, longest in self._fields():
                with Horizontal():
                    yield Bar(id=f"label_{name}")
                    yield Input(start, id=name, max_length=longest, select_on_focus=False)
            yield Bar(id="message")
            with Horizontal():
                yield Choice(id="cancel")
                yield Choice(id="act")
            yield Bar(id="hint")

    def _fields(self) -> Iterator[tuple[str, str, int]]:
        for blank in self.decision.blanks:
            yield blank.name, blank.start, WHY_CHARACTERS_MAX
        if self.decision.takes_why:
            yield "why", "", WHY_CHARACTERS_MAX
        yield "by", self.desk.setting.person, BY_CHARACTERS_MAX
        if self.decision.typed:
            yield "scope", "", WHY_CHARACTERS_MAX

    # ---- showing

    def on_mount(self) -> None:
        """Show the words."""
        self.paint()

    def on_resize(self) -> None:
        """Lines depend on the width."""
        self.paint()

    def on_descendant_focus(self) -> None:
        """The label of the field in focus is marked."""
        self.paint()

    def paint(self) -> None:
        """Draw everything anew from what is known; cheap when nothing changed."""
        if not self.is_attached or not self.query("#hint"):
            return
        palette, words, decision = self.desk.palette, self.desk.words, self.decision
        self._show("title", decision.title, f"bold {palette.accent}", lines=1)
        affected = self._lines(decision.affected, AFFECTED_LINES_MAX, palette.dim) if decision.affected else []
        self._bar("sentence").show(_block([*self._lines(decision.sentence, SENTENCE_LINES_MAX, palette.text), *affected, Text("")]))
        for name, _, _ in self._fields():
            self._paint_label(name)
        text, style = self._message()
        self._show("message", text, style, lines=MESSAGE_LINES_MAX)
        is_done = self.phase is Phase.DONE
        self.query_one("#cancel", Choice).show(words("dialog_close" if is_done else "dialog_cancel"))
        act = self.query_one("#act", Choice)
        act.show(decision.button)
        act.display = not is_done
        self._show("hint", words("dialog_hint_done" if is_done else "dialog_hint"), palette.dim, lines=1)

    def _paint_label(self, name: str) -> None:
        words, field = self.desk.words, self.query_one(f"#{name}", Input)
        is_blank = any(blank.name == name for blank in self.decision.blanks)
        key = "dialog_why_needed" if name == "why" and self.decision.needs_why else f"blank_{name}" if is_blank else f"dialog_{name}"
        lead = "> " if field.has_focus else "  "
        self._bar(f"label_{name}").show(Text(lead + words(key), style=self.desk.palette.text, no_wrap=True, end=""))

    def _message(self) -> tuple[str, str]:
        """What is to be said below the fields, and its style: the newest trouble, or what stands in the way."""
        palette, words = self.desk.palette, self.desk.words
        if self.phase is Phase.SENDING:
            age = words.age(self.desk.now.seconds_since(self._sent))
            return words("dialog_sending", age=age), f"bold {palette.warn}"
        if self.phase is Phase.DONE:
            return (self.outcome.words if self.outcome else ""), f"bold {palette.ok}"
        if self._objection:
            return self._objection, f"bold {palette.warn}"
        if self.outcome is not None:
            return words(f"dialog_{self.outcome.result.value}", said=words.whole(self.outcome.words)), f"bold {palette.fail}"
        if hindrance := self.decision.hindrance():
            return hindrance, f"bold {palette.warn}"
        return (words("dialog_typed", typed=self.decision.typed) if self.decision.typed else ""), palette.warn

    def _show(self, name: str, text: str, style: str, *, lines: int) -> None:
        self._bar(name).show(_block(self._lines(text, lines, style)))

    def _lines(self, text: str, most: int, style: str) -> list[Text]:
        cells = max(8, min(DIALOG_CELLS, self.size.width) - FRAME_CELLS)
        found = wrapped(self.desk.words.whole(text), cells - 1)
        kept = found[:most] if len(found) <= most else [*found[: most - 1], found[most - 1] + CUT]
        return [Text(line, style=style, no_wrap=True, end="") for line in kept]

    def _bar(self, name: str) -> Bar:
        return self.query_one(f"#{name}", Bar)

    # ---- deciding

    def on_input_changed(self) -> None:
        """What was wrong is being mended."""
        self._objection = ""

    def on_input_submitted(self) -> None:
        """Enter in a field goes to the next one, and from the last one to Cancel."""
        self.focus_next()

    def on_choice_pressed(self, event: Choice.Pressed) -> None:
        """Cancel, or tell the node."""
        if event.name == "act":
            self._act()
        else:
            self.action_cancel()

    def action_cancel(self) -> None:
        """Close; while the decision is on its way the answer is waited for, unless that takes long: then the page behind tells it."""
        if self.phase is not Phase.SENDING or self.decision.is_long:
            self.dismiss(None)

    def _act(self) -> None:
        if self.phase is not Phase.ASKING:
            return
        self.outcome = None
        self._objection, field = self._wrong()
        if self._objection:
            self.query_one(f"#{field}").focus()
        elif not self.decision.hindrance():
            self.phase, self._sent = Phase.SENDING, self.desk.now
            filled = {blank.name: self._filled(blank.name) for blank in self.decision.blanks}
            why = self._filled("why") if self.decision.takes_why else ""
            self.post_message(Decided(self.decision, by=self._filled("by"), why=why, filled=filled))
        self.paint()

    def _wrong(self) -> tuple[str, str]:
        """What is wrong with what was filled in, and in which field; empty when nothing is."""
        words = self.desk.words
        empty = [blank.name for blank in self.decision.blanks if blank.is_needed and not self._filled(blank.name)]
        if empty:
            return words("dialog_empty", name=words(f"blank_{empty[0]}")), empty[0]
        if self.decision.needs_why and not self._filled("why"):
            return words("dialog_no_why"), "why"
        if not self._filled("by"):
            return words("dialog_no_by"), "by"
        if self.decision.typed and self._filled("scope") != self.decision.typed:
            return words("dialog_typed", typed=self.decision.typed), "scope"
        return "", ""

    def _filled(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def settle(self, outcome: Outcome) -> None:
        """Show what the node said; only what it refused, or did not answer, may be tried again."""
        self.outcome = outcome
        self.phase = Phase.DONE if outcome.result is Result.DONE else Phase.ASKING
        self.query_one("#cancel").focus()
        self.paint()


def _block(lines: list[Text]) -> Text:
    return Text("\n", end="").join(lines)
