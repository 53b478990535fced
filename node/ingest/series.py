"""Reads a CSV series (.csv or .csv.gz) as numbered readings for `yunnao feed`.

Wide files have one column per quantity, long ones the columns device, time, quantity, value. A cell that is a number is a value, any
other a text, an empty
one or `NA` is left out. The number of a reading is its place in the file, so it is the same in every run.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from node.ingest.errors import SeriesError

ABSENT = frozenset({"", "NA", "NaN", "nan", "null"})
"""Cells that say nothing."""
COLUMNS_MAX = 1_000
LINE_CHARS_MAX = 1 << 20
"""Characters of one cell; the csv module refuses longer ones."""


@dataclass(frozen=True, slots=True)
class SeriesColumns:
    """Where a file keeps what."""

    time: str = "time"
    device: str = "device"
    constant_device: str | None = None
    """Device of the whole file when it has no device column."""
    quantity: str = "quantity"
    value: str = "value"
    unit: str = "unit"
    utc_offset_minutes: int = 480
    """Zone of times written without one."""


class SeriesReading(NamedTuple):
    """One reading of a series."""

    number: int
    """From 1, in the order of the file."""
    device: str
    time_us: int
    quantity: str
    value: float | None
    text: str | None
    unit: str | None


def read_series(path: Path, columns: SeriesColumns) -> Iterator[SeriesReading]:
    """The readings of the file in order; raises SeriesError naming file, line and the way out."""
    number = 0
    try:
        with _open(path) as file:
            rows = csv.reader(file)
            layout = _Layout(path, next(rows, []), columns)
            for line, row in enumerate(rows, start=2):
                for reading in layout.readings(line, row):
                    number += 1
                    yield reading._replace(number=number)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise SeriesError(f"series {path} cannot be read: {error}") from None


def _open(path: Path) -> io.TextIOBase:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("r", encoding="utf-8-sig", newline="")


class _Layout:
    """Indexes of the columns of one file."""

    def __init__(self, path: Path, header: Sequence[str], columns: SeriesColumns) -> None:
        if not 0 < len(header) <= COLUMNS_MAX:
            raise SeriesError(f"series {path} has {len(header)} columns; 1 to {COLUMNS_MAX}: the first line must name them")
        self._path = path
        self._columns = columns
        self._size = len(header)
        self._index = {name: index for index, name in enumerate(header)}
        self._time = self._find(columns.time, "--time-column")
        self._device = None if columns.constant_device is not None else self._find(columns.device, "--device-column")
        self._is_long = columns.quantity in self._index and columns.value in self._index
        used = {self._time, self._device}
        self._quantities = [(name, index) for name, index in self._index.items() if index not in used]

    def readings(self, line: int, row: Sequence[str]) -> Iterator[SeriesReading]:
        """The readings of one line, without their numbers."""
        if not row:
            return
        if len(row) != self._size:
            raise SeriesError(f"{self._path}:{line}: {len(row)} cells under {self._size} column names")
        time_us = self._time_us(line, row[self._time])
        device = row[self._device] if self._device is not None else self._columns.constant_device
        if not device:
            raise SeriesError(f"{self._path}:{line}: no device name")
        for quantity, cell, unit in self._cells(row):
            if cell not in ABSENT:
                yield SeriesReading(0, device, time_us, quantity, *_value_or_text(cell), unit)

    def _cells(self, row: Sequence[str]) -> Iterator[tuple[str, str, str | None]]:
        if not self._is_long:
            for name, index in self._quantities:
                yield name, row[index], None
            return
        unit = self._index.get(self._columns.unit)
        yield row[self._index[self._columns.quantity]], row[self._index[self._columns.value]], None if unit is None else row[unit] or None

    def _find(self, name: str, option: str) -> int:
        try:
            return self._index[name]
        except KeyError:
            raise SeriesError(
                f"series {self._path} has no column {name!r}, only {', '.join(self._index)[:300]}: name it with {option}"
            ) from None

    def _time_us(self, line: int, cell: str) -> int:
        try:
            return round(float(cell) * 1e6)
        except (ValueError, OverflowError):
            pass
        try:
            moment = datetime.fromisoformat(cell)
        except ValueError:
            raise SeriesError(f"{self._path}:{line}: time {cell[:40]!r} is neither ISO 8601 nor seconds since 1970") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone(timedelta(minutes=self._columns.utc_offset_minutes)))
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _value_or_text(cell: str) -> tuple[float | None, str | None]:
    try:
        return float(cell), None
    except ValueError:
        return None, cell
