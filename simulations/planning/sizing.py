"""How many sensors a link carries: found by running a node with more and more of them until it no longer keeps up.

Nothing is estimated: batching, coalescing, compression, manifests, acknowledgements and heart beats of the production engine are on the
simulated link. Called by sizing_verb.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simulations.planning.city import City, Load, open_city
from simulations.planning.profiles import LinkProfile
from simulations.planning.topology_file import Topology
from simulations.topology import NodePlan
from sync.model import Level

RUN_S = 60.0
"""Seconds of the world that one try takes."""
LATE_S = 10.0
"""A link keeps up when nothing waits longer than this in the end; every lane lingers at most 2 s."""
USED_MAX = 0.9
"""A link that is busier than this catches up with no backlog after an outage."""
RECORDS_PER_S_MAX = 20_000.0
"""Beyond this the machine that asks is the limit, not the link."""
PRECISION = 0.05
"""The answer is a number of sensors that fits, with this share more that does not."""

PLANS = (
    NodePlan("top", Level.PROVINCIAL, "37"),
    NodePlan("site", Level.GRID, "370202001001001", "top"),
)


@dataclass(frozen=True, slots=True)
class Try:
    """One number of sensors on the link."""

    sensors: int
    fits: bool
    oldest_s: float
    used: float
    """Share of the link's rate that was in use on average."""
    bytes_per_record: float


def tries(profile: LinkProfile, resource: str, *, every_s: float, folder: Path) -> Iterator[Try]:
    """Doubling until it no longer fits, then halving the gap; the last one that fits is the answer.

    Stops early, with a try that fits, where the link is no longer what binds (RECORDS_PER_S_MAX).
    """
    fits, sensors = 0, 1
    while True:
        attempt = _try(profile, resource, sensors, every_s, folder / f"up-{sensors}")
        yield attempt
        if not attempt.fits:
            break
        fits, sensors = sensors, sensors * 2
        if sensors / every_s > RECORDS_PER_S_MAX:
            return
    above = sensors
    while above - fits > max(1, round(fits * PRECISION)):
        middle = (fits + above) // 2
        attempt = _try(profile, resource, middle, every_s, folder / f"down-{middle}")
        yield attempt
        fits, above = (middle, above) if attempt.fits else (fits, middle)


def _try(profile: LinkProfile, resource: str, sensors: int, every_s: float, folder: Path) -> Try:
    load = Load(resource, sensors / every_s)
    city = open_city(Topology(PLANS, {"site": profile}), [load], folder, seed=1)
    try:
        return _judge(city, sensors)
    finally:
        city.world.close()


def _judge(city: City, sensors: int) -> Try:
    *_, last = city.looks(seconds=RUN_S, every_s=RUN_S)
    top, site = last.nodes
    used = 1 - site.spare
    fits = site.is_linked and site.oldest_s <= LATE_S and used <= USED_MAX
    return Try(sensors, fits, site.oldest_s, used, site.sent_bytes / max(1, top.records))
