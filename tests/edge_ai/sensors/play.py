"""One series through a bank, a reading an hour: what the tests of the rules share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_ai.sensors import Alarm, AlarmKind, Bank, Limits, Parameters

HOUR_US = 3_600_000_000
FIVE_MINUTES_US = 300_000_000
QUARTER_US = 900_000_000


def read_one(bank: Bank, row: int, time_us: int, value: float) -> list[Alarm]:
    """One reading of one series."""
    return bank.read(np.array([row]), np.array([time_us]), np.array([value], dtype=float))


def play(limits: Limits, values: Sequence[float], *, step_us: int = HOUR_US, parameters: Parameters | None = None) -> list[Alarm]:
    """The alarms of a series of `values`, the first at `step_us`."""
    bank = Bank(parameters)
    row = bank.add(limits)
    return [alarm for index, value in enumerate(values, start=1) for alarm in read_one(bank, row, index * step_us, value)]


def moves(alarms: Sequence[Alarm], *, step_us: int = HOUR_US) -> list[tuple[AlarmKind, bool, int]]:
    """Kind, begin or end, and number of the reading, from 1."""
    return [(alarm.kind, alarm.active, alarm.time_us // step_us) for alarm in alarms]
