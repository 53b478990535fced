"""The shell around the engine: nothing is acknowledged, answered or sent before its commit, and a commit that fails ends the turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from node.clock import HybridClock
from node.engine.commits import Commits
from node.engine.pipeline import Pipeline, Self
from node.ingest.inbox import Inbox
from node.runtime import Runtime
from node.store.door_book import Mark, MarkKind, kept_sessions
from node.store.journal import SqliteJournal, open_journal
from node.store.schema import DEFAULT_TUNING, Tuning
from policies.catalogue import schema
from sync.core.engine import Engine
from sync.core.messages import Ack, Data
from sync.core.ready import Event, Moved, OutboundJob, PeerFacts, Ready, Send
from sync.model import DEFAULT_LIMITS, ClockQuality, Direction, JournalError, JournalFull, Lane, Level, PolicyVersion
from sync.model.writes import SetBearer, Write
from sync.wire.codec import decode
from tests.node.identity.family import StandingClock
from tests.node.ingest.parts import reading
from tests.node.station import until
from tests.policies.city import city, gate
from tests.sync.core.rig import Rig, RigVouch, Station


class ScriptedJournal:
    """A real journal whose commits wait for `let` and fail while `failure` is set."""

    def __init__(self, real: SqliteJournal) -> None:
        self.real = real
        self.let = threading.Event()
        self.let.set()
        self.failure: Exception | None = None
        self.commits: list[Sequence[Write]] = []

    def commit(self, writes: Sequence[Write]) -> None:
        self.let.wait(10.0)
        if self.failure is not None:
            raise self.failure
        self.real.commit(writes)
        self.commits.append(writes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Stage:
    """A runtime over a scripted journal; `acked` notes what was acknowledged, `events` what the engine reported."""

    def __init__(self, folder: Path, *, tuning: Tuning = DEFAULT_TUNING) -> None:
        self.journal = ScriptedJournal(open_journal(folder / "journal.db", node="street", incarnation=7, tuning=tuning))
        self.gate = gate(Level.STREET)
        clock = self.clock = StandingClock()
        engine = Engine(
            node="street",
            incarnation=7,
            has_parent=True,
            version=self.gate.version,
            recovered=self.journal.recover(),
            limits=DEFAULT_LIMITS,
            clock=ClockQuality(),
        )
        self.inbox = Inbox({"air-quality": schema(city().resources["air-quality"])}, on_data=lambda: self.runtime.wake())
        self.runtime = Runtime(
            engine=engine,
            journal=self.journal,
            pipeline=Pipeline(
                me=Self("street", Level.STREET, "370202001"),
                journal=self.journal,
                gate_of=lambda: self.gate,
                vouch=RigVouch("street"),
                limits=DEFAULT_LIMITS,
            ),
            records=self.inbox,
            lane_of=lambda resource: (Lane.BULK, 1),
            clock=clock,
            hybrid=HybridClock(clock),
        )
        self.acked: list[str] = []
        self.events: list[Event] = []
        self.runtime.on_event = self.events.append

    def offer(self, name: str) -> None:
        self.inbox.put("air-quality", [reading()], lambda: self.acked.append(name))

    async def end(self, running: asyncio.Task[None]) -> None:
        self.runtime.stop()
        await running
        self.journal.close()


async def test_records_are_acknowledged_after_their_commit_and_not_before(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.journal.let.clear()
    running = asyncio.create_task(stage.runtime.run())
    stage.offer("first")
    await until(lambda: not stage.inbox.waiting)
    assert stage.acked == []
    stage.journal.let.set()
    await until(lambda: stage.acked == ["first"])
    assert stage.journal.counts() == {"air-quality": 1}
    await stage.end(running)


async def test_a_mark_of_the_door_is_in_the_commit_of_its_rows_and_not_in_one_that_runs(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.journal.let.clear()
    running = asyncio.create_task(stage.runtime.run())
    stage.offer("first")
    await until(lambda: not stage.inbox.waiting)
    stage.inbox.put("air-quality", [reading()], lambda: stage.acked.append("second"), [Mark(MarkKind.HOLD_ID, "a", 5)])
    stage.inbox.put("", (), lambda: stage.acked.append("third"), [Mark(MarkKind.PUT_SESSION, "a", facts="{}")])
    staged: list[tuple[int, int]] = []

    def stage_marks(marks: Sequence[Mark]) -> None:
        staged.append((len(marks), len(stage.journal.commits)))
        stage.journal.door.stage(marks)

    stage.runtime.stage_marks = stage_marks
    assert stage.acked == []
    stage.journal.let.set()
    await until(lambda: len(stage.acked) == 3)
    assert staged == [(2, 1)]
    assert [kept.packet_ids for kept in stage.journal.look("test", kept_sessions)] == [(5,)]
    await stage.end(running)


async def test_marks_alone_are_committed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.runtime.stage_marks = stage.journal.door.stage
    running = asyncio.create_task(stage.runtime.run())
    stage.inbox.put("", (), lambda: stage.acked.append("kept"), [Mark(MarkKind.PUT_SESSION, "a", facts="{}")])
    await until(lambda: stage.acked == ["kept"])
    assert len(stage.journal.look("test", kept_sessions)) == 1
    await stage.end(running)


async def test_what_arrives_during_a_commit_is_one_group(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.journal.let.clear()
    running = asyncio.create_task(stage.runtime.run())
    stage.offer("first")
    await until(lambda: not stage.inbox.waiting)
    for number in range(50):
        stage.offer(f"n{number}")
    stage.journal.let.set()
    await until(lambda: len(stage.acked) == 51)
    assert len(stage.journal.commits) == 2
    await stage.end(running)


async def test_frames_leave_before_acknowledgements_of_the_same_turn(tmp_path: Path) -> None:
    rig = Rig(Station("city", Level.MUNICIPAL), Station("street", Level.STREET, "city"))
    rig.connect("street", "city")
    rig.offer("street", [1.0], lane=Lane.ALARM)
    for _ in range(2):
        rig.turn("street")
    data = decode(rig.queues[("street", "city")].popleft())
    assert isinstance(data, Data)
    stage, ack = Stage(tmp_path), Ack(Direction.UP, Lane.ALARM, 1, 1)
    sends: list[object] = []
    stage.runtime.on_send = lambda send: sends.append(send.message)
    await stage.runtime._hand_out(Ready(sends=(Send("a", ack, urgent=True), Send("b", data, urgent=True))))
    assert sends == [data, ack]
    stage.runtime._close_threads()
    stage.journal.close()


@pytest.mark.parametrize(("stored_now", "is_early"), [(0, True), (1, False)])
async def test_a_job_begins_before_the_commit_when_it_reads_nothing_of_the_turn(tmp_path: Path, stored_now: int, *, is_early: bool) -> None:
    stage, parent = Stage(tmp_path), PeerFacts("district", 9, Level.DISTRICT, "370202", is_parent=True)
    running = asyncio.create_task(stage.runtime.run())
    stage.offer("first")
    await until(lambda: stage.acked == ["first"])
    await stage.end(running)
    begun: list[int] = []
    stage.runtime._start = lambda job: begun.append(job.id)  # type: ignore[method-assign]
    stage.journal.let.clear()
    stage.runtime._commits = Commits(stage.clock)
    job = OutboundJob(1, parent, Direction.UP, Lane.BULK, 0, 1 + stored_now, stage.gate.version)
    stage.runtime._tops = {Lane.BULK: 1}
    turn = asyncio.create_task(stage.runtime._hand_out(Ready(writes=(SetBearer("grid", 1, "grid"),), jobs=(job,))))
    await asyncio.sleep(0)
    assert begun == ([1] if is_early else [])
    stage.journal.failure = JournalError("closed")
    stage.journal.let.set()
    with pytest.raises(JournalError):
        await turn
    assert begun == ([1] if is_early else [])
    stage.runtime._close_threads()


async def test_a_failed_commit_acknowledges_nothing_and_ends_the_run(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.journal.failure = JournalError("the disk is gone")
    sends: list[object] = []
    stage.runtime.on_send = sends.append
    running = asyncio.create_task(stage.runtime.run())
    stage.offer("first")
    with pytest.raises(JournalError, match="the disk is gone"):
        await running
    assert (stage.acked, sends, stage.events, stage.journal.real.last_lsn) == ([], [], [], 0)
    stage.journal.close()


async def test_a_full_disk_shuts_the_door_and_the_same_turn_is_stored_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.runtime.FULL_RETRY_S", 0.0)
    stage = Stage(tmp_path)
    stage.journal.failure = JournalFull("no space is left")
    running = asyncio.create_task(stage.runtime.run())
    stage.offer("first")
    await until(lambda: stage.runtime.is_full)
    assert (stage.acked, stage.inbox.has_room, running.done()) == ([], False, False)
    stage.journal.failure = None
    await until(lambda: stage.acked == ["first"])
    assert (stage.inbox.has_room, stage.journal.real.last_lsn) == (True, 1)
    await stage.end(running)


async def test_a_node_that_is_stopped_while_its_disk_is_full_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.runtime.FULL_RETRY_S", 0.0)
    stage = Stage(tmp_path)
    stage.journal.failure = JournalFull("no space is left")
    running = asyncio.create_task(stage.runtime.run())
    stage.offer("first")
    await until(lambda: stage.runtime.is_full)
    stage.runtime.stop()
    with pytest.raises(JournalFull):
        await running
    stage.journal.close()


async def test_an_answer_comes_only_when_its_turn_is_durable(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.journal.let.clear()
    running = asyncio.create_task(stage.runtime.run())
    stage.offer("first")
    asked = asyncio.create_task(stage.runtime.ask(lambda engine, now: engine.last_lsn))
    await until(lambda: not stage.inbox.waiting)
    await asyncio.sleep(0)
    assert not asked.done()
    stage.journal.let.set()
    assert await asked <= stage.journal.real.last_lsn
    await stage.end(running)


async def test_a_job_that_cannot_read_the_own_journal_ends_the_run(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    running = asyncio.create_task(stage.runtime.run())
    parent = PeerFacts("district", 9, Level.DISTRICT, "370202", is_parent=True)
    job = OutboundJob(1, parent, Direction.UP, Lane.BULK, 0, 1, PolicyVersion())
    stage.journal.real._readers.close()
    stage.runtime._start(job)
    with pytest.raises(JournalError):
        await running
    stage.journal.close()


async def test_jobs_out_hold_a_link_back_until_one_is_done(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    running = asyncio.create_task(stage.runtime.run())
    parent = PeerFacts("district", 9, Level.DISTRICT, "370202", is_parent=True)
    stage.runtime._start(OutboundJob(1, parent, Direction.UP, Lane.BULK, 0, 1, stage.gate.version))
    assert stage.runtime._jobs_out["district"] == 1
    await stage.runtime.wait_for_room("district", 1)
    assert stage.runtime._jobs_out["district"] == 0
    await stage.end(running)


async def test_stopping_ends_the_run_and_leaves_no_thread(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    running = asyncio.create_task(stage.runtime.run())
    stage.offer("first")
    await until(lambda: stage.acked == ["first"])
    await stage.end(running)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith(("commit", "link-"))] == []
    assert not any(isinstance(event, Moved) for event in stage.events)
