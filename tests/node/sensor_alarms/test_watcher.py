"""Series by name: bounds on their number, states that come back, groups that begin when all members are there."""

from __future__ import annotations

from random import Random

import pytest

from edge_ai.sensors import AlarmKind
from node.config.model import SensorGroupEntry
from node.sensor_alarms import watcher as watcher_module
from node.sensor_alarms.alarm import RaisedAlarm, SeriesKey
from node.sensor_alarms.bounds import Group, LimitTable
from node.sensor_alarms.watcher import FORGOTTEN_US, GROUP, Watcher, silent_for_long
from policies.catalogue import Scalar
from tests.node.identity.family import NOW_US
from tests.node.sensor_alarms.site import LIMIT
from tests.policies.city import city, rows_of

AIR = city().resources["air-quality"]
MINUTE_US = 60_000_000


def read(watcher: Watcher, values: dict[str, float], *, at_us: int = NOW_US) -> list[RaisedAlarm]:
    rows: list[dict[str, Scalar]] = [
        {"device": device, "quantity": "CO", "value": value, "event_time": at_us} for device, value in values.items()
    ]
    return watcher.read("air-quality", rows_of(AIR, rows), at_us)


def test_more_series_than_there_is_room_for_are_counted_and_the_known_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher_module, "SERIES_MAX", 2)
    watcher = Watcher(LimitTable([LIMIT]), [], {})
    read(watcher, {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0})
    assert (len(watcher), watcher.left_out["too_many_series"]) == (2, 2)
    assert [alarm.key.device for alarm in read(watcher, {"a": 500.0, "c": 500.0}, at_us=NOW_US + 1)] == ["a"]


def test_states_come_back_and_only_changed_ones_are_given_out() -> None:
    watcher = Watcher(LimitTable([LIMIT]), [], {})
    read(watcher, {"a": 500.0, "b": 1.0})
    states = watcher.changed()
    assert set(states) == {SeriesKey("air-quality", "a", "CO"), SeriesKey("air-quality", "b", "CO")}
    assert watcher.changed() == {}
    again = Watcher(LimitTable([LIMIT]), [], states)
    assert [(alarm.kind, alarm.active) for alarm in read(again, {"a": 1.0, "b": 2.0}, at_us=NOW_US + 1)] == [(AlarmKind.RANGE, False)]


def test_a_state_that_cannot_be_read_makes_a_new_series() -> None:
    watcher = Watcher(LimitTable([LIMIT]), [], {SeriesKey("air-quality", "a", "CO"): {"version": 99}})
    assert [alarm.kind for alarm in read(watcher, {"a": 500.0})] == [AlarmKind.RANGE]
    assert watcher.left_out["state_refused"] == 1


def test_a_series_that_was_silent_for_long_is_named() -> None:
    watcher = Watcher(LimitTable([]), [], {})
    read(watcher, {"old": 1.0})
    read(watcher, {"new": 1.0}, at_us=NOW_US + FORGOTTEN_US)
    states = watcher.changed() | {SeriesKey("air-quality", "odd", "CO"): {"own": 7}}
    gone = silent_for_long(states, now_us=NOW_US + FORGOTTEN_US + 1)
    assert [key.device for key in gone] == ["old", "odd"]


@pytest.mark.slow
def test_a_group_begins_with_its_last_member_and_names_who_left_it() -> None:
    entry = SensorGroupEntry(resource="air-quality", name="pumps", members=["a/CO", "b/CO", "c/CO"])
    watcher, rng = Watcher(LimitTable([]), [Group.of(entry)], {}), Random(11)
    read(watcher, {"a": 0.0}, at_us=NOW_US)
    raised: list[RaisedAlarm] = []
    for number in range(1, 400):
        load = rng.gauss(0, 1)
        third = -load if number >= 350 else load
        values = {name: each + rng.gauss(0, 0.1) for name, each in (("a", load), ("b", load), ("c", third))}
        raised += read(watcher, values, at_us=NOW_US + number * MINUTE_US)
    first = next(alarm for alarm in raised if alarm.kind is AlarmKind.GROUP)
    assert (first.key, first.active, first.severity) == (SeriesKey("air-quality", "pumps", ""), True, 0)
    shares = first.facts["shares"]
    assert isinstance(shares, dict)
    assert next(iter(shares)) == "c/CO"
    states = watcher.changed()
    assert GROUP in states[entry_key(entry)]
    again = Watcher(LimitTable([]), [Group.of(entry)], states)
    assert again.changed().keys() == {entry_key(entry)}
    assert again.changed()[entry_key(entry)] == states[entry_key(entry)]
    assert Watcher(LimitTable([]), [Group.of(entry)], {**states, entry_key(entry): {GROUP: 7}}).left_out["state_refused"] == 1


def entry_key(entry: SensorGroupEntry) -> SeriesKey:
    return SeriesKey(entry.resource, entry.name, "")
