"""What a series usually is at an hour of the day, working days and weekends apart.

Pure. Owns 48 averages a series, each of which forgets. Called by baseline.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge_ai.sensors.parameters import Parameters
from edge_ai.sensors.table import Bools, Floats, Ints, Table

HOUR_S = 3600
DAY_S = 24 * HOUR_S
SECOND_US = 1_000_000
BINS = 48
WEEKDAY_OF_1970 = 3
"""1 January 1970 was a Thursday; Monday is 0."""
SATURDAY = 5
FIELDS = (("mean", "f8"), ("seen", "i4"), ("visits", "i4"), ("day", "i4"))


class Hours:
    """Averages by hour, and on how many days each hour was seen: BINS records a series, one after the other."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._table = Table(FIELDS)

    def add(self) -> None:
        """Another series, not seen yet."""
        self._table.add(BINS, day=-1)

    def read(self, rows: Ints, times_us: Ints, values: Floats) -> tuple[Floats, Bools]:
        """What `rows` usually are at `times_us`, and where that is known; then take `values` in."""
        chosen, day = self._bins(rows, times_us)
        own = self._table.take(chosen)
        usual, known = own["mean"].copy(), own["visits"] >= self._parameters.bin_visits
        own["seen"] += 1
        own["mean"] += (values - usual) / np.minimum(own["seen"], self._parameters.bin_memory)
        own["visits"] += own["day"] != day
        own["day"] = day
        self._table.put(chosen, own)
        return usual, known

    def _bins(self, rows: Ints, times_us: Ints) -> tuple[Ints, Ints]:
        local_s = times_us // SECOND_US + self._parameters.utc_offset_s
        day = local_s // DAY_S
        is_weekend = (day + WEEKDAY_OF_1970) % 7 >= SATURDAY
        return rows * BINS + local_s % DAY_S // HOUR_S + is_weekend * (BINS // 2), day

    def state(self, row: int) -> dict[str, list[float]]:
        """The averages of a series as plain numbers, BINS of each field."""
        return self._table.states(row * BINS, BINS)

    def restore(self, row: int, state: Mapping[str, Sequence[float]]) -> None:
        """Put back what `state` gave. Raises ValueError, KeyError or TypeError when it is not that."""
        self._table.restore_many(row * BINS, BINS, state)
