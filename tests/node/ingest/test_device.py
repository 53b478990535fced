"""What the messages of a device say of it: last values, battery, rate, and the period that is learnt."""

from __future__ import annotations

import pytest

from node.ingest import device as module
from node.ingest.device import GAPS_LEAST, Admission, Card, Device, Pace
from node.ingest.sink import Reading
from tests.node.ingest.parts import NOW_US

SECOND_US = 1_000_000


def take(device: Device, quantity: str, value: float, *, unit: str | None = None, battery: str = "", at_us: int = NOW_US) -> None:
    """A reading came."""
    reading = Reading(at_us, "37", 1, device.name, quantity, value, None, unit)
    device.take(reading, resource="air-quality", battery=battery, is_new_message=True, now_us=at_us)


@pytest.fixture
def device() -> Device:
    """A device that was met."""
    return Device("d", Card("37"), "mqtt", Admission.ADMITTED, NOW_US, NOW_US)


def test_last_values_are_bounded(device: Device) -> None:
    for number in range(100):
        take(device, f"q{number}", float(number))
    take(device, "q0", 9.0)
    assert (len(device.values), device.values["q0"][0].value) == (module.QUANTITIES_MAX, 9.0)


def test_a_reading_that_is_no_newer_than_the_last_of_its_quantity_is_told(device: Device) -> None:
    told = [
        device.take(Reading(at_us, "37", 1, "d", quantity, 1.0, None, None), resource="r", battery="", is_new_message=True, now_us=at_us)
        for quantity, at_us in (("a", 5), ("b", 3), ("a", 6), ("a", 6), ("a", 4), ("b", 4))
    ]
    assert told == [False, False, False, True, True, False]


@pytest.mark.parametrize(
    ("quantity", "unit", "named", "value", "battery"),
    [
        ("battery", None, "", 80.0, 80.0),
        ("status.BatteryLevel", None, "", 42.0, 42.0),
        ("energy", "%EL", "", 12.0, 12.0),
        ("battery", "/", "", 0.5, 50.0),
        ("battery", None, "", 250.0, 100.0),
        ("vcell", None, "vcell", 33.0, 33.0),
        ("battery", None, "vcell", 33.0, None),
        ("pm25", None, "", 33.0, None),
    ],
)
def test_the_battery_is_known_by_the_profile_or_by_its_name(
    device: Device, quantity: str, unit: str | None, named: str, value: float, battery: float | None
) -> None:
    take(device, quantity, value, unit=unit, battery=named)
    assert device.battery == battery


def test_the_period_is_learnt_from_the_gaps() -> None:
    pace = Pace()
    for _ in range(GAPS_LEAST - 1):
        pace.learn(60e6)
    assert pace.period_us == 0
    for _ in range(20):
        pace.learn(60e6)
    assert 60e6 <= pace.period_us < 61e6


def test_one_outage_does_not_make_a_device_slow() -> None:
    pace = Pace()
    for _ in range(40):
        pace.learn(60e6)
    pace.learn(86_400e6)
    assert pace.period_us < 400e6


def test_the_card_says_more_than_the_profile_and_the_profile_more_than_habit(device: Device) -> None:
    device.pace = Pace(10e6, 0.0, GAPS_LEAST)
    assert device.period_us(0) == 10e6
    assert device.period_us(30) == 30e6
    device.card = Card("37", period_s=60)
    assert device.period_us(30) == 60e6


def test_a_gap_is_as_long_as_nothing_came_and_the_first_is_none(device: Device) -> None:
    for round_ in range(3):
        for _ in range(12):
            device.pass_time(5.0)
        take(device, "q", 1.0, at_us=NOW_US + round_)
    device.pass_time(5.0)
    assert (device.pace.gaps, device.pace.gap_us) == (2, 60e6)


def test_the_rate_is_smoothed_and_dies_away(device: Device) -> None:
    for second in range(900):
        take(device, "q", 1.0, at_us=NOW_US + second * SECOND_US)
        device.pass_time(1.0)
    assert device.rate == pytest.approx(60.0, rel=0.1)
    for _ in range(100):
        device.pass_time(60.0)
    assert device.rate == 0.0
