"""Driving the console in tests: a console over a fake node, and its screen as plain lines of text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone

from textual.pilot import Pilot

from tests.tui.fake_node import FakeNode, FixedClock
from tui.app import Console
from tui.setting import Setting

CHINA = timezone(timedelta(hours=8))
TURNS_MAX = 200
NEVER_S = 3_600.0
"""The poller's period in tests: rounds are run by hand."""

SMALL, MIDDLE, LARGE = (80, 24), (120, 36), (200, 60)
CHINESE = Setting("zh", zone=CHINA, person="wangfang")
ENGLISH = Setting("en", zone=UTC, person="wangfang")
ASCII = Setting("en", ascii_only=True, zone=UTC, person="wangfang")


@dataclass(frozen=True, slots=True)
class Stage:
    """A running console and what drives it."""

    console: Console
    pilot: Pilot[int]
    node: FakeNode
    clock: FixedClock

    async def refresh(self, seconds: float = 0.0) -> None:
        """Let time pass, ask the node once, and show the answers."""
        self.clock.move(seconds)
        await self.console.refresh_answers()
        await self.pilot.pause()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the console work until `condition` holds; the test's own assertion speaks when it never does."""
        for _ in range(TURNS_MAX):
            if condition():
                return
            await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Press keys, then ask once as the poller would."""
        for key in keys:
            await self.pilot.press(key)
        await self.pilot.pause()
        await self.refresh()

    async def open(self, page: str, about: str = "") -> None:
        """Show a page without keys, on top of the tree."""
        await self.console.show_page("tree")
        await self.console.show_page(page, about)
        await self.pilot.pause()
        await self.refresh()

    def lines(self) -> list[str]:
        """The screen as text, one string per line, trailing blanks removed."""
        _, height = self.console.size
        strips = self.console.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips[:height]]

    def text(self) -> str:
        """The whole screen as text."""
        return "\n".join(self.lines()) + "\n"


@asynccontextmanager
async def stage(setting: Setting = CHINESE, size: tuple[int, int] = SMALL, node: FakeNode | None = None) -> AsyncIterator[Stage]:
    """A console that has had its first answers."""
    node, clock = node or FakeNode(), FixedClock()
    console = Console(node, clock, setting, poll_s=NEVER_S)
    async with console.run_test(size=size) as pilot:
        await pilot.pause()
        shown = Stage(console, pilot, node, clock)
        await shown.refresh()
        yield shown
