"""Instants and hybrid times: order holds whatever the wall clock does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync.model import HybridTime, Instant

WALL = st.integers(0, 2**53)
TIMES = st.builds(HybridTime, WALL, st.integers(0, 2**20))


@given(TIMES, WALL)
def test_the_next_time_is_later_even_when_the_wall_clock_steps_back(time: HybridTime, wall_us: int) -> None:
    assert time.next(wall_us) > time


@given(TIMES, WALL)
def test_the_next_time_is_never_behind_the_wall_clock(time: HybridTime, wall_us: int) -> None:
    assert time.next(wall_us).wall_us == max(time.wall_us, wall_us)


@given(TIMES, TIMES, WALL)
def test_a_merge_is_later_than_both(own: HybridTime, other: HybridTime, wall_us: int) -> None:
    merged = own.merge(other, wall_us)
    assert merged > max(own, other)
    assert merged == other.merge(own, wall_us)


def test_the_counter_starts_again_when_the_wall_clock_moves_on() -> None:
    assert HybridTime(5, 9).next(6) == HybridTime(6, 0)
    assert HybridTime(5, 9).next(5) == HybridTime(5, 10)


@given(st.integers(0, 2**50), st.integers(-(10**6), 10**6))
def test_seconds_since_undoes_plus(start_us: int, milliseconds: int) -> None:
    start = Instant(start_us)
    assert start.plus(milliseconds / 1_000).seconds_since(start) == milliseconds / 1_000
