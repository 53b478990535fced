"""`yunnao summary pull` at the province over real measurements fed at three doors, against the figures of the file itself (item 9)."""

from __future__ import annotations

import csv
import gzip
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

import pytest

from node.errors import EXIT_NEGATIVE, EXIT_OK
from tests.e2e.cluster import ROOT, Cluster, Plain, cli, cli_json, records
from tests.e2e.starter import Process, start

pytestmark = pytest.mark.slow

AIR = ROOT.parent / "shared" / "data" / "sensors" / "beijing-air.csv.gz"
HOURS = 240
STATIONS = 12
QUANTITIES = ("PM2.5", "TEMP")
WINDOW = ("--from", "2013-03-01T00:00:00+08:00", "--to", "2013-03-11T00:00:00+08:00")
STREET, NEIGHBOUR = "370202001", "370202002"
DOORS = (("qd-grid", STREET, range(5)), ("qd-grid-2", STREET, range(5, 9)), ("qd-shinan", NEIGHBOUR, range(9, 12)))
"""Node whose door is fed, street that the readings count for, stations by their place in the file."""
FEED_TIMEOUT_S = 60.0
CAUGHT_UP_TIMEOUT_S = 30.0


@dataclass(slots=True)
class Measured:
    """The part of the file that is fed, as plain Python sees it."""

    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """CSV lines by door."""
    values: dict[tuple[int, str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    """By hour (microseconds since 1970 UTC), street and quantity."""
    stations: dict[tuple[int, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def take(self, place: int, row: dict[str, str]) -> None:
        """One line of the file, `place` being the station's."""
        door, street, _ = next(entry for entry in DOORS if place in entry[2])
        self.lines[door].append(",".join((row["station"], row["time"], *(row[name] for name in QUANTITIES))))
        hour_us = round(datetime.fromisoformat(row["time"]).timestamp()) * 1_000_000
        for quantity in QUANTITIES:
            if row[quantity]:
                self.values[hour_us, street, quantity].append(float(row[quantity]))
                self.stations[hour_us, street, quantity].add(row["station"])


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Ten days of twelve stations."""
    if not AIR.exists():
        pytest.skip("the measurements of ../shared/data are not beside this checkout")
    found = Measured()
    with gzip.open(AIR, "rt", encoding="utf-8") as file:
        for number, row in enumerate(islice(csv.DictReader(file), HOURS * STATIONS)):
            found.take(number % STATIONS, row)
    return found


@pytest.fixture(scope="module")
def fed(city: Cluster, measured: Measured, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The city after all of it reached the province."""
    folder, before = tmp_path_factory.mktemp("series"), records(city["shandong"], "air-quality")
    feeds = [feed(city, folder, door, street, measured.lines[door]) for door, street, _ in DOORS]
    assert [process.wait(FEED_TIMEOUT_S) for process in feeds] == [0, 0, 0]
    expected = before + sum(map(len, measured.values.values()))
    city.wait_records("air-quality", expected, "shandong", timeout_s=CAUGHT_UP_TIMEOUT_S)
    return city


def feed(city: Cluster, folder: Path, door: str, street: str, lines: list[str]) -> Process:
    """`yunnao feed` of these lines into a node's door; a grid's readings are of its own place."""
    series = folder / f"{door}.csv"
    series.write_text("\n".join((",".join(("station", "time", *QUANTITIES)), *lines)) + "\n", "utf-8")
    place = () if door != "qd-shinan" else ("--territory", street)
    with series.with_suffix(".log").open("wb") as log:
        return start(["feed", str(series), "--to", city[door].door, "--device-column", "station", *place], out=log, err=log)


def table(answer: Plain) -> Iterator[Plain]:
    """The rows of a summary by column name."""
    return (dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"])


def window_us(measured: Measured) -> Plain:
    """The window of everything measured, as the API takes it."""
    return {"from_us": min(measured.values)[0], "to_us": max(measured.values)[0] + 1}


def share(errors: Plain, column: str) -> float:
    """The error an answer prints for a column, as a fraction."""
    match = re.search(r"\+-([\d.]+) ?%", errors[column])
    assert match is not None, errors
    return float(match[1]) / 100


def assert_rank(values: list[float], found: float, quantile: float, error: float) -> None:
    """`found` is a value whose rank in `values` is `quantile` within `error`."""
    below, upto = (sum(value < found for value in values), sum(value <= found for value in values))
    assert found in values
    assert below / len(values) - error <= quantile <= upto / len(values) + error


def test_hourly_figures_by_street_equal_those_of_the_file(fed: Cluster, measured: Measured) -> None:
    answer = cli_json(fed["shandong"].folder, "summary", "pull", "air-quality", *WINDOW)
    rows = {(row["bucket_us"], row["territory"], row["quantity"]): row for row in table(answer)}
    assert rows.keys() == measured.values.keys()
    for key, values in measured.values.items():
        row, stations = rows[key], len(measured.stations[key])
        assert (row["count"], row["max"], row["min"]) == (len(values), max(values), min(values))
        assert math.isclose(row["mean"], math.fsum(values) / len(values), rel_tol=1e-9, abs_tol=1e-9)
        assert abs(row["distinct_devices"] - stations) <= stations * share(answer["errors"], "distinct")
        assert_rank(values, row["p95"], 0.95, share(answer["errors"], "quantiles"))
    assert {"qd-grid", "qd-grid-2", "qd-shinan"} <= set(answer["contributed"])
    assert (answer["stood_in"], answer["missing"]) == ({}, [])


def test_one_cell_over_everything_keeps_the_errors_it_prints(fed: Cluster, measured: Measured) -> None:
    spec = window_us(measured) | {"bucket_s": 86_400 * 3_650, "territory_digits": 4, "quantity": "PM2.5", "quantiles": [0.5, 0.95]}
    answer = fed["shandong"].call("summary", resource="air-quality", **spec)
    (row,) = table(answer)
    values = [value for key, entries in measured.values.items() if key[2] == "PM2.5" for value in entries]
    assert len(values) > 2_000
    assert (row["count"], row["max"]) == (len(values), max(values))
    assert math.isclose(row["mean"], math.fsum(values) / len(values), rel_tol=1e-9)
    assert abs(row["distinct_devices"] - STATIONS) <= STATIONS * share(answer["errors"], "distinct")
    for column, quantile in (("p50", 0.5), ("p95", 0.95)):
        assert_rank(values, row[column], quantile, share(answer["errors"], "quantiles"))


def test_a_stopped_node_is_stood_in_by_name_or_named_as_missing(fed: Cluster, measured: Measured) -> None:
    stopped = fed["qd-grid-2"]
    assert stopped.stop() == 0
    try:
        pulled = cli(fed["shandong"].folder, "summary", "pull", "air-quality", *WINDOW)
        answer = fed["shandong"].call("summary", resource="air-quality", **window_us(measured), bucket_s=86_400)
        nothing = cli(fed["shandong"].folder, "summary", "pull", "traffic-flow", *WINDOW)
    finally:
        stopped.start()
    assert pulled.returncode == EXIT_OK, pulled.stderr
    assert answer["stood_in"] == {"qd-grid-2": "qd-street"}
    assert "qd-grid-2" in pulled.stderr
    assert sum(row["count"] for row in table(answer)) == sum(map(len, measured.values.values()))
    assert nothing.returncode == EXIT_NEGATIVE
    assert re.search(r"qd-grid-2\b.*has no link", nothing.stderr), nothing.stderr
    fed.wait("the stopped node to come back", lambda: fed["qd-grid-2"].call("status")["node"]["link"]["state"] == "up")
