"""Tasks spread over processes, one at a time each; a process that is killed takes nothing with it but the time it spent.

Owns the processes: they are fresh ones, replaced now and then so that nothing that libraries keep adds up over a night, and stopped
however the caller leaves. A task whose process ends is tried once more, then given up as Lost. Called by simulations/run.py and proof.py.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Generic, TypeVar

from simulations.scratch import ScratchError

TASKS_PER_PROCESS = 100
TRIES = 2
"""Times that a task is begun before it is given up."""
WAIT_S = 5.0
"""How often the caller hears that nothing is done yet."""
EXIT_TERMINATED = 143
STOP_S = 10.0
"""How long a process may take to end."""

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Task, Result]):
    """A task and what came of it."""

    task: Task
    result: Result


@dataclass(frozen=True, slots=True)
class Lost(Generic[Task]):
    """A task whose process ended, at every try."""

    task: Task
    exit_code: int
    """Of the process; negative: the signal that ended it."""


@dataclass(slots=True)
class _Worker(Generic[Task]):
    process: SpawnProcess
    pipe: Connection
    task: Task | None = None
    tries: int = 0
    done: int = 0


class Shards(Generic[Task, Result]):
    """Up to `processes` of them, each doing `work`, which must be a function of a module."""

    def __init__(self, work: Callable[[Task], Result], *, processes: int) -> None:
        self._work = work
        self._processes = processes
        self._workers: list[_Worker[Task]] = []
        self._again: list[tuple[Task, int]] = []

    def run(
        self, next_task: Callable[[], Task | None], on_wait: Callable[[], None] = lambda: None
    ) -> Iterator[Done[Task, Result] | Lost[Task]]:
        """Do tasks until `next_task` has none and all are done; it may have more after each result. `on_wait` is called now and then.

        Raises ScratchError when a process found no room for its work.
        """
        try:
            while self._hand_out(next_task):
                busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
                ready = wait(list(busy), WAIT_S)
                if not ready:
                    on_wait()
                for pipe in ready:
                    answer = self._answer(busy[pipe])  # type: ignore[index]
                    if answer is not None:
                        yield answer
        finally:
            self._stop()

    def _hand_out(self, next_task: Callable[[], Task | None]) -> bool:
        """Give every idle process something to do; False when nothing is under way."""
        while sum(worker.task is not None for worker in self._workers) < self._processes:
            task, tries = self._again.pop() if self._again else (next_task(), 0)
            if task is None:
                break
            worker = next((worker for worker in self._workers if worker.task is None), None) or self._begin()
            try:
                worker.pipe.send(task)
            except OSError:
                self._end(worker)
                self._again.append((task, tries))
                continue
            worker.task, worker.tries = task, tries + 1
        return any(worker.task is not None for worker in self._workers)

    def _begin(self) -> _Worker[Task]:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._work), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker[Task](process, ours)
        self._workers.append(worker)
        return worker

    def _answer(self, worker: _Worker[Task]) -> Done[Task, Result] | Lost[Task] | None:
        task = worker.task
        assert task is not None, "an answer of a process that was asked nothing"
        try:
            answer = worker.pipe.recv()
        except (EOFError, OSError):
            return self._lost(worker, task)
        if isinstance(answer, ScratchError):
            raise answer
        worker.task, worker.done = None, worker.done + 1
        if worker.done >= TASKS_PER_PROCESS:
            self._end(worker)
        return Done(task, answer)

    def _lost(self, worker: _Worker[Task], task: Task) -> Lost[Task] | None:
        self._end(worker)
        if worker.tries < TRIES:
            self._again.append((task, worker.tries))
            return None
        return Lost(task, worker.process.exitcode or 0)

    def _end(self, worker: _Worker[Task]) -> None:
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join(STOP_S)

    def _stop(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        while self._workers:
            self._end(self._workers[-1])


def _serve(pipe: Connection, work: Callable[[Task], Result]) -> None:
    # Ctrl-C reaches every process of a terminal: the one that was started decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(EXIT_TERMINATED))  # what it made on disk goes with it
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            answer: Result | ScratchError = work(task)
        except ScratchError as error:
            answer = error
        pipe.send(answer)
