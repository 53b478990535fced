"""The bandwidth caps of node.toml as the engine's table, and the local day they are counted in.

Owns: from `08:00-18:00` to minutes, and telling the engine when the local day began, again and again, because wall clocks are set.
Called by assembly and appliance.
"""

from __future__ import annotations

import asyncio

from node.clock import Clock
from node.config.model import CapEntry, LinksSection
from sync.core.pacing import CAPPED_LANES, DAY_MINUTES, MINUTE_S, Cap, CapTable
from sync.model import MICROSECONDS, Instant, Lane

LOOK_S = 30.0
"""How often the wall clock is looked at again."""


def cap_table(links: LinksSection, clock: Clock) -> CapTable:
    """The caps of a configuration that holds, in the day it is now."""
    table = CapTable(_cap(entry) for entry in links.cap)
    table.day_began(midnight(clock, links.utc_offset_minutes))
    return table


async def keep_day(table: CapTable, links: LinksSection, clock: Clock) -> None:
    """Follow the wall clock for as long as the node runs."""
    while True:
        table.day_began(midnight(clock, links.utc_offset_minutes))
        await asyncio.sleep(LOOK_S)


def midnight(clock: Clock, utc_offset_minutes: int) -> Instant:
    """When, on the monotonic clock, the present local day began."""
    local_us = clock.wall_us() + utc_offset_minutes * MINUTE_S * MICROSECONDS
    return Instant(clock.now().us - local_us % (DAY_MINUTES * MINUTE_S * MICROSECONDS))


def _cap(entry: CapEntry) -> Cap:
    lanes = frozenset(Lane[word.upper()] for word in entry.lanes) or CAPPED_LANES
    begin, end = (_minute(text) for text in entry.window.split("-"))
    return Cap(entry.peer, entry.kbit_s, lanes, begin, end)


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
