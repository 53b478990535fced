"""Fixed limits on short series, and on a real machine's temperature."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

from edge_ai.sensors import AlarmKind, Bank, Limits
from tests.edge_ai.replay import DATA, needs_data
from tests.edge_ai.sensors.play import HOUR_US, moves, play, read_one


def test_range_alarm_ends_only_well_inside_the_range() -> None:
    alarms = play(Limits(high=10, hysteresis=2), [9, 11, 9.5, 10.5, 9, 8, 9.9])
    assert moves(alarms) == [(AlarmKind.RANGE, True, 2), (AlarmKind.RANGE, False, 6)]
    assert (alarms[0].value, alarms[0].facts["high"]) == (11, 10)


def test_jump_over_the_limit_is_a_rate_alarm_with_both_values() -> None:
    alarms = play(Limits(rate_per_hour_max=5), [1, 2, 20, 17, 16])
    assert moves(alarms) == [(AlarmKind.RATE, True, 3), (AlarmKind.RATE, False, 5)]
    assert alarms[0].facts == {"before": 2, "per_hour": 18, "limit": 5}


def test_stuck_sensor_is_seen_and_recovers() -> None:
    assert moves(play(Limits(stuck_s=2 * 3600), [1, 2, 2, 2, 2, 3])) == [(AlarmKind.STUCK, True, 4), (AlarmKind.STUCK, False, 6)]


def test_gap_begins_by_time_alone_and_ends_with_a_reading() -> None:
    bank = Bank()
    row = bank.add(Limits(gap_s=60))
    read_one(bank, row, 1_000_000, 5)
    assert bank.tick(50_000_000) == []
    (begun,) = bank.tick(77_000_000)
    assert (begun.kind, begun.active, begun.facts) == (AlarmKind.GAP, True, {"since_us": 61_000_000, "limit_s": 60, "last": 5})
    assert bank.tick(99_000_000) == []
    assert [alarm.active for alarm in read_one(bank, row, 100_000_000, 5)] == [False]


def test_a_series_that_was_never_read_has_no_gap() -> None:
    bank = Bank()
    bank.add(Limits(gap_s=60))
    assert bank.tick(1 << 60) == []


@needs_data
def test_failing_machine_is_cold_before_it_stops() -> None:
    path = DATA / "sensors" / "nab" / "realKnownCause" / "ambient_temperature_system_failure.csv"
    bank = Bank()
    row = bank.add(Limits(low=60, high=85, hysteresis=2))
    with path.open(newline="") as file:
        lines = [(datetime.fromisoformat(each["timestamp"]).replace(tzinfo=UTC), float(each["value"])) for each in csv.DictReader(file)]
    alarms = [alarm for time, value in lines[-1_500:] for alarm in read_one(bank, row, round(time.timestamp() * 1e6), value)]
    cold = [alarm for alarm in alarms if alarm.active and alarm.kind is AlarmKind.RANGE]
    assert cold
    assert all(alarm.value < 60 or alarm.value > 85 for alarm in cold)
    assert cold[-1].time_us - cold[0].time_us > HOUR_US
