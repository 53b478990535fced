"""An event loop in the time of a world, for the parts of a node that wait: repairs, questions, the keeper of its quota.

Timers are the world's, threads are calls, and nothing is read from the machine, so what runs on it follows from the seed. One loop belongs
to one life of a host and ends with it. Called by simulations/upkeep.py.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from sync.model import MICROSECONDS

Later = Callable[[int, Callable[[], None]], None]
"""Run something in so many microseconds, unless the life has ended by then."""


class WorldLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as awaiting, sleeping, timeouts and `to_thread` need."""

    def __init__(self, now_us: Callable[[], int], later: Later) -> None:
        self._now_us = now_us
        self._later = later
        self._ready: deque[asyncio.Handle] = deque()
        self._is_due = False
        self._is_over = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self.failures: list[BaseException] = []
        """What ended a task or a callback; whoever owns the loop raises it."""

    def end(self) -> None:
        """The life is over: whatever waits is given up."""
        for task in list(self._tasks):
            task.cancel()
        self._run()
        self._is_over = True
        self._ready.clear()

    # ---- asyncio.AbstractEventLoop

    def time(self) -> float:
        """Seconds of the world."""
        return self._now_us() / MICROSECONDS

    def get_debug(self) -> bool:
        """Never."""
        return False

    def is_running(self) -> bool:
        """Until its end."""
        return not self._is_over

    def is_closed(self) -> bool:
        """After its end."""
        return self._is_over

    # Arguments of callbacks are not typed one by one here, as the standard library's stubs do.

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run it at this moment of the world, after what waits already."""
        handle = asyncio.Handle(callback, args, self, context)
        if not self._is_over:
            self._ready.append(handle)
            self._soon()
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run it in `delay` seconds of the world."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run it at a time of the world."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._later(max(0, round((when - self.time()) * MICROSECONDS)), lambda: self._fall_due(handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """A task of this loop; what ends it is a failure of the life."""
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call it: there are no threads. Its error is the future's."""

        async def call() -> Any:
            return func(*args)

        return asyncio.Task(call(), loop=self)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what went wrong in a callback."""
        error = context.get("exception")
        if not self._is_over and isinstance(error, BaseException):
            self.failures.append(error)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is skipped when it falls due."""

    # ---- inside

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._is_over:
            self.failures.append(error)

    def _fall_due(self, handle: asyncio.TimerHandle) -> None:
        if not handle.cancelled():
            self._ready.append(handle)
            self._run()

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._later(0, self._run)

    def _run(self) -> None:
        self._is_due = False
        former = events._get_running_loop()  # noqa: SLF001 - what asyncio offers to whoever writes a loop
        events._set_running_loop(self)  # noqa: SLF001
        try:
            while self._ready:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()  # noqa: SLF001
        finally:
            events._set_running_loop(former)  # noqa: SLF001
