"""How deaths of camera processes are judged and chosen, and how descriptors are counted: only while every process is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, repeat
from pathlib import Path
from random import Random

import pytest

from benchmarks import camera_deaths
from benchmarks.camera_deaths import SOUND_S, Death, Watch, held, kinds, looked_at
from benchmarks.camera_kills import KILLED, RECOVERY_S_MAX, faults, summary
from edge_ai.analysis.bell import Bell
from node.cameras.process import RESTART
from node.cameras.supervisor import CameraSupervisor
from node.clock import SystemClock


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_deaths, "SAMPLE_S", 0.0)


def test_descriptors_are_told_by_kind() -> None:
    before = kinds()
    read, write = os.pipe()
    with closing(Bell.make()):
        assert kinds() - before == {"pipe": 2, "anon_inode:[eventfd]": 1}
    os.close(read)
    os.close(write)
    assert kinds() == before


async def test_a_process_that_starts_while_it_is_counted_makes_the_count_begin_anew() -> None:
    whole = kinds()
    bells = [Bell.make()]

    def starts() -> Iterator[int]:
        yield from (3, 4)
        bells.pop().close()
        yield from repeat(4)

    counts = starts()
    assert await held(lambda: next(counts), lambda: True) == whole


async def test_a_camera_that_is_lost_while_it_is_counted_makes_the_count_begin_anew() -> None:
    asked: list[bool] = []
    answers = chain([True, False], repeat(True))

    def are_all_live() -> bool:
        asked.append(next(answers))
        return asked[-1]

    await held(lambda: 3, are_all_live)
    assert asked == [True, False, True, True]


async def test_processes_that_never_settle_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_deaths, "SETTLED_S_MAX", 0.01)
    numbers = iter(range(1_000_000))
    with pytest.raises(TimeoutError):
        await held(lambda: next(numbers), lambda: True)


def death(*, in_a_row: int = 1, pause_s: float = 0.7, back_s: float = 3.0, end: str = f"worker-0 {KILLED}", strain: float = 1.0) -> Death:
    return Death(identity="worker-0", in_a_row=in_a_row, pause_s=pause_s, live_s=1.0, back_s=back_s, end=end, strain=strain)


@pytest.mark.parametrize(
    ("judged", "told"),
    [
        (death(), ""), (death(back_s=5.1), "back after 5.1 s, 5.0 s are asked"), (death(back_s=9.9, strain=2.0), ""),
        (death(back_s=10.1, strain=2.0), "10.0 s are asked at a strain of 2.0"), (death(pause_s=1.01), "0.5 to 1 s are designed"),
        (death(in_a_row=3, pause_s=4.0, back_s=8.9), ""), (death(in_a_row=3, pause_s=4.0, back_s=9.1), "9.0 s are asked"),
        (death(in_a_row=3, pause_s=4.1), "paused 4.10 s after 3 deaths in a row"), (death(in_a_row=40, pause_s=30.0, back_s=34.0), ""),
        (death(in_a_row=40, pause_s=30.1), "0.5 to 30 s are designed"), (death(pause_s=0.4), "paused 0.40 s"),
        (death(end="worker-0 ended with status 1: no room"), "not as 'ended with status -9'"),
    ],
)  # fmt: skip
def test_one_death_is_over_within_its_bound_and_one_of_many_beyond_its_pause(judged: Death, told: str) -> None:
    assert told in "; ".join(faults(judged))
    assert bool(faults(judged)) is bool(told)


def test_a_series_tells_what_was_in_time_and_what_the_box_was_too_slow_for() -> None:
    found = summary([death(back_s=2.0), death(back_s=4.0), death(back_s=RECOVERY_S_MAX + 1, strain=3.0)])
    assert (found["deaths"], found["within_5_s"], found["while_the_box_kept_up"]) == (3, 2, {"deaths": 2, "within_5_s": 2})
    assert summary([]) == {"deaths": 0}


async def test_who_has_run_longest_is_next_and_waits_for_the_minute_that_the_product_forgets_after(tmp_path: Path) -> None:
    supervisor = CameraSupervisor([], tmp_path / "ai.sock", lambda *_: None, clock=SystemClock(), rng=Random(1))
    now = 100.0
    watch = Watch(supervisor, seconds=lambda: now)
    watch._well_since = {"capture-1": 70.0, "capture-0": 40.0, "worker-0": now - SOUND_S}
    assert watch.longest() == "worker-0"
    await watch.wait_sound("worker-0")
    assert RESTART.reset_after_s < SOUND_S
    assert watch.is_sound("worker-0")
    assert not watch.is_sound("capture-0")


def test_what_was_looked_at_is_counted_from_the_moment_a_camera_is_back() -> None:
    looks = [(10, 4), (20, 5), (30, 7), (40, 7)]
    assert [looked_at(looks, us) for us in (5, 10, 25, 30, 99)] == [4, 4, 5, 7, 7]
