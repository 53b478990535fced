"""Sensor rules on short series, and on a real machine's temperature."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

from edge_ai.sensors import Alarm, AlarmKind, SensorWatch, WatchLimits
from tests.edge_ai.replay import DATA, needs_data

HOUR_US = 3_600_000_000


def play(limits: WatchLimits, values: list[float], *, step_us: int = HOUR_US) -> list[Alarm]:
    watch = SensorWatch(limits)
    return [alarm for index, value in enumerate(values, start=1) for alarm in watch.read(index * step_us, value)]


def moves(alarms: list[Alarm]) -> list[tuple[AlarmKind, bool, int]]:
    return [(alarm.kind, alarm.active, alarm.time_us // HOUR_US) for alarm in alarms]


def test_range_alarm_ends_only_well_inside_the_range() -> None:
    alarms = play(WatchLimits(high=10, hysteresis=2), [9, 11, 9.5, 10.5, 9, 8, 9.9])
    assert moves(alarms) == [(AlarmKind.RANGE, True, 2), (AlarmKind.RANGE, False, 6)]
    assert alarms[0].why == "11 is above 10"


def test_jump_is_a_rate_alarm_with_both_values() -> None:
    alarms = play(WatchLimits(rate_per_hour_max=5), [1, 2, 20, 17, 16])
    assert moves(alarms) == [(AlarmKind.RATE, True, 3), (AlarmKind.RATE, False, 5)]
    assert alarms[0].why == "2 to 20 is +18 per hour, limit 5"


def test_stuck_sensor_is_seen_and_recovers() -> None:
    assert moves(play(WatchLimits(stuck_s=2 * 3600), [1, 2, 2, 2, 2, 3])) == [(AlarmKind.STUCK, True, 4), (AlarmKind.STUCK, False, 6)]


def test_gap_begins_by_time_alone_and_ends_with_a_reading() -> None:
    watch = SensorWatch(WatchLimits(gap_s=60))
    watch.read(1_000_000, 5)
    assert watch.tick(50_000_000) == []
    assert [alarm.kind for alarm in watch.tick(61_000_000)] == [AlarmKind.GAP]
    assert watch.tick(99_000_000) == []
    assert [alarm.active for alarm in watch.read(100_000_000, 5)] == [False]


def test_reading_from_the_past_is_ignored_and_counted() -> None:
    watch = SensorWatch(WatchLimits(high=10))
    watch.read(HOUR_US, 5)
    assert watch.read(HOUR_US, 50) == []
    assert (watch.ignored, watch.active) == (1, frozenset())


@needs_data
def test_failing_machine_is_cold_before_it_stops() -> None:
    path = DATA / "sensors" / "nab" / "realKnownCause" / "ambient_temperature_system_failure.csv"
    watch, alarms = SensorWatch(WatchLimits(low=60, high=85, hysteresis=2)), list[Alarm]()
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
            alarms += watch.read(round(at.timestamp() * 1e6), float(row["value"]))
    begun = [alarm for alarm in alarms if alarm.active]
    assert 1 <= len(begun) <= 40
    assert any("is below 60" in alarm.why for alarm in begun)
