"""The demo from start to end: folders, nodes, feeds, then the five checks or the console. Whatever ends it, all it started is stopped.

Called by simulations/demo/verb.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.clock import Clock
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verbs.output import talk
from simulations.demo.camera import render_clip
from simulations.demo.checks import Checks
from simulations.demo.city import CHAIN, CITY, DISTRICT, GRID, STREET, enterprises, residents
from simulations.demo.errors import DemoError
from simulations.demo.feed import keep_feeding
from simulations.demo.folders import Folders, feed_password, join_all, make_identities, write_configs
from simulations.demo.ports import Ports, choose_ports
from simulations.demo.processes import NodeProcess, start_console, stop_all, stop_process
from simulations.demo.show import Board, lines_of
from simulations.demo.watch import Watch

PORT_TRIES_MAX = 3
"""Starts with new ports when another program took one in between."""
UP_TIMEOUT_S = 60.0
"""Time the nodes have to answer."""
TREE_WAIT_S = 15.0
"""Longest wait for the tree to be OK before the console opens; the console shows the rest."""
LOOK_EVERY_S = 1.0
PORTS_NAME = "ports.json"
SIGNAL_EXIT = 128
LEAVE_SCREEN = "\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1049l\x1b[?25h\x1b[0m"
"""Ends mouse reports, bracketed paste and the alternate screen, and shows the cursor: what a console that was killed leaves behind."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the newcomer asked for."""

    folder: Path
    language: str
    video: Path | None
    headless: bool
    timeout_s: float


@dataclass(slots=True)
class Stop:
    """The order to end, from a signal."""

    asked: asyncio.Event
    by: int = 0
    """Number of the signal; 0 before one came."""

    def ask(self, number: int) -> None:
        """A signal came."""
        self.by = self.by or number
        self.asked.set()


async def run_demo(wish: Wish, clock: Clock) -> int:
    """Run until the console is closed, all checks passed or time is over, or a signal came; the exit code."""
    stop = Stop(asyncio.Event())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.ask, number)
    folders = Folders(wish.folder.resolve())
    folders.check()
    with folders.locked():
        return await _until_stopped(_life(folders, wish, clock), stop)


async def _until_stopped(life: asyncio.Future[int], stop: Stop) -> int:
    """`life` to its end, or cut short by a signal; either way everything it started is stopped when this returns."""
    asked = asyncio.ensure_future(stop.asked.wait())
    waiting: set[asyncio.Future[Any]] = {life, asked}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not life.done():
        life.cancel()
    try:
        return await life
    except asyncio.CancelledError:
        return SIGNAL_EXIT + stop.by


def _life(folders: Folders, wish: Wish, clock: Clock) -> asyncio.Future[int]:
    async def live() -> int:
        talk(text("demo.setting_up", wish.language, folder=folders.root))
        make_identities(folders, clock)
        joined = await join_all(folders, clock)
        talk(text("demo.joined" if joined else "demo.joined_before", wish.language, count=joined))
        password, watch = feed_password(folders), Watch(folders)
        async with _nodes(folders, wish) as ports:
            shown = _headless(watch, wish) if wish.headless else _with_console(watch, wish)
            return await _beside(
                asyncio.ensure_future(shown),
                asyncio.ensure_future(keep_feeding(ports.door_port, password, clock)),
                asyncio.ensure_future(watch.hand_over(STREET, residents())),
                asyncio.ensure_future(watch.hand_over(CITY, enterprises())),
            )

    return asyncio.ensure_future(live())


async def _beside(shown: asyncio.Future[int], *flows: asyncio.Future[None]) -> int:
    """The result of `shown`, with `flows` beside it; one that fails ends the demo with its error."""
    everything: set[asyncio.Future[Any]] = {shown, *flows}
    waiting = set(everything)
    try:
        while not shown.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                future.result()
        return shown.result()
    finally:
        for future in everything:
            future.cancel()
        await asyncio.gather(*everything, return_exceptions=True)


@asynccontextmanager
async def _nodes(folders: Folders, wish: Wish) -> AsyncIterator[Ports]:
    """The five nodes, all answering; stopped at the end."""
    ports = choose_ports(folders.root / PORTS_NAME)
    for attempt in range(1, PORT_TRIES_MAX + 1):
        write_configs(folders, ports, video=wish.video)
        nodes = [NodeProcess(place.id, folders.node(place)) for place in CHAIN]
        try:
            trouble = await _start(nodes, folders, is_rendered=wish.video is None)
            if not trouble:
                talk(text("demo.nodes_up", wish.language))
                yield ports
                return
        finally:
            await asyncio.shield(stop_all(nodes))
        used, ports = ports, choose_ports(folders.root / PORTS_NAME)
        # With the nodes stopped, a port still taken is another program's, and new ports help; else nothing would change.
        if ports == used or attempt == PORT_TRIES_MAX:
            raise DemoError(trouble)
        talk(text("demo.again", wish.language, trouble=trouble))


async def _start(nodes: list[NodeProcess], folders: Folders, *, is_rendered: bool) -> str:
    """Start all and wait until they answer; why not, when one ended instead."""
    clip = asyncio.create_task(asyncio.to_thread(render_clip, folders.clip)) if is_rendered else None
    for process in nodes:
        if clip is not None and process.folder == folders.node(GRID):
            await clip
        await process.start()
    return await _answering(nodes, folders)


async def _answering(nodes: list[NodeProcess], folders: Folders) -> str:
    watch = Watch(folders)
    ended = [asyncio.ensure_future(process.wait_ended()) for process in nodes]
    answering = asyncio.gather(*(watch.wait_answering(place) for place in CHAIN))
    waiting: set[asyncio.Future[Any]] = {answering, *ended}
    try:
        done, _ = await asyncio.wait(waiting, timeout=UP_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    if answering in done:
        return ""
    if not done:
        return f"the nodes did not answer within {UP_TIMEOUT_S:g} s: see node.log in the folders below {folders.root}"
    index = next(index for index, task in enumerate(ended) if task in done)
    return f"node {nodes[index].name} ended: {ended[index].result()}"


async def _headless(watch: Watch, wish: Wish) -> int:
    """Look until all five lines are PASS or time is over, then print them whole."""
    checks = Checks(watch, wish.language, is_rendered=wish.video is None)
    board = Board(sys.stdout if sys.stdout.isatty() else sys.stderr)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wish.timeout_s):
            while True:
                await checks.update()
                board.show(checks.all)
                if checks.passed:
                    break
                await asyncio.sleep(LOOK_EVERY_S)
    board.clear()
    for line in lines_of(checks.all):
        sys.stdout.write(line + "\n")
    return EXIT_OK if checks.passed else EXIT_NEGATIVE


async def _with_console(watch: Watch, wish: Wish) -> int:
    """Wait shortly for the tree, then the console on the district node until it is closed; its exit code."""
    checks = Checks(watch, wish.language, is_rendered=wish.video is None)
    board = Board(sys.stderr)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TREE_WAIT_S):
            while not await checks.update_tree():
                board.show(checks.all[:1])
                await asyncio.sleep(LOOK_EVERY_S)
    board.show(checks.all[:1])
    with _kept_terminal():
        console = await start_console(watch.folders.node(DISTRICT), wish.language)
        try:
            return await console.wait()
        finally:
            await asyncio.shield(stop_process(console))


@contextmanager
def _kept_terminal() -> Iterator[None]:
    """Give the terminal back as it was, even when the console was killed on it."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error, OSError):  # the terminal itself may be gone
            if termios.tcgetattr(sys.stdin) != before:
                sys.stdout.write(LEAVE_SCREEN)
                sys.stdout.flush()
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
