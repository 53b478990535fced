"""Brings the newest values of devices to the rules of cameras that ask for them (`when = "METRIC of DEVICE > VALUE"`).

Looks up only what a rule names, every FEED_S, and tells the processes that analyse; one that was just started hears it within that time.
Called by wiring.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edge_ai.condition import VALUE_AGE_S_MAX, parse_condition
from edge_ai.spec import CameraSpec
from edge_ai.wire.states import Value
from node.clock import Clock

FEED_S = 5.0
"""Seconds between two looks: a rule hears of a flood this much later than the sensor at most."""

Lookup = Callable[[str, str], tuple[float, int] | None]
"""The newest value of (device, metric) with its time in microseconds since 1970 UTC; None where none is known or it is no number."""


@dataclass(frozen=True, slots=True)
class ConditionFeed:
    """The values that rules of one node ask for."""

    specs: Callable[[], Iterable[CameraSpec]]
    """The cameras of now."""
    lookup: Lookup
    tell: Callable[[Value], None]
    clock: Clock

    async def run(self) -> None:
        """Tell the values until cancelled."""
        while True:
            self.turn()
            await asyncio.sleep(FEED_S)

    def turn(self) -> int:
        """Tell every value that a rule asks for and that is young enough; how many."""
        now_us, told = self.clock.wall_us(), 0
        for device, metric in sorted(wanted(self.specs())):
            found = self.lookup(device, metric)
            if found is None:
                continue
            value, at_us = found
            age_s = max(0.0, (now_us - at_us) / 1e6)
            if age_s <= VALUE_AGE_S_MAX:
                self.tell(Value(device=device, metric=metric, value=value, age_s=age_s))
                told += 1
        return told


def wanted(specs: Iterable[CameraSpec]) -> set[tuple[str, str]]:
    """(device, metric) of every condition."""
    conditions = (parse_condition(rule.when) for spec in specs for rule in spec.rules if rule.when)
    return {(condition.device, condition.metric) for condition in conditions}
