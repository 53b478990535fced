"""What a series usually is: learnt, by the hour where that helps, and left only by what is further out than ever before."""

from __future__ import annotations

from math import sin, tau
from random import Random

import pytest

from edge_ai.sensors import AlarmKind, Limits
from tests.edge_ai.sensors.play import QUARTER_US, moves, play

DAY = 96
"""Readings."""


def noise(count: int, *, seed: int = 1, mean: float = 20.0) -> list[float]:
    rng = Random(seed)
    return [rng.gauss(mean, 1.0) for _ in range(count)]


@pytest.mark.slow
def test_a_level_that_shifts_by_four_spreads_is_an_alarm_with_what_was_expected() -> None:
    values = noise(4 * DAY) + noise(DAY // 4, seed=2, mean=24.0)
    (alarm,) = [each for each in play(Limits(), values, step_us=QUARTER_US) if each.active and each.kind is AlarmKind.LEVEL]
    assert 4 * DAY < alarm.time_us // QUARTER_US < 4 * DAY + 12
    assert 19.5 < alarm.facts["expected"] < 20.5
    assert alarm.facts["deviation"] >= 3.5


@pytest.mark.slow
def test_one_spike_is_a_jump_and_the_way_back_is_none() -> None:
    values = [*noise(4 * DAY), 40.0, *noise(20, seed=3)]
    begun = [each for each in play(Limits(), values, step_us=QUARTER_US) if each.active]
    assert moves(begun, step_us=QUARTER_US) == [(AlarmKind.JUMP, True, 4 * DAY + 1)]
    assert begun[0].facts["before"] == values[4 * DAY - 1]


def test_nothing_is_unusual_while_a_series_is_learnt() -> None:
    assert not play(Limits(), [*noise(100), 1_000.0, *noise(100)], step_us=QUARTER_US)


@pytest.mark.slow
def test_a_series_that_spikes_every_day_raises_its_own_bar() -> None:
    values = [value + (30.0 if index % 48 == 30 else 0.0) for index, value in enumerate(noise(10 * DAY))]
    late = [each for each in play(Limits(), values, step_us=QUARTER_US) if each.active and each.time_us > 4 * DAY * QUARTER_US]
    assert late == []


@pytest.mark.slow
def test_an_evening_value_at_noon_is_unusual_once_the_hours_are_known() -> None:
    day = [20 + 10 * sin(tau * index / DAY) + each for index, each in enumerate(noise(12 * DAY, mean=0.0))]
    night = day[-DAY // 4 :][:24]
    values = [*day[: -DAY + DAY // 4], *night]
    alarms = play(Limits(), values, step_us=QUARTER_US)
    assert [each.kind for each in alarms if each.time_us > (len(values) - 24) * QUARTER_US and each.active]
    assert not [each for each in alarms if each.active and each.kind is AlarmKind.LEVEL and each.time_us < (len(values) - 24) * QUARTER_US]
