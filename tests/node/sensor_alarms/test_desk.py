"""The watch of a running node: alarms are records and incidents, once each, over restarts and a full journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from node.ingest.sink import Row
from node.sensor_alarms import desk as desk_module
from node.sensor_alarms.desk import FAULT, TROUBLE
from policies.catalogue import Resource
from tests.node.sensor_alarms.site import LIMIT, SECOND_US, Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_an_alarm_begins_and_ends_as_records_and_opens_one_incident(site: Site) -> None:
    site.measure(50.0, 120.0, 130.0)
    await site.desk.look()
    assert site.alarms() == [("range", True, 120.0)]
    (row,) = site.rows("sensor-alarms")
    assert (row["device"], row["quantity"], row["grade"], json.loads(row["facts"])["high"]) == ("air-1", "CO", 1, 100.0)
    (incident,) = site.rows("incidents")
    assert (incident["event_id"], incident["class"], incident["summary"]) == (row["alarm_id"], "sensor-range", "air-1 CO")
    (held,) = site.desk.listed()["holding"]
    assert (held["id"], held["kind"], held["severity"]) == (row["alarm_id"], "range", 3)
    assert site.desk.troubles() == [TROUBLE]
    site.measure(95.0, 80.0)
    await site.desk.look()
    assert site.alarms()[1:] == [("range", False, 80.0)]
    assert len(site.rows("incidents")) == 1
    assert (site.desk.listed()["holding"], site.desk.troubles()) == ([], [])


async def test_a_gap_is_noticed_by_time_and_carries_the_moment_it_began(site: Site) -> None:
    site.measure(50.0)
    began_us = site.clock.us - SECOND_US + 60 * SECOND_US
    await site.desk.look()
    site.clock.us += 300 * SECOND_US
    await site.desk.look()
    assert site.alarms() == [("gap", True, 50.0)]
    assert site.desk.listed()["holding"][0]["time_us"] == began_us


async def test_after_a_clean_stop_nothing_is_judged_twice_and_what_holds_is_known(site: Site) -> None:
    site.measure(50.0, 120.0)
    await site.desk.look()
    await site.desk.stop()
    site.open()
    await site.desk.look()
    assert site.alarms() == [("range", True, 120.0)]
    assert [alarm["kind"] for alarm in site.desk.listed()["holding"]] == ["range"]
    site.measure(80.0)
    await site.desk.look()
    assert site.alarms()[1:] == [("range", False, 80.0)]


async def test_a_node_with_too_many_series_to_save_stops_at_once_and_judges_the_rest_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "SAVED_AT_STOP_MAX", 0)
    site.measure(50.0)
    await site.desk.look()
    site.measure(120.0)
    await site.desk.look()
    saved = list[object]()
    monkeypatch.setattr(type(site.desk.store), "save", lambda store, changed: saved.append(changed))
    await site.desk.stop()
    assert saved == []
    monkeypatch.undo()
    site.open()
    await site.desk.look()
    assert site.alarms() == [("range", True, 120.0)]
    assert [alarm["kind"] for alarm in site.desk.listed()["holding"]] == ["range"]


async def test_a_node_stops_after_the_step_it_judges_and_judges_the_rest_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "STEP_BATCHES_MAX", 1)
    for value in (120.0, 80.0, 130.0):
        site.measure(value)
    is_storing, may_store, hand_in = asyncio.Event(), asyncio.Event(), site.desk.hand_in

    async def slowly(resource: Resource, rows: Sequence[Row]) -> None:
        is_storing.set()
        await may_store.wait()
        await hand_in(resource, rows)

    site.desk.hand_in = slowly
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(site.desk.look())
        await is_storing.wait()
        tasks.create_task(site.desk.stop())
        await asyncio.sleep(0)
        may_store.set()
    assert site.alarms() == [("range", True, 120.0)]
    site.open()
    await site.desk.look()
    assert site.alarms() == [("range", True, 120.0), ("range", False, 80.0), ("range", True, 130.0)]


async def test_after_a_crash_the_rest_is_judged_again_and_no_alarm_is_stored_twice(site: Site) -> None:
    site.measure(50.0)
    await site.desk.look()
    site.measure(120.0)
    await site.desk.look()
    site.measure(80.0, 140.0)
    await site.desk.look()
    before = site.alarms()
    site.open()
    await site.desk.look()
    assert site.alarms() == before
    assert len(site.rows("incidents")) == 2
    assert [alarm["value"] for alarm in site.desk.listed()["holding"]] == [140.0]


async def test_a_sensor_that_died_while_the_node_was_down_is_missed(site: Site) -> None:
    site.measure(50.0)
    await site.desk.look()
    await site.desk.stop()
    site.open()
    site.clock.us += 300 * SECOND_US
    await site.desk.look()
    assert site.alarms() == [("gap", True, 50.0)]
    assert site.rows("sensor-alarms")[0]["territory"] == site.rows("air-quality")[0]["territory"]


async def test_while_there_is_no_room_alarms_wait_and_are_stored_later(site: Site) -> None:
    site.has_room = False
    site.measure(50.0, 120.0)
    for _ in range(2):
        with pytest.raises(Exception, match="no room"):
            await site.desk.look()
    assert site.alarms() == []
    site.has_room = True
    site.measure(80.0)
    await site.desk.look()
    assert site.alarms() == [("range", True, 120.0), ("range", False, 80.0)]


async def test_what_children_sent_was_judged_where_it_came_in(site: Site) -> None:
    site.measure(500.0, origin="grid-1")
    await site.desk.look()
    assert (site.alarms(), len(site.desk.watcher)) == ([], 0)


async def test_what_was_there_before_the_watch_began_is_not_judged(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.measure(500.0)
    site.open()
    await site.desk.look()
    assert site.alarms() == []


async def test_a_reading_far_ahead_of_its_commit_is_counted_and_silences_nothing(site: Site) -> None:
    site.measure(50.0, at_us=site.clock.us + 86_400 * SECOND_US)
    site.measure(120.0)
    await site.desk.look()
    assert site.alarms() == [("range", True, 120.0)]


async def test_an_alarm_is_graded_as_its_reading_and_its_incident_then_names_nobody(site: Site) -> None:
    site.measure(120.0, grade=3)
    await site.desk.look()
    assert site.rows("sensor-alarms")[0]["grade"] == 3
    assert site.rows("incidents")[0]["summary"] == ""
    listed = site.desk.listed()
    assert (listed["holding"], listed["hidden"], listed["grave"]) == ([], 1, True)
    site.shown = 3
    assert len(site.desk.listed()["holding"]) == 1


async def test_without_a_resource_of_alarms_nothing_is_judged_and_the_list_says_so(site: Site) -> None:
    del site.resources["sensor-alarms"]
    site.measure(500.0)
    await site.desk.look()
    assert site.desk.listed()["unwatched"] == ["air-quality", "traffic-flow"]


async def test_readings_without_a_value_are_no_readings(site: Site) -> None:
    site.measure(None, 120.0)
    await site.desk.look()
    assert site.alarms() == [("range", True, 120.0)]


async def test_an_alarm_without_a_severity_is_no_trouble_and_no_incident(tmp_path: Path) -> None:
    site = Site(tmp_path, limits=[LIMIT.__class__(resource="air-quality", high=100.0)])
    site.measure(120.0)
    await site.desk.look()
    assert (site.rows("incidents"), site.desk.troubles()) == ([], [])
    assert len(site.alarms()) == 1


async def test_a_fault_is_said_in_the_status(site: Site) -> None:
    site.desk.fault = "watch.db failed"
    assert site.desk.troubles() == [FAULT]
    assert site.desk.listed()["fault"] == "watch.db failed"
    assert replace(site.desk).fault
