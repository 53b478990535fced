"""Alarms as records: their names, rows and incidents, and which resource takes them."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf

from edge_ai.sensors import AlarmKind
from node.sensor_alarms.alarm import FIELDS, RaisedAlarm, SeriesKey, alarm_resource, named_facts
from policies import schema
from tests.policies.city import city

KEY = SeriesKey("air-quality", "air-1", "PM2.5")
ALARM = RaisedAlarm(KEY, AlarmKind.RANGE, True, 5_000_000, 700.0, {"high": 500.0, "low": None}, "370202001", 1, 3)
RESOURCES = city().resources


def test_the_same_alarm_has_the_same_name_and_every_other_one_another() -> None:
    others = [
        replace(ALARM, active=False),
        replace(ALARM, time_us=5_000_001),
        replace(ALARM, kind=AlarmKind.RATE),
        replace(ALARM, key=replace(KEY, device="air-2")),
    ]
    assert replace(ALARM, value=701.0, territory="37").id == ALARM.id
    assert len({ALARM.id, *(other.id for other in others)}) == 5


def test_a_row_fits_the_preset_resource_at_the_higher_of_both_grades() -> None:
    resource = RESOURCES["sensor-alarms"]
    assert tuple(schema(resource).names[3:]) == FIELDS
    row = dict(zip(schema(resource).names, replace(ALARM, grade=2).row(resource.grade), strict=True))
    assert (row["grade"], row["source"], row["kind"], row["active"]) == (2, "air-quality", "range", True)
    assert json.loads(str(row["facts"])) == {"high": 500.0, "low": None}
    assert ALARM.row(3)[2] == 3


def test_an_incident_names_the_sensor_only_where_it_may() -> None:
    names = schema(RESOURCES["incidents"]).names
    open_one, closed = (dict(zip(names, ALARM.incident(may_name=may), strict=True)) for may in (True, False))
    assert (open_one["summary"], closed["summary"]) == ("air-1 PM2.5", "")
    assert (open_one["class"], open_one["severity"], open_one["handling_level"], open_one["state"]) == ("sensor-range", 3, "street", "open")
    assert open_one["event_id"] == ALARM.id


def test_alarms_go_to_the_resource_that_is_made_of_the_fewest_others() -> None:
    preset = RESOURCES["sensor-alarms"]
    own = replace(preset, code="air-alarms", lineage=("air-quality",))
    resources = {**RESOURCES, "air-alarms": own}
    assert alarm_resource(resources, "air-quality") is own
    assert alarm_resource(resources, "traffic-flow") is preset
    assert alarm_resource(resources, "residents") is None


def test_facts_are_rounded_bounds_that_are_none_are_none_and_shares_are_named() -> None:
    members = tuple(replace(KEY, device=f"d{number}") for number in range(4))
    facts = {"distance": 12.3456789, "low": -inf, "share_0": 0.1, "share_1": 0.6, "share_2": 0.05, "share_3": 0.25}
    assert named_facts(facts, members) == {
        "distance": 12.3457,
        "low": None,
        "shares": {"d1/PM2.5": 0.6, "d3/PM2.5": 0.25, "d0/PM2.5": 0.1},
    }
