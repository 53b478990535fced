"""Groups: sensors that part ways are found though each alone is usual, and the alarm says which one."""

from __future__ import annotations

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
