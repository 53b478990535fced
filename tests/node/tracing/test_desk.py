"""A running node is recorded: the engine begins anew, sessions are opened again, and the recording ends by itself."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from pathlib import Path

import pytest

from node.tracing import desk as desks
from node.tracing.desk import Recorded, Tracing
from node.tracing.errors import TraceError
from node.tracing.file import End, Snapshot, read_trace
from node.tracing.inputs import Offered
from sync.core.ready import LinkBroken
from sync.model import DEFAULT_LIMITS, JournalError
from tests.node.station import until
from tests.node.test_runtime import Stage
from tests.node.tracing.samples import HELLO, PEER


def tracing(stage: Stage) -> Tracing:
    return Tracing(stage.runtime, stage.clock, has_parent=True, limits=DEFAULT_LIMITS, software="0.1", draw_key=lambda: b"key")


def time_passes(stage: Stage, recording: asyncio.Task[Recorded]) -> bool:
    stage.clock.us += 100_000
    return recording.done()


async def test_what_a_node_is_told_is_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "PACE_S", 0.005)
    stage, path = Stage(tmp_path), tmp_path / "a.trace"
    running = asyncio.create_task(stage.runtime.run())
    stage.offer("before")
    await until(lambda: stage.acked == ["before"])
    recording = asyncio.create_task(tracing(stage).record(path, 5.0))
    await until(lambda: path.exists() and path.stat().st_size > 0)
    stage.offer("meanwhile")
    await until(lambda: stage.acked == ["before", "meanwhile"])
    await until(lambda: time_passes(stage, recording))
    recorded = await recording
    stage.offer("after")
    await until(lambda: len(stage.acked) == 3)
    await stage.end(running)
    first, *others, last = read_trace(io.BytesIO(path.read_bytes()), "a.trace")
    assert isinstance(first, Snapshot)
    assert isinstance(last, End)
    assert (first.last_lsn, last.reason, last.inputs) == (1, "time", recorded.inputs)
    assert len([record for record in others if isinstance(record, Offered)]) == 1


async def test_every_session_is_opened_again_when_an_engine_begins_anew(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    running = asyncio.create_task(stage.runtime.run())
    stage.runtime.post(lambda engine, now: engine.link_up(PEER, replace(HELLO, positions=()), {}, now))
    await until(lambda: stage.runtime.engine.link_peers() == ["city"])
    former = stage.runtime.engine
    recording = asyncio.create_task(tracing(stage).record(tmp_path / "a.trace", 1.0))
    await until(lambda: stage.runtime.engine is not former)
    assert [event.peer for event in stage.events if isinstance(event, LinkBroken)] == ["city"]
    assert stage.runtime.engine.link_peers() == []
    await until(lambda: time_passes(stage, recording))
    await recording
    await stage.end(running)


async def test_a_file_is_never_replaced_and_seconds_are_bounded(tmp_path: Path) -> None:
    desk = tracing(Stage(tmp_path))
    there = tmp_path / "there"
    there.write_bytes(b"mine")
    with pytest.raises(TraceError, match="is there already"):
        await desk.record(there, 1.0)
    with pytest.raises(TraceError, match="cannot be written"):
        await desk.record(tmp_path / "no" / "folder", 1.0)
    with pytest.raises(TraceError, match="1000 s refused"):
        await desk.record(tmp_path / "new", 1_000.0)
    assert there.read_bytes() == b"mine"


async def test_a_journal_that_cannot_be_read_leaves_the_node_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path)

    def fails() -> None:
        raise JournalError("no")

    monkeypatch.setattr(stage.journal.real, "recover", fails)
    running = asyncio.create_task(stage.runtime.run())
    with pytest.raises(TraceError, match="cannot begin, the journal cannot be read"):
        await tracing(stage).record(tmp_path / "a.trace", 1.0)
    stage.offer("still here")
    await until(lambda: stage.acked == ["still here"])
    await stage.end(running)
    assert not (tmp_path / "a.trace").exists()


async def test_one_recording_at_a_time(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    desk = tracing(stage)
    running = asyncio.create_task(stage.runtime.run())
    first = asyncio.create_task(desk.record(tmp_path / "a.trace", 1.0))
    await until(lambda: (tmp_path / "a.trace").exists())
    with pytest.raises(TraceError, match="made already"):
        await desk.record(tmp_path / "b.trace", 1.0)
    await until(lambda: time_passes(stage, first))
    await first
    await stage.end(running)
