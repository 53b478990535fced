"""The bank: rounds, floods, hostile readings, and state that survives a restart as JSON."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest

from edge_ai.sensors import Alarm, AlarmKind, Bank, Limits
from tests.edge_ai.sensors.play import FIVE_MINUTES_US, read_one


def walk(bank: Bank, row: int, count: int, *, start: int = 0, seed: int = 1) -> list[Alarm]:
    rng, alarms = Random(seed), list[Alarm]()
    for number in range(start + 1, start + count + 1):
        alarms += read_one(bank, row, number * FIVE_MINUTES_US, rng.gauss(5, 1))
    return alarms


def test_many_readings_of_many_series_in_one_call_are_judged_as_one_by_one() -> None:
    rng, limits = Random(4), Limits(high=1.5, rate_per_hour_max=20, stuck_s=600)
    readings = [(row, number * FIVE_MINUTES_US, rng.gauss(0, 1)) for number in range(1, 50) for row in range(3)]
    one, all_at_once = Bank(), Bank()
    for bank in (one, all_at_once):
        for _ in range(3):
            bank.add(limits)
    apart = [alarm for row, time_us, value in readings for alarm in read_one(one, row, time_us, value)]
    rng.shuffle(readings)
    rows, times_us, values = (np.array(each) for each in zip(*readings, strict=True))
    together = all_at_once.read(rows, times_us, values)
    assert apart
    assert sorted(map(repr, together)) == sorted(map(repr, apart))


def test_a_flood_of_one_series_is_judged_at_its_newest_and_counted() -> None:
    bank = Bank()
    row = bank.add(Limits(high=10))
    count = 1_000
    alarms = bank.read(np.full(count, row), np.arange(1, count + 1), np.where(np.arange(count) < count - 1, 0.0, 99.0))
    assert [each.time_us for each in alarms if each.kind is AlarmKind.RANGE] == [count]
    assert bank.ignored["flood"] == count - 512


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e101])
def test_what_is_no_number_is_counted_and_teaches_nothing(value: float) -> None:
    bank = Bank()
    row = bank.add(Limits(high=10))
    before = json.dumps(bank.state(row))
    assert read_one(bank, row, 1, value) == []
    assert (bank.ignored["not_a_number"], json.dumps(bank.state(row))) == (1, before)


def test_a_reading_from_the_past_is_counted_and_not_judged() -> None:
    bank = Bank()
    row = bank.add(Limits(high=10))
    read_one(bank, row, 1_000, 5)
    assert read_one(bank, row, 1_000, 50) == []
    assert (bank.ignored["not_newer"], bank.active(row)) == (1, frozenset())


def test_the_largest_value_that_is_taken_stops_nothing() -> None:
    bank = Bank()
    row = bank.add(Limits())
    walk(bank, row, 400)
    read_one(bank, row, 401 * FIVE_MINUTES_US, -1e100)
    walk(bank, row, 100, start=401)
    assert all(np.isfinite(each) for each in bank.state(row)["baseline"]["averages"].values())
    assert not bank.ignored["not_a_number"]


@pytest.mark.slow
def test_after_a_restart_a_series_goes_on_as_if_nothing_had_been() -> None:
    limits = Limits(low=2, hysteresis=1)
    bank, again = Bank(), Bank()
    row = bank.add(limits)
    walk(bank, row, 700)
    read_one(bank, row, 701 * FIVE_MINUTES_US, 0.0)
    again.restore(again.add(limits), json.loads(json.dumps(bank.state(row))))
    assert again.active(0) == bank.active(row) >= {AlarmKind.RANGE}
    assert walk(again, 0, 300, start=701, seed=2) == walk(bank, row, 300, start=701, seed=2)
    assert again.state(0) == bank.state(row)


def test_a_limit_that_was_changed_holds_after_the_restart() -> None:
    bank, again = Bank(), Bank()
    read_one(bank, bank.add(Limits(high=10)), 1, 5)
    again.restore(again.add(Limits(high=4)), bank.state(0))
    assert [alarm.kind for alarm in read_one(again, 0, 2, 5)] == [AlarmKind.RANGE]


@pytest.mark.parametrize("state", [{}, {"version": 2}, {"version": 1}, {"version": 1, "own": {"last_us": "x"}}])
def test_what_is_no_state_is_refused(state: dict[str, object]) -> None:
    bank = Bank()
    with pytest.raises(ValueError, match="state of"):
        bank.restore(bank.add(Limits()), state)
