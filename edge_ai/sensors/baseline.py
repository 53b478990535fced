"""Whether a series does what it usually does: its level against what this hour or the past was, and its jumps against its jumps.

Pure, vectorised over series. Two statistics, each in standard deviations of itself: the mean of the newest readings away from the usual
level, and the step from one reading to the next. One is unusual when it is far out *and* further than the furthest one remembered, so
that a series with heavy tails raises its own bar; both numbers are in the alarm. Called by bank.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_ai.sensors.alarms import AlarmKind
from edge_ai.sensors.excursion import is_back, is_over, remember
from edge_ai.sensors.hours import Hours
from edge_ai.sensors.parameters import Parameters
from edge_ai.sensors.table import Bools, Floats, Ints, Records, Table
from edge_ai.sensors.verdict import Verdict

SPREAD_MIN = 1e-9
"""Of the value's size: a spread below it is the noise of floating point."""
SETTLE = 4
"""Times `short` readings after which an average of the newest readings is one."""
DEVIATION_MAX = 50.0
"""A series that never moved is infinitely surprised by its first move; no deviation is remembered as more than this."""
FIELDS = (
    ("count", "i8"), ("mean", "f8"), ("last", "f8"), ("error_flat", "f8"), ("error_hour", "f8"), ("short", "f8"),
    ("level_var", "f8"), ("level_highest", "f8"), ("level_pending", "f8"),
    ("jump_var", "f8"), ("jump_highest", "f8"), ("jump_pending", "f8"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """What `Baseline.read` found."""

    verdicts: list[Verdict]
    distance: Floats
    """How far each value lies from what was expected, in spreads of the series."""
    is_known: Bools
    """Where the usual value of the hour is known."""


class Baseline:
    """The averages of every series."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self.table = Table(FIELDS)
        self.hours = Hours(parameters)

    def add(self) -> None:
        """Another series, not seen yet."""
        self.hours.add()
        self.table.add()

    def read(self, rows: Ints, times_us: Ints, values: Floats) -> Assessment:
        """Take a newer reading of each of `rows`."""
        own = self.table.take(rows)
        own["count"] += 1
        own["mean"][own["count"] == 1] = values[own["count"] == 1]
        own["last"][own["count"] == 1] = values[own["count"] == 1]
        by_hour, is_known = self.hours.read(rows, times_us, values)
        has_hours = is_known & (own["error_hour"] < own["error_flat"])
        expected = np.where(has_hours, by_hour, own["mean"])
        error = np.where(has_hours, own["error_hour"], own["error_flat"])
        jump, last = self._jump(own, values), own["last"].copy()
        level, distance = self._level(own, values, expected, error)
        self._learn(own, values, np.where(is_known, by_hour, own["mean"]))
        self.table.put(rows, own)
        facts = {"expected": expected, "deviation": level[0], "highest": level[1]}
        verdicts = [
            self._verdict(own, AlarmKind.LEVEL, *level, facts),
            self._verdict(own, AlarmKind.JUMP, *jump, {"before": last, "deviation": jump[0], "highest": jump[1]}),
        ]
        return Assessment(verdicts, distance, is_known)

    def state(self, row: int) -> dict[str, Any]:
        """Averages of a series as plain numbers."""
        return {"averages": self.table.state(row), "hours": self.hours.state(row)}

    def restore(self, row: int, state: Mapping[str, Any]) -> None:
        """Put back what `state` gave. Raises ValueError, KeyError or TypeError when it is not that."""
        self.table.restore(row, state["averages"])
        self.hours.restore(row, state["hours"])

    def _level(self, own: Records, values: Floats, expected: Floats, error: Floats) -> tuple[tuple[Floats, Floats], Floats]:
        limits, apart = self._parameters, _spread(error, values)
        residual = values - expected
        # Drawn in, so that one spike is a jump and no level.
        own["short"] += (self._clipped(own, residual, apart) - own["short"]) / np.minimum(own["count"], limits.short)
        spread = _spread(own["level_var"], values)
        deviation = np.clip(own["short"] / spread, -DEVIATION_MAX, DEVIATION_MAX)
        highest = remember(own, "level", np.abs(deviation), limits, own["count"] > limits.warm // 2)
        own["level_var"] += (self._clipped(own, own["short"], spread) ** 2 - own["level_var"]) * self._pace_of_spread(own)
        return (deviation, highest), residual / apart

    def _jump(self, own: Records, values: Floats) -> tuple[Floats, Floats]:
        step, limits = values - own["last"], self._parameters
        spread = _spread(own["jump_var"], values)
        deviation = np.clip(step / spread, -DEVIATION_MAX, DEVIATION_MAX)
        highest = remember(own, "jump", np.abs(deviation), limits, own["count"] > limits.warm // 2)
        own["jump_var"] += (self._clipped(own, step, spread) ** 2 - own["jump_var"]) * self._pace_of_spread(own)
        return deviation, highest

    def _learn(self, own: Records, values: Floats, by_hour: Floats) -> None:
        pace, flat = self._pace(own), values - own["mean"]
        clipped = self._clipped(own, flat, _spread(own["error_flat"], values))
        off_hour = self._clipped(own, values - by_hour, _spread(own["error_hour"], values))
        own["error_hour"] += (off_hour**2 - own["error_hour"]) * pace
        own["error_flat"] += (clipped**2 - own["error_flat"]) * pace
        own["mean"] += clipped * pace
        own["last"] = values

    def _clipped(self, own: Records, values: Floats, spread: Floats) -> Floats:
        """`values` with outliers drawn in; everything counts in full while the spread is being learnt."""
        bound = np.where(own["count"] > self._parameters.warm // 2, self._parameters.clip * spread, np.inf)
        return np.clip(values, -bound, bound)

    def _pace(self, own: Records) -> Floats:
        return np.asarray(1.0 / np.minimum(own["count"], self._parameters.memory))

    def _pace_of_spread(self, own: Records) -> Floats:
        """Spreads of averages are learnt once there are averages; what came before is forgotten."""
        return np.asarray(1.0 / np.clip(own["count"] - SETTLE * self._parameters.short, 1, self._parameters.memory))

    def _verdict(self, own: Records, kind: AlarmKind, deviation: Floats, highest: Floats, facts: dict[str, Floats]) -> Verdict:
        limits, size = self._parameters, np.abs(deviation)
        bound = limits.deviation if kind is AlarmKind.LEVEL else limits.jump_deviation
        return Verdict(kind, is_over(limits, size, highest, bound=bound) & (own["count"] > limits.warm), is_back(limits, size), facts)


def _spread(variance: Floats, values: Floats) -> Floats:
    return np.maximum(np.sqrt(variance), SPREAD_MIN * (np.abs(values) + 1.0))
