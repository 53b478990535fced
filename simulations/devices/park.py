"""Thousands of simulated devices in one process, against one door, with one ledger. Called by verb.py, by tests and by benchmarks.

What each device does comes from the seed alone; when its packets arrive does not, because the door and the network are real.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from node.clock import Clock
from simulations.devices.device import Habits, SimulatedDevice
from simulations.devices.faults import Fault, faults_of
from simulations.devices.ledger import Ledger
from simulations.devices.packets import V5, V311
from simulations.devices.script import Cadence, Measures, Plan

COUNT_MAX = 20_000
"""Devices of one park; a node knows no more."""
TELL_EVERY_S = 2.0
DRAIN_S = 15.0
"""How long what is in flight is waited for at the end."""
SEED_BITS = 63


@dataclass(frozen=True, slots=True)
class ParkOptions:
    """A park."""

    count: int
    seed: int
    habits: Habits
    every_s: float = 10.0
    seconds: float = 30.0
    """How long new readings are sent."""
    faults: frozenset[Fault] = field(default_factory=frozenset)
    share: float = 0.5
    """Part of the devices that have faults, when there are any."""
    keep_alive_s: float = 60.0
    ramp_s: float = 5.0
    """The devices come one after another within this time."""
    prefix: str = "park"
    territory: str | None = None
    readings: int | None = None
    """Of each device, which leaves after them; None for as many as there is time for."""
    drain_s: float = DRAIN_S
    cadence: Cadence = Cadence()
    measures: Measures = Measures()
    has_both_versions: bool = False
    """True when every other device speaks MQTT 5 and the rest 3.1.1, whatever `habits` say."""


def plans_of(options: ParkOptions, *, begins_us: int) -> list[Plan]:
    """The plan of every device; the same for the same options."""
    rng = Random(options.seed)  # noqa: S311 - scripts, not keys
    names = [f"{options.prefix}-{number:05d}" for number in range(options.count)]
    return [
        Plan(
            name, rng.getrandbits(SEED_BITS), options.every_s, begins_us, faults_of(rng, options.faults, options.share),
            options.keep_alive_s, names[number - 1], options.territory, options.readings, options.cadence, options.measures,
        )
        for number, name in enumerate(names)
    ]  # fmt: skip


class Park:
    """All devices; `ledger` counts while they run."""

    def __init__(self, options: ParkOptions, clock: Clock, *, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self._options = options
        self._drain = asyncio.Event()
        rng = Random(options.seed)  # noqa: S311 - waits of devices, not keys
        self.devices: Sequence[SimulatedDevice] = [
            SimulatedDevice(plan, _habits(options, number), self.ledger, Random(rng.getrandbits(SEED_BITS)))  # noqa: S311 - as above
            for number, plan in enumerate(plans_of(options, begins_us=clock.wall_us()))
        ]

    @property
    def connected(self) -> int:
        """Devices that are in."""
        return sum(device.is_connected for device in self.devices)

    async def run(self, tell: Callable[[], None] | None = None) -> Ledger:
        """Run for `seconds` or until every device has left, then let what is in flight be acknowledged.

        `tell` is called every TELL_EVERY_S.
        """
        gap_s = self._options.ramp_s / max(1, len(self.devices))
        beside = [asyncio.create_task(self._end()), *([asyncio.create_task(self._tell(tell))] if tell is not None else [])]
        try:
            async with asyncio.TaskGroup() as tasks:
                for device in self.devices:
                    tasks.create_task(device.run(self._drain, self._options.drain_s))
                    await asyncio.sleep(gap_s)
        finally:
            for task in beside:
                task.cancel()
        return self.ledger

    def stop(self) -> None:
        """No more new readings; `run` returns when what is in flight is acknowledged."""
        self._drain.set()

    async def _end(self) -> None:
        await asyncio.sleep(self._options.seconds)
        self.stop()

    async def _tell(self, tell: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            tell()


def _habits(options: ParkOptions, number: int) -> Habits:
    if not options.has_both_versions:
        return options.habits
    return replace(options.habits, version=V5 if number % 2 else V311)
