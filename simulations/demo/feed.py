"""The demo's sensors: generated series of air stations and traffic detectors, sent by MQTT with a password at a gentle rate.

A step of the series (five minutes of it) goes out every second with the time of now. After BURST_STEPS steps the sensors rest for a
while, so that the counters of all nodes can be seen to meet. Nothing here is measured data. Called by simulations/demo/run.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from random import Random

from node.clock import Clock
from node.ingest.errors import IngestError
from node.ingest.feed import FeedOptions
from simulations.demo.city import GRID, SEED
from simulations.demo.errors import DemoError
from simulations.demo.folders import FEED_USER
from simulations.demo.ports import LOOPBACK
from simulations.devices.sensors import AIR_QUALITY, SERIES_START_US, STEP_S, TRAFFIC_FLOW, DemoRow, Quantity, SimulatedSensors, demo_series

AIR_RESOURCE, TRAFFIC_RESOURCE = "air-quality", "traffic-flow"
AIR_DEVICES, TRAFFIC_DEVICES = 3, 2
BURST_STEPS = 8
"""Steps in a row, a second apart."""
REST_S = 12
"""Seconds of rest after them: bulk records may wait two seconds at each of four hops before they travel on."""
HOURS = 24.0 * 365 * 100
"""Length of the series; it is generated as it is sent."""
_SECOND_US = 1_000_000


async def keep_feeding(door_port: int, password: str, clock: Clock, rng: Random) -> None:
    """Feed both resources until cancelled; raises DemoError when the door stays unreachable."""
    kinds: Sequence[tuple[str, int, Sequence[Quantity], str]] = (
        (AIR_RESOURCE, AIR_DEVICES, AIR_QUALITY, "air"),
        (TRAFFIC_RESOURCE, TRAFFIC_DEVICES, TRAFFIC_FLOW, "loop"),
    )
    feeds = []
    for resource, devices, quantities, prefix in kinds:
        options = FeedOptions(LOOPBACK, door_port, resource, speed=1.0, territory=GRID.territory, username=FEED_USER, password=password)
        feeds.append(SimulatedSensors(_rows(devices, quantities, prefix), options, clock, rng))
    try:
        await asyncio.gather(*(feed.run() for feed in feeds))
    except IngestError as error:
        raise DemoError(f"the sensors cannot go on: {error}") from error


def _rows(devices: int, quantities: Sequence[Quantity], prefix: str) -> Callable[[int], Iterator[DemoRow]]:
    def begin_at(began_us: int) -> Iterator[DemoRow]:
        for row in demo_series(SEED, devices, HOURS, quantities=quantities, prefix=prefix):
            step = (row.time_us - SERIES_START_US) // (STEP_S * _SECOND_US)
            yield row._replace(time_us=began_us + sending_second(step) * _SECOND_US)

    return begin_at


def sending_second(step: int) -> int:
    """Seconds after the beginning at which a step of the series is sent."""
    bursts, within = divmod(step, BURST_STEPS)
    return bursts * (BURST_STEPS + REST_S) + within
