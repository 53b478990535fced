"""CSV series."""

from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path

import pytest

from node.ingest.errors import SeriesError
from node.ingest.series import SeriesColumns, SeriesReading, read_series
from tests.node.ingest.parts import SHARED_DATA


def written(folder: Path, content: str, name: str = "series.csv") -> Path:
    """A file with `content`."""
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


def test_a_wide_file_gives_one_reading_per_filled_cell(tmp_path: Path) -> None:
    path = written(tmp_path, "station,time,PM10,wd\nA,2013-03-01T00:00:00+08:00,4,NNW\nB,1362067200,NA,\n", "s.csv.gz")
    assert list(read_series(path, SeriesColumns(device="station"))) == [
        SeriesReading(1, "A", 1_362_067_200_000_000, "PM10", 4.0, None, None),
        SeriesReading(2, "A", 1_362_067_200_000_000, "wd", None, "NNW", None),
    ]


def test_a_long_file_names_its_quantities(tmp_path: Path) -> None:
    path = written(tmp_path, "device,time,quantity,value,unit\nA,10,speed,3.5,km/h\nA,20,speed,,\n")
    assert list(read_series(path, SeriesColumns())) == [SeriesReading(1, "A", 10_000_000, "speed", 3.5, None, "km/h")]


def test_a_file_without_devices_takes_a_constant_one(tmp_path: Path) -> None:
    path = written(tmp_path, "date_time,volume\n2012-10-02 09:00:00,5545\n")
    (reading,) = read_series(path, SeriesColumns(time="date_time", constant_device="i94"))
    assert (reading.device, reading.time_us, reading.value) == ("i94", 1_349_139_600_000_000, 5545.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "0 columns"),
        ("a,b\n1,2\n", "no column 'time', only a, b: name it with --time-column"),
        ("time,b\n1,2\n", "name it with --device-column"),
        ("device,time,x\nA,then,1\n", ":2: time 'then' is neither"),
        ("device,time,x\nA,1\n", ":2: 2 cells under 3"),
        ("device,time,x\n,1,1\n", ":2: no device"),
        ("device,time,x\nA,1," + "x" * 200_000 + "\n", "cannot be read"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(SeriesError, match=said):
        list(read_series(written(tmp_path, content), SeriesColumns()))


def test_a_truncated_or_missing_file_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(b"device,time,x\n" + b"A,1,2\n" * 10_000)[:60])
    for bad in (path, tmp_path / "none.csv"):
        with pytest.raises(SeriesError, match="cannot be read"):
            list(read_series(bad, SeriesColumns()))


def test_the_beijing_series_is_readable() -> None:
    path = SHARED_DATA / "sensors" / "beijing-air.csv.gz"
    if not path.exists():
        pytest.skip("the collected sensor series are not here")
    readings = list(islice(read_series(path, SeriesColumns(device="station")), 1_000))
    assert [reading.number for reading in readings] == list(range(1, 1_001))
    assert {"PM2.5", "wd"} <= {reading.quantity for reading in readings}
    assert readings[0].device == "Aotizhongxin"
