"""Whether what a series usually is has moved for good: ADWIN over the means of blocks of readings.

Pure. Blocks keep the test cheap, and their means are near enough to normal for its bound. Fed with distances from the usual of the hour,
so that a day is no drift: a series is judged once its hours are known. Called by bank.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_ai.sensors.adwin import Adwin
from edge_ai.sensors.alarms import AlarmKind
from edge_ai.sensors.parameters import Parameters
from edge_ai.sensors.table import Bools, Floats, Ints, Table
from edge_ai.sensors.verdict import Verdict

OUTLIER = 4.0
"""A distance beyond this many spreads counts as this many."""
REACH = 1.5
"""So does the mean of a block beyond this: ADWIN wants values of known range, and the narrower it is, the sooner it sees a shift."""


class Drift:
    """The open block and the window of every series."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self.table = Table((("count", "i8"), ("total", "f8"), ("quiet", "i8")))
        self._windows: list[Adwin] = []

    def add(self) -> None:
        """Another series, not seen yet."""
        self._windows.append(Adwin(self._parameters.drift_confidence))
        self.table.add()

    def read(self, rows: Ints, distances: Floats, is_known: Bools) -> Verdict:
        """Take how far a reading of each of `rows` lies from the usual, in spreads, where the usual is known."""
        own = self.table.take(rows)
        own["count"] += is_known
        own["total"] += np.where(is_known, np.clip(distances, -OUTLIER, OUTLIER), 0.0)
        on, off, shift = np.zeros(len(rows), bool), np.zeros(len(rows), bool), np.zeros(len(rows))
        for index in np.flatnonzero(own["count"] >= self._parameters.block):
            window = self._windows[rows[index]]
            mean = min(max(own["total"][index] / own["count"][index], -REACH), REACH)
            before = window.add((mean + REACH) / (2 * REACH))
            own["count"][index], own["total"][index] = 0, 0.0
            own["quiet"][index] = 0 if before is not None else own["quiet"][index] + 1
            on[index], off[index] = before is not None, own["quiet"][index] >= self._parameters.drift_rest
            shift[index] = 0.0 if before is None else (window.mean - before) * 2 * REACH
        self.table.put(rows, own)
        return Verdict(AlarmKind.DRIFT, on, off, {"shift": shift})

    def state(self, row: int) -> dict[str, Any]:
        """Block and window of a series as plain numbers."""
        return {"block": self.table.state(row), "window": self._windows[row].state()}

    def restore(self, row: int, state: Mapping[str, Any]) -> None:
        """Put back what `state` gave. Raises ValueError, KeyError or TypeError when it is not that."""
        self._windows[row] = Adwin.restored(self._parameters.drift_confidence, state["window"])
        self.table.restore(row, state["block"])
