"""The demo's sensors: a park of simulated devices against the grid's door, by MQTT with a password, at a gentle rate.

Sound air stations and traffic detectors, and beside them traffic detectors that lie, break off, fall asleep and send twice, so that there
are refusals and alarms to look at. Five minutes of a day's rhythm pass in each second. All send for BURST_S seconds and rest for a while,
so that the counters of all nodes can be seen to meet; the faulty ones, which keep no time, leave the counted resource alone. Nothing here
is measured data. Called by simulations/demo/run.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from node.clock import Clock
from simulations.demo.city import GRID, SEED
from simulations.demo.folders import FEED_USER
from simulations.demo.ports import LOOPBACK
from simulations.devices.device import Habits
from simulations.devices.faults import Fault
from simulations.devices.park import Park, ParkOptions
from simulations.devices.script import Cadence, Measures
from simulations.devices.sensors import AIR_QUALITY, TRAFFIC_FLOW, Quantity

AIR_RESOURCE, TRAFFIC_RESOURCE = "air-quality", "traffic-flow"
BURST_S = 8.0
"""Sending, every quantity of a device once a second."""
REST_S = 12.0
"""Then rest: bulk records may wait two seconds at each of four hops before they travel on."""
DAYS_PACE = 300.0
RAMP_S = 0.2
"""The devices of a group begin within this time, or their rests would not meet."""
KEEP_ALIVE_S = 20.0
"""A detector that falls asleep is missing for two and a half of it."""
RECONNECT_S = 2.0
RUN_S = 100 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Group:
    """Devices of one kind."""

    prefix: str
    resource: str
    count: int
    quantities: Sequence[Quantity]
    faults: frozenset[Fault] = frozenset()


GROUPS = (
    Group("air", AIR_RESOURCE, 3, AIR_QUALITY),
    Group("loop", TRAFFIC_RESOURCE, 2, TRAFFIC_FLOW),
    Group("loop-lying", TRAFFIC_RESOURCE, 1, TRAFFIC_FLOW, frozenset({Fault.LIE})),
    Group("loop-flapping", TRAFFIC_RESOURCE, 1, TRAFFIC_FLOW, frozenset({Fault.FLAP})),
    Group("loop-sleeping", TRAFFIC_RESOURCE, 1, TRAFFIC_FLOW, frozenset({Fault.SILENCE})),
    Group("loop-doubling", TRAFFIC_RESOURCE, 1, TRAFFIC_FLOW, frozenset({Fault.DUPLICATE})),
)


async def keep_feeding(door_port: int, password: str, clock: Clock) -> None:
    """Send until cancelled; devices that lose the door come back to it."""
    await asyncio.gather(*(Park(options, clock).run() for options in parks(door_port, password)))


def parks(door_port: int, password: str) -> list[ParkOptions]:
    """A park for each group."""
    return [
        ParkOptions(
            count=group.count, seed=SEED, every_s=1.0 / len(group.quantities), seconds=RUN_S, faults=group.faults, share=1.0,
            keep_alive_s=KEEP_ALIVE_S, ramp_s=RAMP_S, prefix=group.prefix, territory=GRID.territory, has_both_versions=True,
            cadence=Cadence(BURST_S, REST_S), measures=Measures(group.quantities, DAYS_PACE, has_ids=False),
            habits=Habits(LOOPBACK, door_port, group.resource, user=FEED_USER, password=password, reconnect_s=RECONNECT_S),
        )
        for group in GROUPS
    ]  # fmt: skip
