"""Which camera processes run on, begin, change and end when the list of cameras changes; with scripted processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from edge_ai.spec import CameraKind, CameraSpec
from node.cameras import crew
from node.cameras.crew import CameraCrew
from node.cameras.grouping import Places
from node.cameras.process import Work
from node.clock import SystemClock


@dataclass
class Stage:
    """What happened to processes, in order, and the crew that has them."""

    crew: CameraCrew
    happened: list[str]
    shares: dict[str, float]
    may_end: asyncio.Event

    async def take(self, *cameras: CameraSpec) -> list[str]:
        """Change to these cameras; what happened."""
        self.crew.plan(cameras)
        self.happened.clear()
        self.tasks_changed.set()
        for _ in range(12):
            await asyncio.sleep(0)
        return sorted(self.happened)

    tasks_changed: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def staged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    happened: list[str] = []
    may_end = asyncio.Event()
    may_end.set()

    class Scripted:
        """A process by shape."""

        def __init__(self, work: Work, *_: Any, **__: Any) -> None:
            self.work = work
            self.pid = None

        async def keep_running(self) -> None:
            happened.append(f"begin {self.work.identity}")
            await asyncio.Event().wait()

        def rework(self, work: Work) -> None:
            self.work = work
            happened.append(f"rework {work.identity}")

        def renew(self) -> None:
            happened.append(f"renew {self.work.identity}")

        async def end(self) -> None:
            await may_end.wait()
            happened.append(f"end {self.work.identity}")

    monkeypatch.setattr(crew, "WorkerProcess", Scripted)
    shares: dict[str, float] = {}
    made = CameraCrew(
        places=Places(endpoint="ipc://x", work_dir=folder, ring_dir=folder / "rings"), clock=SystemClock(), rng=Random(1), callers=1,
        ask_to_stop=lambda _: None, on_capture_ended=lambda _: None, on_capture_down=lambda *_: None, on_analysis_down=lambda *_: None,
        on_share=shares.__setitem__,
    )  # fmt: skip
    (folder / "rings").mkdir()
    stage = Stage(made, happened, shares, may_end)
    task = asyncio.create_task(_run(stage))
    try:
        yield stage
    finally:
        may_end.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        made.close()
    assert not (folder / "rings").exists()


async def _run(stage: Stage) -> None:
    async with asyncio.TaskGroup() as tasks:
        while True:
            await stage.tasks_changed.wait()
            stage.tasks_changed.clear()
            stage.crew.bring_in_line(tasks)


def cameras(count: int, **changes: Any) -> list[CameraSpec]:
    first = CameraSpec(id="c", kind=CameraKind.RTSP, source="rtsp://x/", algorithm="motion-object")
    return [replace(first, id=f"c{index}", **changes) for index in range(count)]


async def test_one_more_camera_changes_one_capture_and_the_analysis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path, monkeypatch) as stage:
        assert await stage.take(*cameras(9)) == ["begin capture-0", "begin capture-1", "begin worker-0"]
        assert await stage.take(*cameras(9)) == []
        assert await stage.take(*cameras(10)) == ["rework capture-1", "rework worker-0"]
        assert (stage.crew.reader_of("c0"), stage.crew.reader_of("c9")) == ("capture-0", "capture-1")


async def test_a_rule_changes_the_analysis_alone_and_an_address_its_capture_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path, monkeypatch) as stage:
        first, *others = cameras(9)
        await stage.take(first, *others)
        assert await stage.take(replace(first, name="gate"), *others) == ["rework worker-0"]
        assert await stage.take(replace(first, name="gate", source="rtsp://y/"), *others) == ["rework capture-0"]


async def test_a_group_that_others_are_added_beside_runs_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path, monkeypatch) as stage:
        await stage.take(*cameras(64))
        assert await stage.take(*cameras(65)) == ["begin capture-8", "begin worker-1"]
        assert await stage.take(*cameras(64)) == ["end capture-8", "end worker-1"]
        assert await stage.take() == sorted([*(f"end capture-{number}" for number in range(8)), "end worker-0"])
        assert stage.crew.processes == {}


async def test_openings_are_shared_among_the_captures_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path, monkeypatch) as stage:
        await stage.take(*cameras(8))
        assert stage.shares == {"capture-0": 5.0}
        await stage.take(*cameras(9))
        assert stage.shares == {"capture-0": 2.5, "capture-1": 2.5}
        stage.shares.clear()
        await stage.take(*cameras(10))
        assert stage.shares == {}


async def test_a_process_that_is_ending_is_still_listened_to_and_its_name_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path, monkeypatch) as stage:
        await stage.take(*cameras(9))
        stage.may_end.clear()
        leaving = stage.crew.find("capture-1")
        assert await stage.take(*cameras(8)) == ["rework worker-0"]
        assert "capture-1" not in stage.crew.processes
        assert stage.crew.find("capture-1") is leaving
        assert await stage.take(*cameras(9)) == ["rework worker-0"], "not begun before the other has ended"
        stage.may_end.set()
        assert await stage.take(*cameras(9)) == ["begin capture-1", "end capture-1"]


async def test_what_a_capture_that_goes_left_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path, monkeypatch) as stage:
        await stage.take(*cameras(65))
        for name in ("capture-0.1.ring", "capture-8.1.ring", "capture-8.1.part", "worker-0.ledger", "worker-1.ledger"):
            (tmp_path / "rings" / name).touch()
        await stage.take(*cameras(64))
        assert sorted(path.name for path in (tmp_path / "rings").iterdir()) == ["capture-0.1.ring", "worker-0.ledger"]


async def test_a_refused_camera_is_read_again_by_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path, monkeypatch) as stage:
        await stage.take(*cameras(9))
        stage.happened.clear()
        stage.crew.renew_reader("c8")
        stage.crew.renew_reader("nobody")
        assert stage.happened == ["renew capture-1"]


async def test_ending_is_seen_through_however_often_it_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path, monkeypatch) as stage:
        await stage.take(*cameras(1))
        stage.may_end.clear()
        serving = stage.crew._serving["capture-0"]
        await stage.take()
        for _ in range(3):
            serving.cancel()
            await asyncio.sleep(0)
        assert not serving.done()
        stage.may_end.set()
        await asyncio.wait({serving})
        assert "end capture-0" in stage.happened


