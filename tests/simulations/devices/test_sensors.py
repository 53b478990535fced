"""What simulated sensors measure."""

from __future__ import annotations

from simulations.devices.sensors import TRAFFIC_FLOW, rhythm

HOUR_US = 3_600_000_000
MIDNIGHT_US = 1_735_660_800_000_000
"""2025-01-01T00:00:00+08:00."""


def test_traffic_is_denser_and_slower_at_rush_hour_than_at_night() -> None:
    vehicles, speed = TRAFFIC_FLOW
    morning_us, night_us = MIDNIGHT_US + 8 * HOUR_US, MIDNIGHT_US + 3 * HOUR_US
    assert rhythm(vehicles, morning_us) > rhythm(vehicles, night_us) * 1.3
    assert rhythm(speed, morning_us) < rhythm(speed, night_us) * 0.9


def test_a_day_is_like_the_next() -> None:
    vehicles, _ = TRAFFIC_FLOW
    assert rhythm(vehicles, MIDNIGHT_US) == rhythm(vehicles, MIDNIGHT_US + 24 * HOUR_US)
