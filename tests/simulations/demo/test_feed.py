"""The pace of the demo's sensors, and what a door makes of them."""

from __future__ import annotations

import asyncio
import json
from itertools import islice

import pytest

from node.clock import SystemClock
from simulations.demo.feed import AIR_RESOURCE, BURST_S, GROUPS, REST_S, keep_feeding, parks
from simulations.devices.park import plans_of
from simulations.devices.script import script
from sync.core.lanes import LINGER_S
from sync.model import Lane
from tests.node.ingest.parts import ListSink, running_door


def test_every_quantity_goes_out_each_second_of_a_burst_and_a_rest_follows() -> None:
    (plan, *_) = plans_of(parks(1883, "")[0], begins_us=0)
    moments = [step.at_s for step in islice(script(plan), 100)]
    assert all(at_s % (BURST_S + REST_S) < BURST_S for at_s in moments)
    assert 20 <= sum(at_s < BURST_S for at_s in moments) <= 28


def test_the_rest_is_longer_than_bulk_records_need_to_the_province() -> None:
    hops = 4
    assert hops * LINGER_S[Lane.BULK] < REST_S


def test_a_device_with_faults_stays_out_of_the_resource_whose_counters_meet() -> None:
    assert {group.resource for group in GROUPS if group.faults} == {"traffic-flow"}
    assert [group.prefix for group in GROUPS if group.resource == AIR_RESOURCE] == ["air"]


@pytest.mark.slow
async def test_every_group_reaches_a_door() -> None:
    sink, wanted = ListSink(), {f"{group.prefix}-00000" for group in GROUPS}
    async with running_door(sink) as (_, port):
        feeding = asyncio.ensure_future(keep_feeding(port, "", SystemClock()))
        async with asyncio.timeout(10):
            while not wanted <= {message.topic.rpartition("/")[2] for message in sink.messages}:
                sink.arrived.clear()
                await sink.arrived.wait()
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    first = next(json.loads(message.payload) for message in sink.messages if message.topic.endswith("/air-00000"))
    assert first["device"] == "air-00000"
    assert "text" not in first
