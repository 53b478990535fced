"""How descriptors are counted around kills: only while every process is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, repeat

import pytest

from benchmarks import camera_kills
from benchmarks.camera_kills import held, kinds
from edge_ai.analysis.bell import Bell


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_kills, "SAMPLE_S", 0.0)


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
    monkeypatch.setattr(camera_kills, "BACK_S_MAX", 0.01)
    numbers = iter(range(1_000_000))
    with pytest.raises(TimeoutError):
        await held(lambda: next(numbers), lambda: True)
