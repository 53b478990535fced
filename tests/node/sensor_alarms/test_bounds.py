"""Limits by what says most of a series; groups by their written members."""

from __future__ import annotations

from node.config.model import SensorGroupEntry, SensorLimitEntry
from node.sensor_alarms.alarm import SeriesKey
from node.sensor_alarms.bounds import Group, LimitTable


def test_the_limits_that_say_most_of_a_series_hold() -> None:
    entries = [
        SensorLimitEntry(resource="air", high=1.0),
        SensorLimitEntry(resource="air", device="a", high=2.0),
        SensorLimitEntry(resource="air", quantity="CO", high=3.0, severity=2),
        SensorLimitEntry(resource="air", device="a", quantity="CO", high=4.0),
    ]
    table = LimitTable(entries)
    found = [
        table.of(SeriesKey("air", device, quantity)).limits.high
        for device, quantity in (("b", "O3"), ("a", "O3"), ("b", "CO"), ("a", "CO"))
    ]
    assert found == [1.0, 2.0, 3.0, 4.0]
    assert table.of(SeriesKey("air", "b", "CO")).severity == 2
    assert table.of(SeriesKey("water", "a", "CO")).limits.high is None


def test_members_are_a_device_that_may_have_slashes_and_a_quantity() -> None:
    group = Group.of(SensorGroupEntry(resource="air", name="pumps", members=["site/1/flow", "b/flow"]))
    assert group.members == (SeriesKey("air", "site/1", "flow"), SeriesKey("air", "b", "flow"))
    assert group.key == SeriesKey("air", "pumps", "")
