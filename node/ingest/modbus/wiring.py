"""From the configuration to pollers and their profiles. Called by the device plane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from node.clock import Clock
from node.ingest.modbus.line import Line
from node.ingest.modbus.poller import Poller, PollSettings, topic_of
from node.ingest.modbus.registers import Function, Register
from node.ingest.profile_files.build import profile_of, shape_of
from node.ingest.profile_files.model import ProfileFile, QuantityEntry
from node.ingest.profiles import Profile, TimeUnit
from node.ingest.sink import Sink

PERIOD_S = 60.0
"""How often a device is asked when neither its entry nor its profile says."""


def registers_of(file: ProfileFile) -> tuple[Register, ...]:
    """The registers that a checked profile file names."""
    return tuple(_register(entry) for entry in file.quantity if entry.address is not None)


def polled_profile(name: str, file: ProfileFile, *, device: str, resource: str, territory: str) -> Profile:
    """The profile of one polled device: its readings come with microseconds."""
    profile = profile_of(name, file, topic=topic_of(device), resource=resource, territory=territory)
    return replace(profile, time_unit=TimeUnit.MICROSECONDS)


def pollers(devices: Sequence[tuple[PollSettings, tuple[str, int], float]], sink: Sink, clock: Clock, rng: Random) -> list[Poller]:
    """A poller for each device with its address and time limit; devices at one address share a line."""
    lines: Mapping[tuple[str, int], Line] = {address: Line(*address, timeout_s=limit_s) for _, address, limit_s in devices}
    return [Poller(settings, lines[address], sink, clock, rng) for settings, address, _ in devices]


def polled_facts(pollers: Sequence[Poller]) -> dict[str, object]:
    """What status shows of the devices that are asked: counts over all, and why those that do not answer do not."""
    counts = sum((poller.counts for poller in pollers), Counter[str]())
    faults = {poller.settings.device: poller.fault for poller in pollers if poller.fault}
    return {"devices": len(pollers), "counts": dict(sorted(counts.items())), "faults": faults}


def _register(entry: QuantityEntry) -> Register:
    return Register(
        entry.name,
        Function(entry.function),
        entry.address or 0,
        shape_of(entry, "big"),
        entry.unit or None,
        entry.word_order == "little",
    )
