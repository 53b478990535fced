"""The frame of every page: breadcrumb and tabs on top, the problem panel, the body, and the key bar at the bottom.

Owns the keys that mean the same everywhere. A page says which questions it needs and how its body looks; it never asks the node itself.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from msgspec import Struct
from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from tui.desk import Desk, chain
from tui.errors import ApiProblem
from tui.feed import Question
from tui.keys import COMMON, TABS, Key
from tui.questions import TREE
from tui.safe import cut
from tui.widgets.bars import Bar, CommandLine, key_hints, spread

TAB_FORMS = (("  ", len(TABS)), *((" ", named) for named in range(len(TABS), -1, -1)))
"""What stands between two tabs, and how many have their name besides the current one: the first form that fits is used."""


class Go(Message):
    """Show another page: its name, and what it is about."""

    def __init__(self, page: str, about: str = "") -> None:
        super().__init__()
        self.page = page
        self.about = about


class Wanted(Message):
    """The page needs answers now, not at the next round."""


class Fetch(Message):
    """Ask something that takes long, beside the rounds."""

    def __init__(self, question: Question[Struct]) -> None:
        super().__init__()
        self.question = question


class Typed(Message):
    """A command was typed after `:`."""

    def __init__(self, command: str) -> None:
        super().__init__()
        self.command = command


class Page(Screen[None]):
    """One page of the console; `name_key` is its name in the catalogue, `tab` the tab it belongs to."""

    name_key: ClassVar[str] = ""
    tab: ClassVar[str] = ""
    unhinted: ClassVar[tuple[Key, ...]] = ()
    """Keys that do nothing on this page and so stay out of its key bar."""
    BINDINGS: ClassVar = [key.binding() for key in COMMON if key.press]
    AUTO_FOCUS = "#body"

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__()
        self.desk = desk
        self.about = about
        """What the page shows: a node, an event, a resource; empty for a list."""
        self.wanted = ""
        """The filter in force."""
        self._typing = ""
        self._told = ""

    def compose(self) -> ComposeResult:
        """The frame around the body."""
        yield Bar(id="crumbs")
        yield Bar(id="tabs")
        yield Bar(id="problem")
        yield from self.body()
        yield CommandLine()
        yield Bar(id="keys")

    @abstractmethod
    def body(self) -> Iterable[Widget]:
        """The widgets between the bars; the main one has the id `body`."""

    @abstractmethod
    def paint_body(self) -> None:
        """Show what the desk knows now."""

    def questions(self) -> Sequence[Question[Struct]]:
        """What the page needs besides the tree."""
        return ()

    def side_questions(self) -> Sequence[Question[Struct]]:
        """What the page asks besides, and whose refusal it shows in place: a picture that has not arrived is no trouble of the node."""
        return ()

    def narrow(self, wanted: str) -> None:
        """Apply the filter `wanted` to the body."""

    def node_in_focus(self) -> str | None:
        """Id of the node that the breadcrumb is about; None for the node that answers."""
        return None

    def on_mount(self) -> None:
        """Show what is already known."""
        self.paint()

    def on_resize(self) -> None:
        """Columns depend on the width."""
        self.paint()

    def paint(self) -> None:
        """Draw frame and body anew from the desk; cheap when nothing changed."""
        if not self.is_attached or not self.query("#keys"):
            return
        self._paint_crumbs()
        self._paint_tabs()
        self._paint_problem()
        self.paint_body()
        self.paint_keys()

    def _paint_crumbs(self) -> None:
        desk = self.desk
        tree = desk.tree().value
        line = Text(" ")
        if tree is not None:
            nodes = chain(tree, self.node_in_focus() or tree.self_id)
            for place, node in enumerate(nodes):
                own = node.id == tree.self_id
                line.append(" > " if place else "", style=desk.palette.dim)
                line.append(("*" if own else "") + desk.node_name(node), style=f"bold {desk.palette.accent}" if own else desk.palette.text)
        clock = Text(desk.words.time(desk.wall_us)[-8:] + " ", style=desk.palette.dim)
        self._bar("crumbs").show(spread(line, clock, self.size.width))

    def _paint_tabs(self) -> None:
        desk = self.desk
        freshness = self._freshness()
        room = self.size.width - cell_len(freshness.plain) - 1
        lines = (self._tab_line(gap, named=named) for gap, named in TAB_FORMS)
        line = next((line for line in lines if cell_len(line.plain) <= room), self._tab_line(" ", named=0))
        here = f" > {desk.words(f'page_{self.name_key}')}"
        if self.name_key not in dict(TABS) and cell_len(line.plain + here + freshness.plain) < self.size.width:
            line.append(here, style=f"bold {desk.palette.accent}")
        self._bar("tabs").show(spread(line, freshness, self.size.width))

    def _tab_line(self, gap: str, *, named: int) -> Text:
        desk = self.desk
        line = Text(" ")
        for place, (name, key) in enumerate(TABS):
            current = name == self.tab
            style = f"bold reverse {desk.palette.accent}" if current else desk.palette.text
            shown = f"{key.shown} {desk.words(f'page_{name}')}" if current or place < named else key.shown
            line.append(gap[1:] + shown + " ", style=style)
        return line if gap[1:] else line[:-1]

    def _freshness(self) -> Text:
        desk = self.desk
        if desk.is_frozen:
            return Text(f"{desk.words('frozen')} ", style=f"bold {desk.palette.warn}")
        age = desk.words.age(self.answer_age())
        return Text(f"{self.count_shown()}  {desk.words('age_of', age=age)} ", style=desk.palette.dim)

    def count_shown(self) -> str:
        """What stands at the right end of the tab bar: usually a position in the list."""
        return ""

    def answer_age(self) -> float | None:
        """Seconds since the oldest answer on this page arrived; None before the first."""
        ages = [self.desk.seen(question).age_s for question in (TREE, *self.questions())]
        return max((age for age in ages if age is not None), default=None)

    def problem(self) -> tuple[ApiProblem, float | None] | None:
        """The first problem among this page's questions, with the age in seconds of what is shown instead."""
        for question in (TREE, *self.questions()):
            seen = self.desk.seen(question)
            if seen.problem is not None:
                return seen.problem, seen.age_s
        return None

    def _paint_problem(self) -> None:
        found, bar, desk = self.problem(), self._bar("problem"), self.desk
        bar.set_class(found is not None, "on")
        if found is None:
            return
        problem, age_s = found
        width = self.size.width - 2
        head = cut(f"X {desk.words.value(problem.code)}  {desk.words.value(problem.message)}", width)
        tail = desk.words("problem_shown", age=desk.words.age(age_s)) if age_s is not None else desk.words("problem_nothing")
        bar.show(Text.assemble(" ", (head, f"bold {desk.palette.fail}"), "\n ", (cut(tail, width), desk.palette.stale)))

    def own_keys(self) -> Sequence[Key]:
        """Keys that do something on this page as it is now; they stand first in the key bar."""
        return ()

    def paint_keys(self) -> None:
        """The key bar: what was told last, or as many hints as fit."""
        desk = self.desk
        if self._told:
            self._bar("keys").show(Text(f" {cut(self._told, self.size.width - 2)}", style=f"bold {desk.palette.warn}"))
            return
        keys = [*self.own_keys(), *(key for key in COMMON if key.hint and key not in self.unhinted)]
        hints = [(key.shown, desk.words(f"key_{key.name}")) for key in keys]
        self._bar("keys").show(key_hints(hints, desk.palette, self.size.width))

    def tell(self, message: str) -> None:
        """Say something in the key bar until the next key; foreign values are made safe."""
        self._told = self.desk.words.value(message)
        self.paint_keys()

    def on_key(self) -> None:
        """Whatever was told has been read."""
        if self._told:
            self._told = ""
            self.paint_keys()

    def _bar(self, name: str) -> Bar:
        return self.query_one(f"#{name}", Bar)

    def want_answers(self) -> None:
        """Have this page's questions asked at once."""
        self.post_message(Wanted())

    def action_filter(self) -> None:
        """Open the command line for a filter."""
        self._type("/", self.wanted)

    def action_command(self) -> None:
        """Open the command line for a command."""
        self._type(":", "")

    def _type(self, kind: str, start: str) -> None:
        self._typing = kind
        line = self.query_one(CommandLine)
        line.placeholder = self.desk.words("type_filter" if kind == "/" else "type_command")
        line.value = start
        line.add_class("typing")
        line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        if self._typing == "/":
            self._filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter, or run the command."""
        kind = self._typing
        self._stop_typing()
        if kind == ":":
            self.post_message(Typed(event.value))

    def _filter(self, wanted: str) -> None:
        self.wanted = wanted
        self.narrow(wanted)
        self.paint()

    def _stop_typing(self) -> None:
        self._typing = ""
        self.query_one(CommandLine).remove_class("typing")
        self.query_one("#body").focus()

    def action_back(self) -> None:
        """Leave the command line, drop the filter, or go back one page: whichever comes first."""
        if self._typing:
            kind = self._typing
            self._stop_typing()
            if kind == "/":
                self._filter("")
        elif self.wanted:
            self._filter("")
        else:
            self.post_message(Go("back"))

    def action_tab(self, name: str) -> None:
        """Show the list `name`."""
        self.post_message(Go(name))

    def action_help(self) -> None:
        """Show all keys of this page."""
        self.post_message(Go("help", self.name_key))

    def action_freeze(self) -> None:
        """Hold the figures still, or let them go on."""
        self.desk.turn_freeze()
        self.paint()

    def action_copy_code(self) -> None:
        """Put the code of the problem on the terminal's clipboard (OSC 52)."""
        found = self.problem()
        if found is not None:
            self.app.copy_to_clipboard(self.desk.words.value(found[0].code))
            self.tell(self.desk.words("told_copied", code=self.desk.words.value(found[0].code)))
