"""Generated series and simulated sensors."""

from __future__ import annotations

from pathlib import Path
from random import Random
from statistics import mean

from node.clock import SystemClock
from node.ingest.feed import FeedOptions
from node.ingest.series import SeriesColumns, read_series
from simulations.devices.sensors import TRAFFIC_FLOW, SimulatedSensors, demo_series, write_demo_csv
from tests.node.ingest.parts import ListSink, running_door


def test_the_same_seed_gives_the_same_series() -> None:
    assert list(demo_series(7, 3, 2)) == list(demo_series(7, 3, 2))
    assert list(demo_series(7, 3, 2)) != list(demo_series(8, 3, 2))


def test_a_series_has_every_device_quantity_and_step() -> None:
    rows = list(demo_series(1, 4, 24))
    assert len(rows) == 4 * 3 * 24 * 12
    assert [row.time_us for row in rows] == sorted(row.time_us for row in rows)


def test_traffic_is_denser_and_slower_at_rush_hour_than_at_night() -> None:
    rows = list(demo_series(1, 10, 24, quantities=TRAFFIC_FLOW, prefix="road"))

    def at(hour: int, quantity: str) -> float:
        return mean(row.value for row in rows if row.quantity == quantity and (row.time_us // 3_600_000_000 + 8) % 24 == hour)

    assert at(8, "vehicles") > at(3, "vehicles") * 1.3
    assert at(8, "speed") < at(3, "speed") * 0.9


def test_a_written_series_reads_back(tmp_path: Path) -> None:
    rows = list(demo_series(5, 2, 1))
    path = tmp_path / "demo.csv.gz"
    assert write_demo_csv(path, iter(rows)) == len(rows)
    read = [(entry.device, entry.time_us, entry.quantity, entry.value, entry.unit) for entry in read_series(path, SeriesColumns())]
    assert read == [tuple(row) for row in rows]


async def test_simulated_sensors_send_to_a_door() -> None:
    sink = ListSink()
    async with running_door(sink) as (_, port):
        options = FeedOptions("127.0.0.1", port, "air-quality")
        sensors = SimulatedSensors(lambda now_us: demo_series(1, 2, 0.5, start_us=now_us), options, SystemClock(), Random(1))
        totals = await sensors.run()
    assert totals.acked == len(sink.messages) == 2 * 3 * 6
