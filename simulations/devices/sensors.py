"""Generated city sensors: series with a daily rhythm from a seed, and a simulated MQTT device that sends one to a sensor door.

Made for the demo and for tests; the same arguments give the same rows. Nothing here is measured data.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from node.backoff import Backoff
from node.clock import Clock
from node.ingest.feed import RECONNECT_CAP_S, RECONNECT_FLOOR_S, Feeder, FeedOptions, FeedTotals
from node.ingest.series import SeriesReading

STEP_S = 300
"""Seconds between two readings of a quantity."""
DAY_S = 86_400
SERIES_START_US = 1_735_660_800_000_000
"""2025-01-01T00:00:00+08:00, when generated series begin unless told otherwise."""
COLUMNS = ("device", "time", "quantity", "value", "unit")
"""Header of a generated CSV, in the long form `yunnao feed` reads."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity with a daily rhythm of two peaks and noise that drifts."""

    name: str
    unit: str
    mean: float
    swing: float
    """How far the daily peaks rise above the mean."""
    noise: float
    peaks_h: tuple[float, float] = (8.0, 18.0)
    """Local hours of the peaks."""
    digits: int = 1


AIR_QUALITY = (
    Quantity("PM2.5", "ug/m3", 38.0, 22.0, 6.0),
    Quantity("NO2", "ug/m3", 34.0, 18.0, 4.0),
    Quantity("temperature", "Cel", 12.0, 6.0, 0.5, peaks_h=(14.0, 15.0)),
)
"""What a generated air station measures."""
TRAFFIC_FLOW = (
    Quantity("vehicles", "1/h", 420.0, 380.0, 35.0, digits=0),
    Quantity("speed", "km/h", 46.0, -18.0, 3.0),
)
"""What a generated traffic detector measures."""


class DemoRow(NamedTuple):
    """One generated reading."""

    device: str
    time_us: int
    quantity: str
    value: float
    unit: str


def demo_series(
    seed: int,
    devices: int,
    hours: float,
    *,
    quantities: Sequence[Quantity] = AIR_QUALITY,
    prefix: str = "air",
    start_us: int = SERIES_START_US,
) -> Iterator[DemoRow]:
    """Readings of `devices` devices over `hours`, ascending in time, every STEP_S seconds; the same for the same arguments."""
    rng = Random(seed)  # noqa: S311 - a generated series, not a key
    names = [f"{prefix}-{number:03d}" for number in range(1, devices + 1)]
    offsets = {name: rng.uniform(0.8, 1.2) for name in names}
    drift = {(name, quantity.name): 0.0 for name in names for quantity in quantities}
    for step in range(int(hours * 3_600 // STEP_S)):
        time_us = start_us + step * STEP_S * 1_000_000
        for name in names:
            for quantity in quantities:
                key = (name, quantity.name)
                drift[key] = 0.9 * drift[key] + rng.gauss(0.0, quantity.noise)
                value = offsets[name] * rhythm(quantity, time_us) + drift[key]
                yield DemoRow(
                    name,
                    time_us,
                    quantity.name,
                    round(value if quantity.name == "temperature" else max(0.0, value), quantity.digits),
                    quantity.unit,
                )


def rhythm(quantity: Quantity, time_us: int) -> float:
    """The mean of `quantity` at this moment of the local day."""
    hour = (time_us / 1e6 + 8 * 3_600) % DAY_S / 3_600
    nearest = min(abs((hour - peak + 12.0) % 24.0 - 12.0) for peak in quantity.peaks_h)
    return quantity.mean + quantity.swing * math.exp(-((nearest / 2.5) ** 2))


def write_demo_csv(path: Path, rows: Iterator[DemoRow]) -> int:
    """Write rows as a CSV (gzip when the name ends in .gz) that `yunnao feed` reads; returns how many."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for row in rows:
        writer.writerow((row.device, f"{row.time_us / 1e6:.0f}", row.quantity, row.value, row.unit))
        count += 1
    content = buffer.getvalue().encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.name.endswith(".gz") else content)
    return count


class SimulatedSensors:
    """Devices that send a generated series to a door in real time, the time stamps moved so that the series begins now."""

    def __init__(self, rows: Callable[[int], Iterator[DemoRow]], options: FeedOptions, clock: Clock, rng: Random) -> None:
        began_us = clock.wall_us()
        readings = (
            SeriesReading(number, row.device, row.time_us, row.quantity, row.value, None, row.unit)
            for number, row in enumerate(rows(began_us), start=1)
        )
        self._feeder = Feeder(readings, options, Backoff(rng, floor_s=RECONNECT_FLOOR_S, cap_s=RECONNECT_CAP_S), clock)

    @property
    def totals(self) -> FeedTotals:
        """What was sent and acknowledged so far."""
        return self._feeder.totals

    async def run(self) -> FeedTotals:
        """Send until the series ends or the task is cancelled."""
        return await self._feeder.run()
