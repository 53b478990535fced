"""Devices put together from the parts of a node. Called by node/wiring.py."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from node.assembly import Parts
from node.cases.desk import CaseDesk
from node.devices.commands import CommandDesk
from node.devices.desk import DeviceDesk
from node.devices.keeper import keeper_of
from node.ingest.plane import DevicePlane
from node.requests.arbiters import Parties
from node.sensor_alarms.alarm import SeriesKey
from node.sensor_alarms.desk import SensorDesk


@dataclass(frozen=True, slots=True)
class DeviceDesks:
    """What a node has for its devices."""

    registry: DeviceDesk
    commands: CommandDesk


def devices_of(parts: Parts, plane: DevicePlane, cases: CaseDesk, parties: Parties, sensors: SensorDesk) -> DeviceDesks:
    """The desks; the door asks the outbox from now on, and the sensor desk hears of silences."""

    def profile_s(name: str) -> float:
        profile = plane.profile(name)
        return (profile.period_s or 0.0) if profile is not None else 0.0

    commands = CommandDesk(cases, plane.registry, plane.profile, parties.provider, parts.clock)
    plane.door.outbox = commands.outbox
    commands.wake = plane.door.wake
    sensors.silences = keeper_of(plane.registry, parts.clock, profile_s, me=parts.me.node, territory=parts.me.territory).alarms

    def forget(keys: Collection[SeriesKey]) -> None:
        for key in keys:
            plane.registry.forget_value(key.device, key.quantity)

    sensors.forgotten = forget
    registry = DeviceDesk(
        me=parts.me.node,
        territory=parts.me.territory,
        registry=plane.registry,
        profile=plane.profile,
        shown_up_to=sensors.shown_up_to,
        waiting=commands.outbox.counts,
        clock=parts.clock,
    )
    return DeviceDesks(registry, commands)
