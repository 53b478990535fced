"""Where commits run: on a thread of their own, or on the event loop itself where that is quicker for everybody.

Owns: the commit thread, and what recent commits took. Handing a commit to a thread and hearing of its end takes two wake-ups, on a quick
disk as long as the commit. So a small commit of a node that was idle runs on the loop, as long as the disk was quick lately; under load
and on a slow disk the loop goes on reading while the thread waits for the disk. Called by node/runtime.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from node.clock import Clock
from node.errors import NodeError

Answer = TypeVar("Answer")

QUICK_S = 0.005
"""A commit that takes no longer holds the loop no longer than one job on another thread may hold the interpreter."""
QUICK_IN_A_ROW = 8
"""Commits that were quick one after another before one runs on the loop; one that was not begins the count again."""


class Stopped(NodeError):
    """Work that came after the end of the commit thread."""


class Commits:
    """One commit at a time, in the order in which they were asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._out = 0
        """Works that the thread has or waits to have."""
        self._quick = 0

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Run `work` on the commit thread, after what it has already. Raises Stopped after `shutdown`."""
        try:
            done = asyncio.get_running_loop().run_in_executor(self._thread, work)
        except RuntimeError as error:
            raise Stopped("the node is stopping: nothing is written any more") from error
        self._out += 1
        try:
            return await done
        finally:
            self._out -= 1

    async def commit(self, work: Callable[[], None], *, is_light: bool) -> None:
        """Run a commit; `is_light` says that it is small and that nothing else is going on at this node."""
        if is_light and not self._out and self._quick >= QUICK_IN_A_ROW:
            self._timed(work)
        else:
            await self.run(lambda: self._timed(work))

    def shutdown(self) -> None:
        """Wait for the work that runs and forget what waits; from any thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _timed(self, work: Callable[[], None]) -> None:
        began = self._clock.now()
        work()
        self._quick = self._quick + 1 if self._clock.now().seconds_since(began) <= QUICK_S else 0
