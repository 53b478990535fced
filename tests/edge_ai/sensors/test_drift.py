"""Drift: slow change against what an hour usually is; days and weeks are none."""

from __future__ import annotations

from math import sin, tau
from random import Random

import pytest

from edge_ai.sensors import Alarm, AlarmKind, Limits
from tests.edge_ai.sensors.play import HOUR_US, play

DAY = 24
DAYS = 80


def drifts(slope: float) -> list[Alarm]:
    """Alarms over hours of days, the second half with `slope` spreads more each day."""
    rng, half = Random(5), DAYS * DAY // 2
    values = [10 * sin(tau * each / DAY) + rng.gauss(0, 1) + slope * max(each - half, 0) / DAY for each in range(DAYS * DAY)]
    return [each for each in play(Limits(), values) if each.kind is AlarmKind.DRIFT]


@pytest.mark.slow
def test_days_alone_are_no_drift() -> None:
    assert drifts(0.0) == []


@pytest.mark.slow
def test_a_slow_drift_is_found_with_its_direction() -> None:
    first = drifts(0.2)[0]
    assert first.active
    assert first.time_us > DAYS * DAY // 2 * HOUR_US
    assert first.facts["shift"] > 0
