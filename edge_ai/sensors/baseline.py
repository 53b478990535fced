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


@dataclass(frozen=True, slots=True, eq=False)
class _Learnt:
    """How far each series has come, worked out once for a call."""

    is_learnt: Bools
    """Where spreads are known well enough for excursions to be remembered."""
    reach: Floats
    """Spreads beyond which a value is drawn in; infinite while the spread is being learnt, when everything counts in full."""
    pace: Floats
    pace_of_spread: Floats
    """Spreads of averages are learnt once there are averages; what came before is forgotten."""


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
        if (is_first := own["count"] == 1).any():
            own["mean"][is_first] = own["last"][is_first] = values[is_first]
        learnt = self._learnt(own["count"])
        by_hour, is_known = self.hours.read(rows, times_us, values)
        has_hours = is_known & (own["error_hour"] < own["error_flat"])
        expected = np.where(has_hours, by_hour, own["mean"])
        error = np.where(has_hours, own["error_hour"], own["error_flat"])
        jump, last = self._jump(own, values, learnt), own["last"].copy()
        level, distance = self._level(own, values, expected, error, learnt)
        self._learn(own, values, np.where(is_known, by_hour, own["mean"]), learnt)
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

    def _learnt(self, count: Ints) -> _Learnt:
        limits = self._parameters
        is_learnt = count > limits.warm // 2
        settled = np.minimum(np.maximum(count - SETTLE * limits.short, 1), limits.memory)
        return _Learnt(is_learnt, np.where(is_learnt, limits.clip, np.inf), 1.0 / np.minimum(count, limits.memory), 1.0 / settled)

    def _level(
        self, own: Records, values: Floats, expected: Floats, error: Floats, learnt: _Learnt
    ) -> tuple[tuple[Floats, Floats], Floats]:
        limits, apart = self._parameters, _spread(error, values)
        residual = values - expected
        # Drawn in, so that one spike is a jump and no level.
        own["short"] += (_drawn_in(residual, learnt.reach * apart) - own["short"]) / np.minimum(own["count"], limits.short)
        spread, short = _spread(own["level_var"], values), own["short"]
        deviation = _drawn_in(short / spread, DEVIATION_MAX)
        highest = remember(own, "level", np.abs(deviation), limits, learnt.is_learnt)
        own["level_var"] += (_drawn_in(short, learnt.reach * spread) ** 2 - own["level_var"]) * learnt.pace_of_spread
        return (deviation, highest), residual / apart

    def _jump(self, own: Records, values: Floats, learnt: _Learnt) -> tuple[Floats, Floats]:
        step = values - own["last"]
        spread = _spread(own["jump_var"], values)
        deviation = _drawn_in(step / spread, DEVIATION_MAX)
        highest = remember(own, "jump", np.abs(deviation), self._parameters, learnt.is_learnt)
        own["jump_var"] += (_drawn_in(step, learnt.reach * spread) ** 2 - own["jump_var"]) * learnt.pace_of_spread
        return deviation, highest

    def _learn(self, own: Records, values: Floats, by_hour: Floats, learnt: _Learnt) -> None:
        clipped = _drawn_in(values - own["mean"], learnt.reach * _spread(own["error_flat"], values))
        off_hour = _drawn_in(values - by_hour, learnt.reach * _spread(own["error_hour"], values))
        own["error_hour"] += (off_hour**2 - own["error_hour"]) * learnt.pace
        own["error_flat"] += (clipped**2 - own["error_flat"]) * learnt.pace
        own["mean"] += clipped * learnt.pace
        own["last"] = values

    def _verdict(self, own: Records, kind: AlarmKind, deviation: Floats, highest: Floats, facts: dict[str, Floats]) -> Verdict:
        limits, size = self._parameters, np.abs(deviation)
        bound = limits.deviation if kind is AlarmKind.LEVEL else limits.jump_deviation
        return Verdict(kind, is_over(limits, size, highest, bound=bound) & (own["count"] > limits.warm), is_back(limits, size), facts)


def _spread(variance: Floats, values: Floats) -> Floats:
    return np.maximum(np.sqrt(variance), SPREAD_MIN * (np.abs(values) + 1.0))


def _drawn_in(values: Floats, bound: Floats | float) -> Floats:
    """`values` with outliers drawn in to `bound` on either side; what np.clip does, without its detours."""
    return np.asarray(np.minimum(np.maximum(values, -bound), bound))
