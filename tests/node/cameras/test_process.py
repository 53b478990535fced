"""One worker process: failures in its words, silence, memory, other work, and an ordered end."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
import pytest

from edge_ai.capture.backoff import BackoffLimits
from edge_ai.reasons import plain
from node.cameras import process
from node.cameras.process import Work, WorkerProcess, own_bytes
from node.clock import SystemClock

PATIENCE_S = 20.0
PAUSES = process.RESTART
"""As people meet them; SHORT is what the tests here wait."""
SHORT = BackoffLimits(floor_s=0.01, cap_s=0.02)


@dataclass
class Told:
    """What the process's keeper was told."""

    downs: list[tuple[str, float]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    ended: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def down(self, _work: Work, why: str, retry_in_s: float) -> None:
        self.downs.append((why, retry_in_s))
        self.came.set()

    def ask(self, identity: str) -> None:
        self.asked.append(identity)
        self.came.set()

    def end(self, _work: Work) -> None:
        self.ended += 1

    async def wait(self) -> None:
        await asyncio.wait_for(self.came.wait(), PATIENCE_S)
        self.came.clear()


def wait_until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    while not holds():
        pause.wait(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "WATCH_S", 0.02)
    monkeypatch.setattr(process, "STOP_S", 0.1)
    monkeypatch.setattr(process, "strain", lambda: 1.0)
    monkeypatch.setattr(process, "RESTART", SHORT)


def work_of(does: str, *, bytes_max: int = 1 << 40) -> Work:
    return Work(identity="w", module="tests.node.cameras.scripted", cameras=(), bytes_max=bytes_max, describe=does.encode)


@asynccontextmanager
async def kept(folder: Path, does: str, *, bytes_max: int = 1 << 40) -> AsyncIterator[tuple[WorkerProcess, Told]]:
    told = Told()
    work = work_of(does, bytes_max=bytes_max)
    worker = WorkerProcess(work, folder / "w.json", SystemClock(), Random(1), told.ask, told.down, told.end)
    task = asyncio.create_task(worker.keep_running())
    try:
        yield worker, told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await worker.end()
        assert worker.pid is None


def test_pauses_between_starts_are_those_that_the_docs_name() -> None:
    assert (PAUSES.floor_s, PAUSES.cap_s, PAUSES.reset_after_s) == (0.5, 30.0, 60.0)


@pytest.mark.slow
async def test_process_that_fails_is_told_with_its_last_words_and_started_again(tmp_path: Path) -> None:
    async with kept(tmp_path, "fail") as (worker, told):
        await told.wait()
        await told.wait()
        assert plain(told.downs[0][0]) == "w ended with status 2: no room for a frame ring"
        assert worker.counts.starts >= 2
        assert all(SHORT.floor_s <= wait_s <= SHORT.cap_s for _, wait_s in told.downs)
    assert (tmp_path / "w.json").stat().st_mode & 0o777 == 0o600


async def test_a_process_that_cannot_be_started_is_told_and_tried_again(tmp_path: Path) -> None:
    """As on a disk that is full for a while: its description is written before each start."""
    folder = tmp_path / "later"
    async with kept(folder, "talk") as (worker, told):
        await told.wait()
        assert (worker.pid, told.ended) == (None, 0)
        assert plain(told.downs[0][0]) == "w cannot be started: No such file or directory"
        folder.mkdir()
        await asyncio.wait_for(asyncio.to_thread(wait_until, lambda: worker.pid is not None), PATIENCE_S)


@pytest.mark.slow
async def test_process_that_says_nothing_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "START_S_MAX", 0.1)
    async with kept(tmp_path, "deaf") as (worker, told):
        await told.wait()
        assert worker.counts.silent >= 1
        assert plain(told.downs[0][0]) == "w said nothing for 0 s and was ended"


@pytest.mark.slow
async def test_process_that_spoke_and_fell_silent_is_killed_much_sooner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SILENCE_S_MAX", 0.1)
    async with kept(tmp_path, "live") as (worker, told):
        await asyncio.to_thread(wait_until, lambda: worker.pid is not None)
        worker.heard(SystemClock().now())
        await told.wait()
        assert worker.counts.silent == 1


@pytest.mark.slow
async def test_process_that_waits_for_the_disk_is_not_killed_for_its_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "START_S_MAX", 0.01)
    looks: list[int] = []

    def waits(pid: int) -> bool:
        looks.append(pid)
        return len(looks) < 5

    monkeypatch.setattr(process, "waits_for_disk", waits)
    async with kept(tmp_path, "deaf") as (worker, told):
        await told.wait()
        assert worker.counts.silent == 1
        assert looks == [looks[0]] * 5


@pytest.mark.slow
async def test_a_disk_that_never_answers_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "START_S_MAX", 0.01)
    monkeypatch.setattr(process, "DISK_S_MAX", 0.1)
    monkeypatch.setattr(process, "waits_for_disk", lambda pid: True)
    async with kept(tmp_path, "deaf") as (worker, told):
        await told.wait()
        assert worker.counts.silent >= 1


async def test_a_process_that_runs_or_is_gone_does_not_wait_for_the_disk() -> None:
    assert not process.waits_for_disk(os.getpid())
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    assert not process.waits_for_disk(gone.pid)


@pytest.mark.slow
async def test_process_over_its_memory_is_recycled_without_being_told_as_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MEMORY_PERIOD_S", 0.0)
    async with kept(tmp_path, "live", bytes_max=1) as (worker, told):
        await told.wait()
        while worker.counts.starts < 2:
            await asyncio.wait_for(told.came.wait(), PATIENCE_S)
            told.came.clear()
        assert told.asked[0] == "w"
        assert told.downs == []
        assert worker.counts.recycled >= 1


@pytest.mark.slow
async def test_old_process_is_recycled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LIFE_S", 0.01)
    async with kept(tmp_path, "deaf") as (worker, told):
        await told.wait()
        assert (told.asked[0], worker.counts.recycled) == ("w", 1)


@pytest.mark.slow
async def test_process_with_other_work_ends_in_order_and_starts_with_it(tmp_path: Path) -> None:
    async with kept(tmp_path, "live") as (worker, told):
        await asyncio.to_thread(wait_until, lambda: worker.pid is not None)
        worker.rework(work_of("fail"))
        await told.wait()
        assert (told.asked, told.downs, worker.counts.reworked) == (["w"], [], 1)
        await told.wait()
        assert plain(told.downs[0][0]) == "w ended with status 2: no room for a frame ring"
        assert told.ended >= 2


@pytest.mark.slow
async def test_process_that_waits_for_its_next_start_begins_other_work_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "RESTART", BackoffLimits(floor_s=1_000, cap_s=2_000))
    async with kept(tmp_path, "fail") as (worker, told):
        await told.wait()
        worker.rework(work_of("live"))
        await asyncio.to_thread(wait_until, lambda: worker.counts.starts == 2 and worker.pid is not None)


def test_memory_of_a_process_that_is_gone_is_nothing() -> None:
    assert own_bytes(psutil.Process().pid) > 0
    assert own_bytes(2**22 + 1) == 0
