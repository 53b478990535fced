"""The console: opens pages, keeps the feed running, and repaints the page in sight.

Owns navigation, the one poller task and leaving when the terminal is gone. Refuses to know what a page shows. Started by `tui/verb.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar, cast

from msgspec import Struct
from textual.app import App
from textual.binding import Binding
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from node.clock import Clock
from tui.client import ConsoleApi
from tui.commands import command_target
from tui.decision import Ask, Decided, Do, Outcome, Result, carry_out
from tui.desk import Desk
from tui.feed import Feed, Question
from tui.keys import QUIT, THEME
from tui.pages.alarms import AlarmPage
from tui.pages.camera import CameraPage
from tui.pages.cameras import CamerasPage
from tui.pages.device import DevicePage
from tui.pages.devices import DevicesPage
from tui.pages.dialog import DecisionDialog
from tui.pages.entries import EntriesPage
from tui.pages.entry import EntryPage
from tui.pages.event import EventPage
from tui.pages.events import EventsPage
from tui.pages.governance import GovernancePage
from tui.pages.help import HelpPage
from tui.pages.incident import IncidentPage
from tui.pages.incidents import IncidentsPage
from tui.pages.matter import MatterPage
from tui.pages.node import NodePage
from tui.pages.oversight import OversightPage
from tui.pages.oversight_details import LogEntryPage, ScorePage, VerdictPage
from tui.pages.page import Fetch, Go, Page, Typed
from tui.pages.point import PointPage
from tui.pages.resource import ResourcePage
from tui.pages.resources import ResourcesPage
from tui.pages.rule import RulePage
from tui.pages.tree import TreePage
from tui.palette import DEFAULT_PALETTE, PALETTES
from tui.questions import TREE
from tui.setting import Setting

REPAINT_S = 1.0
"""Ages go on even when no answer comes."""

TERMINAL_CHECK_S = 1.0
"""A console without a terminal ends within twice this."""

PAGES_DEEP_MAX = 8
"""Pages on top of each other; help on help and the like goes no deeper."""

LISTS: dict[str, type[Page]] = {
    "tree": TreePage,
    "events": EventsPage,
    "resources": ResourcesPage,
    "incidents": IncidentsPage,
    "devices": DevicesPage,
    "entries": EntriesPage,
    "governance": GovernancePage,
    "oversight": OversightPage,
    "cameras": CamerasPage,
}
DETAILS: dict[str, type[Page]] = {
    "node": NodePage,
    "event": EventPage,
    "resource": ResourcePage,
    "incident": IncidentPage,
    "device": DevicePage,
    "alarm": AlarmPage,
    "camera": CameraPage,
    "point": PointPage,
    "rule": RulePage,
    "entry": EntryPage,
    "matter": MatterPage,
    "score": ScorePage,
    "log_entry": LogEntryPage,
    "verdict": VerdictPage,
    "help": HelpPage,
}


def _terminal_stays() -> bool:
    return False


class Console(App[int]):
    """The console over `api`; `poll_s` None takes the setting's."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Page { background: $background; }
    #problem { height: 2; display: none; }
    #problem.on { display: block; }
    #showcase { height: 10; display: none; }
    #showcase.on { display: block; }
    #strip { height: 5; background: $background; }
    #strip.off { display: none; }
    """
    BINDINGS: ClassVar = [
        Binding(QUIT.press, "quit_console", show=False, priority=False),
        Binding(THEME.press, "theme", show=False),
        Binding("ctrl+c", "quit_console", show=False, priority=True),
    ]

    def __init__(
        self,
        api: ConsoleApi,
        clock: Clock,
        setting: Setting,
        *,
        poll_s: float | None = None,
        is_terminal_gone: Callable[[], bool] = _terminal_stays,
    ) -> None:
        super().__init__()
        self._api = api
        self.feed = Feed(api, clock)
        self.desk = Desk(setting, clock, self.feed.shelf)
        self._poll_s = setting.poll_s if poll_s is None else poll_s
        self._is_terminal_gone = is_terminal_gone
        self._wanted = asyncio.Event()
        for palette in PALETTES.values():
            self.register_theme(palette.theme())
        self.theme = DEFAULT_PALETTE

    def get_default_screen(self) -> Screen[None]:
        """The tree is the ground every other page stands on."""
        return TreePage(self.desk)

    def on_mount(self) -> None:
        """Start the feed and the clocks."""
        self._start_feed()
        self.set_interval(REPAINT_S, self.repaint)
        self.set_interval(TERMINAL_CHECK_S, self._leave_dead_terminal)

    def _start_feed(self) -> None:
        self.run_worker(self._poll(), group="feed", exclusive=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A fault of the console's own is said, and the feed goes on after one period."""
        if event.state is not WorkerState.ERROR:
            return
        said = self.desk.words("told_fault", error=self.desk.words.value(repr(event.worker.error)))
        if event.worker.group == "decision":
            if self.dialog is not None:
                self.dialog.settle(Outcome(Result.UNKNOWN, said))
            return
        self.page.tell(said)
        self.set_timer(self._poll_s, self._start_feed)

    @property
    def page(self) -> Page:
        """The page in sight, or under the dialog."""
        return cast(Page, next(screen for screen in reversed(self.screen_stack) if not isinstance(screen, DecisionDialog)))

    @property
    def dialog(self) -> DecisionDialog | None:
        """The dialog that is open."""
        return self.screen if isinstance(self.screen, DecisionDialog) else None

    async def _poll(self) -> None:
        while self.is_running:
            await self.refresh_answers()
            await self._wait_wanted()

    async def _wait_wanted(self) -> None:
        """Wait one period, or less when a page was just opened."""
        try:
            await asyncio.wait_for(self._wanted.wait(), self._poll_s)
        except TimeoutError:
            return
        finally:
            self._wanted.clear()

    async def refresh_answers(self) -> None:
        """Ask everything the page in sight needs, and show it."""
        questions: list[Question[Struct]] = [TREE, *self.page.questions(), *self.page.side_questions()]
        await self.feed.ask_all(questions)
        self.repaint()

    def repaint(self) -> None:
        """Draw the page in sight, and the dialog on it, from what is known; one that is still being built draws itself when it is."""
        if self.is_running and isinstance(self.screen, Page | DecisionDialog):
            for shown in (self.page, self.dialog):
                if shown is not None and shown.is_mounted:
                    shown.paint()

    def _leave_dead_terminal(self) -> None:
        if self._is_terminal_gone():
            self.exit(1)

    async def on_ask(self, message: Ask) -> None:
        """Open the dialog of a decision; one at a time."""
        if self.dialog is None:
            await self.push_screen(DecisionDialog(self.desk, message.decision))

    def on_decided(self, message: Decided) -> None:
        """Tell the node, once: the dialog takes no further press until this is settled."""
        self.run_worker(self._decide(message), group="decision", exit_on_error=False)

    def on_do(self, message: Do) -> None:
        """Tell the node at once; one at a time, so that a held key says a thing once."""
        if not any(worker.group == "act" and worker.is_running for worker in self.workers):
            self.run_worker(self._do(message), group="act", exit_on_error=False)

    async def _do(self, message: Do) -> None:
        outcome = await carry_out(self._api, message.decision, by=self.desk.setting.person, why="", filled={})
        self.feed.shelf.overtake()
        await self.refresh_answers()
        self._tell(outcome, is_seen=False)

    async def _decide(self, said: Decided) -> None:
        """Tell the node, look at the thing again, then show what came of it: so what may be pressed next rests on fresh answers."""
        outcome = await carry_out(self._api, said.decision, by=said.by, why=said.why, filled=said.filled)
        self.feed.shelf.overtake()
        await self.refresh_answers()
        dialog = self.dialog if self.dialog is not None and self.dialog.decision is said.decision else None
        if dialog is not None:
            dialog.settle(outcome)
        self._tell(outcome, is_seen=dialog is not None)

    def _tell(self, outcome: Outcome, *, is_seen: bool) -> None:
        """Say on the page what was done, and whatever no dialog says."""
        if outcome.result is Result.DONE:
            self.page.tell(outcome.words)
        elif not is_seen:
            self.page.tell(self.desk.words(f"dialog_{outcome.result.value}", said=outcome.words))

    def on_wanted(self) -> None:
        """A page needs other answers than before."""
        self._wanted.set()

    def on_fetch(self, message: Fetch) -> None:
        """Ask what takes long; the rounds go on meanwhile."""
        self.run_worker(self._fetch(message.question), group="fetch", exclusive=True, exit_on_error=False)

    async def _fetch(self, question: Question[Struct]) -> None:
        await self.feed.ask(question)
        self.repaint()

    async def on_go(self, message: Go) -> None:
        """Show another page."""
        await self.show_page(message.page, message.about)

    async def on_typed(self, message: Typed) -> None:
        """Run a command from the command line."""
        target = command_target(message.command, self.desk)
        if target is None:
            self.page.tell(self.desk.words("told_unknown", command=self.desk.words.value(message.command)[:60]))
        elif target.page == "theme":
            self.set_palette(target.about)
        elif target.page == "quit":
            self.exit(0)
        elif target.page:
            await self.show_page(target.page, target.about)

    async def show_page(self, name: str, about: str = "") -> None:
        """Show the page `name` about `about`: a list replaces what is there, a detail stands on top, `back` takes one off."""
        if name == "back":
            await self._close_pages(down_to=len(self.screen_stack) - 1)
        elif name in LISTS:
            await self._close_pages(down_to=1)
            if name != "tree":
                await self.push_screen(LISTS[name](self.desk, about))
        elif len(self.screen_stack) < PAGES_DEEP_MAX:
            await self.push_screen(DETAILS[name](self.desk, about))
        self._wanted.set()
        self.repaint()

    async def _close_pages(self, *, down_to: int) -> None:
        while len(self.screen_stack) > max(1, down_to):
            await self.pop_screen()

    def set_palette(self, name: str) -> None:
        """Use the palette `name` from now on."""
        self.desk.palette = PALETTES[name]
        self.theme = name
        self.repaint()

    def action_theme(self) -> None:
        """The next palette, round and round."""
        names = list(PALETTES)
        name = names[(names.index(self.desk.palette.name) + 1) % len(names)]
        self.set_palette(name)
        self.page.tell(self.desk.words("told_theme", name=name))

    def action_quit_console(self) -> None:
        """Leave."""
        self.exit(0)
