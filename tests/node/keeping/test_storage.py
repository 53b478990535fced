"""The keeper of the journal on a real node: it sheds by order, closes doors, opens them, and says all of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from node.config.model import StorageSection
from node.keeping.storage import Rules, Storage
from node.store.schema import DEFAULT_TUNING, tuning_under
from sync.model import Lane, State
from tests.node.ingest.parts import reading
from tests.node.test_runtime import Stage

MIB = 1 << 20
ROOM_LEFT = 128 << 10
"""Bytes below the quota at which the test of a lane alone begins: a tenth of the journal at most."""
NOBODY = Rules(parent="", children=frozenset, retention_s=dict, for_ever=frozenset)


def keeper(stage: Stage, *, quota_mb: int = 0, rules: Rules = NOBODY, by_age: bool = False) -> Storage:
    section = StorageSection(quota_mb=quota_mb, disk_reserve_mb=0, retention_days=1, top_frees_by_age=by_age)
    return Storage(stage.journal.real, stage.runtime, section, rules, stage.clock)


async def stored(stage: Stage, count: int) -> None:
    """Offer `count` readings, one commit each."""
    for number in range(count):
        stage.offer(f"reading {number}")
        await stage.runtime._hand_out(stage.runtime._gather())


def taken(stage: Stage) -> int:
    """Bytes of the journal file that hold something."""
    used = stage.journal.real.space()
    return used.file_bytes - used.free_bytes


def close(stage: Stage) -> None:
    """End without having run."""
    stage.runtime._close_threads()
    stage.journal.close()


async def turn(stage: Stage, storage: Storage) -> None:
    await storage.turn()
    await stage.runtime._hand_out(stage.runtime._gather())


async def test_a_day_after_its_delivery_a_batch_goes(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    storage = keeper(stage, by_age=True)
    await stored(stage, 3)
    for _ in range(3):
        await turn(stage, storage)
        stage.clock.us += 86_400_000_000
    assert {state: amount.batches for (_, _, state), amount in stage.journal.real.usage.freed.items()} == {State.RETENTION: 3}
    assert stage.journal.real.verify() == []
    close(stage)


async def test_at_the_top_age_alone_frees_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    storage = keeper(stage)
    await stored(stage, 3)
    for _ in range(3):
        await turn(stage, storage)
        stage.clock.us += 86_400_000_000
    assert stage.journal.real.usage.freed == {}
    close(stage)


async def test_a_clock_set_forward_by_years_frees_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    storage = keeper(stage, by_age=True, rules=replace(NOBODY, retention_s=lambda: {"air-quality": 30 * 86_400}))
    await stored(stage, 3)
    for _ in range(3):
        await turn(stage, storage)
        stage.clock.us += 3_650 * 86_400_000_000
    assert stage.journal.real.usage.freed == {}
    close(stage)


async def test_a_used_up_quota_closes_the_door_says_so_and_opens_it_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    storage = keeper(stage, quota_mb=1)
    await stored(stage, 1)
    await turn(stage, storage)
    assert storage.closed == frozenset(Lane)
    assert (stage.inbox.has_room, storage.troubles()) == (False, ["journal_full"])
    assert storage.report()["closed"] == sorted(lane.word for lane in Lane)
    larger = keeper(stage, quota_mb=64)
    larger.closed = storage.closed
    await turn(stage, larger)
    assert (stage.inbox.has_room, larger.troubles()) == (True, [])
    close(stage)


async def test_what_is_for_ever_is_never_a_candidate(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    storage = keeper(stage, by_age=True, rules=replace(NOBODY, for_ever=lambda: frozenset({"air-quality"})))
    await stored(stage, 2)
    for _ in range(3):
        await turn(stage, storage)
        stage.clock.us += 86_400_000_000
    assert stage.journal.real.usage.freed == {}
    close(stage)


@pytest.mark.parametrize("quota_mb", [0, 10])
async def test_the_report_names_usage_and_quota(tmp_path: Path, quota_mb: int) -> None:
    stage = Stage(tmp_path)
    storage = keeper(stage, quota_mb=quota_mb)
    await stored(stage, 2)
    await turn(stage, storage)
    report = storage.report()
    assert report["lanes"]["bulk"]["batches"] == 2  # type: ignore[index]
    assert report["quota_bytes"] == 10 << 20 if quota_mb else report["quota_bytes"] > 10 << 20  # type: ignore[operator]
    close(stage)


async def test_the_age_of_batches_survives_a_restart(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    storage = keeper(stage, by_age=True)
    await stored(stage, 2)
    await turn(stage, storage)
    stage.clock.us += 86_400_000_000
    again = keeper(stage, by_age=True)
    await again.recall()
    for _ in range(2):
        await turn(stage, again)
    assert sum(amount.batches for amount in stage.journal.real.usage.freed.values()) == 2
    close(stage)


async def test_a_lane_alone_is_never_shed_and_a_higher_one_that_asks_is_given_room(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stored(stage, 3)
    rng = Random(1)
    while -taken(stage) % MIB > ROOM_LEFT:
        stage.inbox.put("air-quality", [reading(rng.randbytes(20).hex()) for _ in range(1_000)], lambda: None)
        await stored(stage, 1)
    storage = keeper(stage, quota_mb=-(-taken(stage) // MIB))
    for _ in range(3):
        await turn(stage, storage)
    assert storage.closed >= {Lane.BULK, Lane.EVENT}
    assert stage.journal.real.usage.freed == {}
    storage.ask(Lane.EVENT)
    await turn(stage, storage)
    assert {state for _, _, state in stage.journal.real.usage.freed} == {State.SHED}
    close(stage)


async def test_a_burst_between_two_looks_does_not_pass_the_quota(tmp_path: Path) -> None:
    stage, rng = Stage(tmp_path, tuning=tuning_under(8 << 20)), Random(7)
    storage = keeper(stage, quota_mb=8)
    await turn(stage, storage)
    taken = 0
    while stage.inbox.has_room and taken < 200:
        readings = [reading(rng.randbytes(50).hex(), value=rng.random()) for _ in range(1_000)]
        stage.inbox.put("air-quality", readings, lambda: None)
        await stage.runtime._hand_out(stage.runtime._gather())
        taken += 1
    space = stage.journal.real.space()
    assert 20 < taken < 200
    assert Lane.BULK in storage.closed
    assert (4 << 20) < space.file_bytes < 8 << 20
    assert space.log_bytes < 3 << 20
    close(stage)


def test_the_log_is_small_under_a_small_quota() -> None:
    assert tuning_under(0) == DEFAULT_TUNING
    assert tuning_under(64 << 20).checkpoint_bytes == 4 << 20
    assert tuning_under(1 << 20).checkpoint_bytes == 1 << 20
    assert tuning_under(1 << 40) == DEFAULT_TUNING
