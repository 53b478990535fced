"""Whether sensors that move together still do: one distance for a whole group, and what each member adds to it.

Pure. The Mahalanobis distance of the members' deviations from their usual, under a correlation matrix that forgets; its logarithm is held
against its own past as a series is (baseline.py). The shares of the members add up to 1 and are in the alarm. Called by groups.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_ai.sensors.alarms import AlarmKind
from edge_ai.sensors.excursion import is_back, is_over, remember
from edge_ai.sensors.parameters import Parameters
from edge_ai.sensors.table import Floats, Ints, Records, Table
from edge_ai.sensors.verdict import Verdict

REACH = 8.0
"""A member's deviation counts as at most this, so that one dead sensor does not become the group's memory."""
MEMBERS_MIN, MEMBERS_MAX = 2, 64
FIELDS = (("count", "i8"), ("mean", "f8"), ("var", "f8"), ("short", "f8"), ("group_highest", "f8"), ("group_pending", "f8"))
SPREAD_MIN = 1e-3
"""Of the logarithm of a distance."""


class Mahalanobis:
    """Groups of one size, judged together."""

    def __init__(self, size: int, parameters: Parameters) -> None:
        """`size` members each. Raises ValueError when that is not MEMBERS_MIN..MEMBERS_MAX."""
        if not MEMBERS_MIN <= size <= MEMBERS_MAX:
            raise ValueError(f"a group of {size} sensors: {MEMBERS_MIN} to {MEMBERS_MAX} can be judged together")
        self.size = size
        self._parameters = parameters
        self._moments = np.zeros((0, size, size))
        self.table = Table(FIELDS)

    def add(self) -> int:
        """Another group, not seen yet."""
        self._moments = np.concatenate([self._moments, np.eye(self.size)[np.newaxis]])
        return self.table.add()

    def read(self, rows: Ints, deviations: Floats) -> Verdict:
        """Take the deviations of the members of each of `rows`, groups by members, in spreads from the usual."""
        held = np.clip(deviations, -REACH, REACH)
        own, limits = self.table.take(rows), self._parameters
        own["count"] += 1
        moments = self._moments[rows] * (1 - limits.group_shrink) + np.eye(self.size) * limits.group_shrink
        pulls = np.linalg.solve(moments, held[..., np.newaxis])[..., 0]
        distance = np.maximum((held * pulls).sum(axis=1), 0.0)
        shares = held * pulls / np.maximum(distance, SPREAD_MIN)[:, np.newaxis]
        pace = 1.0 / np.minimum(own["count"], limits.group_memory)
        # A far outlier teaches little of how members move together: its weight falls as its distance grows.
        weight = np.where(own["count"] > limits.warm, np.minimum(1.0, self.size / np.maximum(distance, SPREAD_MIN)), 1.0) * pace
        self._moments[rows] += (held[:, :, np.newaxis] * held[:, np.newaxis, :] - self._moments[rows]) * weight[:, np.newaxis, np.newaxis]
        deviation, highest = self._surprise(own, np.log1p(distance))
        self.table.put(rows, own)
        on = is_over(limits, deviation, highest, bound=limits.deviation) & (own["count"] > limits.warm)
        facts = {"distance": np.sqrt(distance), "deviation": deviation, "highest": highest}
        facts |= {f"share_{member}": shares[:, member] for member in range(self.size)}
        return Verdict(AlarmKind.GROUP, on, is_back(limits, deviation), facts)

    def _surprise(self, own: Records, size: Floats) -> tuple[Floats, Floats]:
        """How far the newest distances lie above what this group is used to, and the furthest before; both are learnt."""
        limits = self._parameters
        own["short"] += (size - own["short"]) / np.minimum(own["count"], limits.short)
        spread = np.maximum(np.sqrt(own["var"]), SPREAD_MIN)
        deviation, is_learnt = (own["short"] - own["mean"]) / spread, own["count"] > limits.warm // 2
        highest = remember(own, "group", deviation, limits, is_learnt)
        bound = np.where(is_learnt, limits.clip * spread, np.inf)
        apart = np.clip(own["short"] - own["mean"], -bound, bound)
        # Distances mean something once the correlations are roughly known; what came before is forgotten.
        pace = 1.0 / np.clip(own["count"] - limits.warm // 4, 1, limits.group_memory)
        own["mean"] += apart * pace
        own["var"] += (apart**2 - own["var"]) * pace
        return deviation, highest

    def state(self, row: int) -> dict[str, Any]:
        """What a group has learnt, as plain numbers."""
        return {"surprise": self.table.state(row), "moments": self._moments[row].tolist()}

    def restore(self, row: int, state: Mapping[str, Any]) -> None:
        """Put back what `state` gave. Raises ValueError, KeyError or TypeError when it is not that."""
        self._moments[row] = np.array(state["moments"], dtype=float).reshape(self.size, self.size)
        self.table.restore(row, state["surprise"])
