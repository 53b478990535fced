"""Where commits run: on the loop while the disk is quick and the node idle, else on their thread, always one after another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from node.engine.commits import QUICK_IN_A_ROW, QUICK_S, Commits, Stopped
from tests.node.identity.family import StandingClock

LOOP = threading.main_thread().name


class Stage:
    """Commits that note the thread they ran on; one takes as long as it says."""

    def __init__(self) -> None:
        self.clock = StandingClock()
        self.commits = Commits(self.clock)
        self.threads: list[str] = []

    def work(self, takes_s: float = 0.0) -> Callable[[], None]:
        def commit() -> None:
            self.threads.append(threading.current_thread().name)
            self.clock.us += round(takes_s * 1e6)

        return commit

    async def warm(self) -> None:
        """As many quick commits as it takes to trust the disk."""
        for _ in range(QUICK_IN_A_ROW):
            await self.commits.commit(self.work(), is_light=True)
        self.threads.clear()


async def test_a_light_commit_runs_on_the_loop_once_the_disk_was_quick_long_enough() -> None:
    stage = Stage()
    for _ in range(QUICK_IN_A_ROW + 1):
        await stage.commits.commit(stage.work(), is_light=True)
    assert [name == LOOP for name in stage.threads] == [False] * QUICK_IN_A_ROW + [True]
    stage.commits.shutdown()


async def test_one_slow_commit_sends_the_next_ones_to_the_thread() -> None:
    stage = Stage()
    await stage.warm()
    await stage.commits.commit(stage.work(QUICK_S * 2), is_light=True)
    await stage.commits.commit(stage.work(), is_light=True)
    assert [name == LOOP for name in stage.threads] == [True, False]
    stage.commits.shutdown()


async def test_a_commit_that_is_not_light_runs_on_the_thread() -> None:
    stage = Stage()
    await stage.warm()
    await stage.commits.commit(stage.work(), is_light=False)
    assert LOOP not in stage.threads
    stage.commits.shutdown()


async def test_a_light_commit_waits_behind_what_the_thread_has() -> None:
    stage = Stage()
    await stage.warm()
    let = threading.Event()

    def slow() -> None:
        let.wait(10.0)
        stage.threads.append("before")

    before = asyncio.create_task(stage.commits.run(slow))
    await asyncio.sleep(0)
    behind = asyncio.create_task(stage.commits.commit(stage.work(), is_light=True))
    await asyncio.sleep(0)
    assert stage.threads == []
    let.set()
    await asyncio.gather(before, behind)
    assert stage.threads[0] == "before"
    assert stage.threads[1] != LOOP
    stage.commits.shutdown()


async def test_a_commit_that_fails_says_so_wherever_it_ran() -> None:
    stage = Stage()

    def broken() -> None:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        await stage.commits.commit(broken, is_light=True)
    await stage.warm()
    with pytest.raises(OSError, match="gone"):
        await stage.commits.commit(broken, is_light=True)
    stage.commits.shutdown()


async def test_work_after_the_end_is_refused_in_words() -> None:
    commits = Commits(StandingClock())
    commits.shutdown()
    with pytest.raises(Stopped, match="the node is stopping"):
        await commits.run(lambda: None)
