"""Groups: sensors that part ways are found though each alone is usual, and the alarm says which one."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest

from edge_ai.sensors import Alarm, AlarmKind, Bank, Limits

MINUTE_US = 60_000_000


def together(count: int, *, broken_from: int | None = None) -> list[Alarm]:
    """Three pumps that follow one load; from `broken_from` on the third follows its mirror image."""
    bank, rng = Bank(), Random(11)
    rows = [bank.add(Limits()) for _ in range(3)]
    bank.join(rows)
    alarms = list[Alarm]()
    for number in range(1, count):
        load = rng.gauss(0, 1)
        third = -load if broken_from is not None and number >= broken_from else load
        values = [each + rng.gauss(0, 0.1) for each in (load, load, third)]
        alarms += bank.read(np.array(rows), np.full(3, number * MINUTE_US), np.array(values))
    return alarms


@pytest.mark.slow
def test_sensors_that_part_ways_are_an_alarm_that_names_the_one() -> None:
    alarms = together(420, broken_from=360)
    assert {alarm.kind for alarm in alarms} == {AlarmKind.GROUP}
    first = alarms[0]
    assert 360 * MINUTE_US <= first.time_us < 390 * MINUTE_US
    shares = [first.facts[f"share_{member}"] for member in range(3)]
    assert sum(shares) == pytest.approx(1)
    assert max(shares) == shares[2]


@pytest.mark.slow
def test_sensors_that_stay_together_raise_none() -> None:
    assert together(420) == []


@pytest.mark.slow
def test_a_group_waits_for_all_its_members() -> None:
    bank = Bank()
    rows = [bank.add(Limits()) for _ in range(2)]
    bank.join(rows)
    for number in range(1, 700):
        assert bank.read(np.array(rows[:1]), np.array([number * MINUTE_US]), np.array([1.0])) == []


@pytest.mark.slow
def test_what_a_group_has_learnt_survives_a_restart() -> None:
    rng, banks = Random(7), [Bank(), Bank()]
    for bank in banks:
        bank.join([bank.add(Limits()) for _ in range(2)])
    rows = np.arange(2)

    def read(bank: Bank, number: int, values: list[float]) -> list[Alarm]:
        return bank.read(rows, np.full(2, number * MINUTE_US), np.array(values))

    for number in range(1, 320):
        load = rng.gauss(0, 1)
        read(banks[0], number, [load, load + rng.gauss(0, 0.1)])
    for row in range(2):
        banks[1].restore(row, json.loads(json.dumps(banks[0].state(row))))
    banks[1].restore_group(0, json.loads(json.dumps(banks[0].group_state(0))))
    apart = [[3.0, -3.0], [-2.0, 2.0]] * 20
    found, again = ([alarm for number, values in enumerate(apart, 320) for alarm in read(bank, number, values)] for bank in banks)
    assert AlarmKind.GROUP in {alarm.kind for alarm in found}
    assert again == found
    assert banks[1].group_state(0) == banks[0].group_state(0)


@pytest.mark.parametrize("state", [{}, {"version": 2}, {"version": 1}, {"version": 1, "group": {"moments": [[1.0]]}}])
def test_what_is_no_state_of_a_group_is_refused(state: dict[str, object]) -> None:
    bank = Bank()
    number = bank.join([bank.add(Limits()) for _ in range(2)])
    with pytest.raises(ValueError, match="state of"):
        bank.restore_group(number, state)


@pytest.mark.parametrize("members", [[0], [0, 0], list(range(65))])
def test_what_cannot_be_a_group_is_refused(members: list[int]) -> None:
    bank = Bank()
    for _ in range(65):
        bank.add(Limits())
    with pytest.raises(ValueError, match=r"one group at most|can be judged together"):
        bank.join(members)


def test_a_series_has_one_group() -> None:
    bank = Bank()
    rows = [bank.add(Limits()) for _ in range(3)]
    bank.join(rows[:2])
    with pytest.raises(ValueError, match="one group at most"):
        bank.join(rows[1:])
