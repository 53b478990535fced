"""A recording replays equal; a changed record and a changed engine are found, and the books are checked."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import pytest

from node.cli import main
from node.clock import SystemClock
from node.tracing.errors import TraceError
from node.tracing.file import HEADER, Record, Snapshot, encoded, read_trace
from node.tracing.inputs import Offered
from simulations.replay import Replay, replay
from simulations.replay_journal import ReplayJournal
from sync.core.bearers import Standing
from sync.core.outbox import Outbox
from sync.model import DEFAULT_LIMITS, ClockQuality, Direction, Lane, PolicyVersion, RunMap, State, Stream
from sync.model.writes import FreeBatches, GiveUp, OutMark, SetAside, SetOutMark, StoreBatch
from tests.contracts.batches import INCARNATION, NODE, RESOURCE, run, stored
from tests.simulations.recorded import Life, record_city, write

DAMAGED = 24
EMPTY = Snapshot(
    "test", NODE, INCARNATION, True, PolicyVersion(), DEFAULT_LIMITS, ClockQuality(), (), (), Standing(), 0, 0, (), (), (), (), (), ()
)


def records(data: bytes) -> list[Record]:
    return list(read_trace(io.BytesIO(data), "a recording"))


def whole(kept: list[Record]) -> bytes:
    return HEADER + b"".join(map(encoded, kept))


def again(folder: Path, data: bytes) -> Replay:
    return replay(write(folder / "a.trace", data), SystemClock())


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    with pytest.MonkeyPatch.context() as patch:
        return record_city(patch, 11)


@pytest.fixture(scope="module")
def busiest(lives: list[Life]) -> bytes:
    return max((life.data() for life in lives if life.name.startswith("s")), key=len)


@pytest.mark.slow
def test_every_life_of_every_node_of_a_city_with_faults_replays_equal(lives: list[Life], tmp_path: Path) -> None:
    kinds: Counter[str] = Counter()
    for life in lives:
        found = again(tmp_path, life.data())
        assert (found.difference, found.violations) == (None, []), life.name
        kinds += found.kinds
    assert len(lives) > 5, "no node began a second life"
    assert kinds.keys() >= {"offer", "link_up", "link_down", "receive", "gated", "timeout", "policy_changed"}


@pytest.mark.slow
def test_a_tampered_input_is_named_by_its_number(busiest: bytes, tmp_path: Path) -> None:
    kept, number = records(busiest), 0
    for index, record in enumerate(kept):
        number += hasattr(record, "apply")
        if isinstance(record, Offered):
            local = msgspec.convert(msgspec.to_builtins(record.local) | {"row_count": record.local.row_count + 1}, type(record.local))
            kept[index] = Offered(record.us, local)
            break
    found = again(tmp_path, whole(kept))
    assert found.difference is not None
    assert found.difference.number >= number
    assert found.difference.expected.startswith("StoreBatch")


@pytest.mark.slow
def test_a_changed_engine_is_found(busiest: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outbox, "acked", lambda self, ack, now: None)
    found = again(tmp_path, busiest)
    assert found.difference is not None
    assert "SetOutMark" in found.difference.expected


@pytest.mark.slow
def test_a_damaged_recording_is_refused_or_differs_and_nothing_else(busiest: bytes, tmp_path: Path) -> None:
    rng, refused = Random(5), 0
    for _ in range(DAMAGED):
        data = bytearray(busiest)
        data[rng.randrange(len(HEADER), len(data))] = rng.randrange(256)
        try:
            again(tmp_path, bytes(data))
        except TraceError:
            refused += 1
    assert 0 < refused < DAMAGED


@pytest.mark.slow
def test_the_exit_code_says_equal_different_or_unusable(busiest: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def code(data: bytes) -> int:
        return main(["--lang", "en", "simulate", "--replay", str(write(tmp_path / "a.trace", data))])

    assert code(busiest) == 0
    assert code(busiest[:-1]) == 2
    monkeypatch.setattr(Outbox, "acked", lambda self, ack, now: None)
    assert code(busiest) == 1


def test_books_that_do_not_hold_are_found(tmp_path: Path) -> None:
    journal = ReplayJournal(tmp_path, EMPTY)
    try:
        journal.commit([StoreBatch(stored(1, [run(1, 3)], lane=Lane.EVENT))])
        journal.commit([StoreBatch(stored(2, [run(2, 5)], lane=Lane.EVENT))])
        journal.commit([SetOutMark("qingdao", Direction.UP, Lane.EVENT, OutMark(2, 2, 2))])
        lines = [violation.line for violation in journal.violations()]
    finally:
        journal.close()
    assert [line[:2] for line in lines] == ["P2", "P2", "P3", "P8"]
    assert "does not add up" in lines[-1]


def test_a_record_that_was_here_before_the_recording_may_not_count_again(tmp_path: Path) -> None:
    held = RunMap.of([(1, 9, int(State.PRESENT))]).encode()
    known = msgspec.structs.replace(EMPTY, last_lsn=40, streams=((Stream(NODE, INCARNATION, Lane.EVENT, RESOURCE), held),))
    journal = ReplayJournal(tmp_path, known)
    try:
        journal.commit([StoreBatch(stored(41, [run(9, 10)], lane=Lane.EVENT))])
        lines = [violation.line for violation in journal.violations()]
    finally:
        journal.close()
    assert lines == [f"P2 {NODE}: run 9..10 of {NODE}/{RESOURCE}, batch 41, was here before the recording"]


def test_writes_about_batches_from_before_are_left_out_and_counted(tmp_path: Path) -> None:
    journal = ReplayJournal(tmp_path, msgspec.structs.replace(EMPTY, last_lsn=40))
    try:
        journal.commit([FreeBatches((3, 4), State.RETENTION), SetAside(7, NODE, "damaged"), GiveUp(7, False)])
        assert (journal.left_out, journal.writes, journal.violations()) == (3, 0, [])
    finally:
        journal.close()
