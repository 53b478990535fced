"""The threads on which the jobs of links run: few, shared by all links, the jobs of one link one after another.

Owns: the threads, and the order of what waits for them. A thread keeps an arena of the allocator with what its largest job left there, so
a node with five hundred children does not keep one for each. A link that has many jobs goes behind the others after every one of them.
Called by node/runtime.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar

Result = TypeVar("Result")

JOB_THREADS = 8
"""More than the cores of most nodes: a job may wait for the disk."""


class JobThreads(Generic[Result]):
    """At most `threads_max` jobs at once, and at most one of a link, in the order in which they were submitted."""

    def __init__(self, threads_max: int = JOB_THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads_max, thread_name_prefix="link")
        self._lock = Lock()
        self._is_shut = False
        self._waiting: dict[str, deque[_Task[Result]]] = {}
        """By link with a job in the pool: those that come after it."""

    def submit(self, link: str, work: Callable[[], Result], on_done: Callable[[Future[Result]], object]) -> None:
        """Run `work` after the earlier jobs of `link`, then `on_done` with its future, both on one of the threads."""
        with self._lock:
            if self._is_shut:
                return
            if link in self._waiting:
                self._waiting[link].append((work, on_done))
                return
            self._waiting[link] = deque()
            running = self._pool.submit(work)
        self._watch(link, running, on_done)

    def shutdown(self) -> None:
        """Wait for the jobs that run and forget those that wait."""
        with self._lock:
            self._is_shut = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _watch(self, link: str, running: Future[Result], on_done: Callable[[Future[Result]], object]) -> None:
        running.add_done_callback(lambda done: self._ended(link, done, on_done))

    def _ended(self, link: str, done: Future[Result], on_done: Callable[[Future[Result]], object]) -> None:
        on_done(done)
        with self._lock:
            if self._is_shut:
                return
            if not self._waiting[link]:
                del self._waiting[link]
                return
            work, next_on_done = self._waiting[link].popleft()
            running = self._pool.submit(work)
        self._watch(link, running, next_on_done)


_Task = tuple[Callable[[], Result], Callable[[Future[Result]], object]]
"""What to run, and whom to tell."""
