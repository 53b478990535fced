"""Which series are groups, and when a group can be judged: once all its members were read again. Pure; called by bank.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_ai.sensors.alarms import Alarm
from edge_ai.sensors.mahalanobis import Mahalanobis
from edge_ai.sensors.parameters import Parameters
from edge_ai.sensors.table import Floats, Ints


class Groups:
    """Groups of series; a series is in one at most."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._members: list[Ints] = []
        self._place: list[tuple[int, int]] = []
        """By group: the size under which it is judged, and its row there."""
        self._by_size: dict[int, Mahalanobis] = {}
        self._group_of: dict[int, tuple[int, int]] = {}
        """By series: its group, and its place in it."""
        self._newest: list[Floats] = []
        """By group: the newest deviation of each member; nan while it was not read again."""
        self._active = list[bool]()

    def add(self, members: Sequence[int]) -> int:
        """Another group; its number. Raises ValueError for a wrong size, a series named twice or in another group already."""
        if len(set(members)) < len(members) or any(member in self._group_of for member in members):
            raise ValueError("a series is in one group at most, and once")
        size, number = len(members), len(self._members)
        groups = self._by_size[size] if size in self._by_size else self._by_size.setdefault(size, Mahalanobis(size, self._parameters))
        self._place.append((size, groups.add()))
        self._members.append(np.array(members))
        self._group_of |= {member: (number, place) for place, member in enumerate(members)}
        self._newest.append(np.full(size, np.nan))
        self._active.append(False)
        return number

    def read(self, rows: Ints, times_us: Ints, deviations: Floats) -> list[Alarm]:
        """Take how far readings lie from the usual; alarms of the groups that are complete with them."""
        if not self._members:
            return []
        touched: dict[int, int] = {}
        for row, time_us, deviation in zip(rows.tolist(), times_us.tolist(), deviations.tolist(), strict=True):
            if (place := self._group_of.get(row)) is not None:
                self._newest[place[0]][place[1]] = deviation
                touched[place[0]] = max(touched.get(place[0], time_us), time_us)
        complete = [number for number in touched if not np.isnan(self._newest[number]).any()]
        return [alarm for size in sorted({self._place[each][0] for each in complete}) for alarm in self._judge(size, complete, touched)]

    def _judge(self, size: int, complete: Sequence[int], times_us: dict[int, int]) -> list[Alarm]:
        chosen = [number for number in complete if self._place[number][0] == size]
        rows = np.array([self._place[number][1] for number in chosen])
        verdict, alarms = self._by_size[size].read(rows, np.stack([self._newest[number] for number in chosen])), list[Alarm]()
        for index, number in enumerate(chosen):
            self._newest[number][:] = np.nan
            on, held = bool(verdict.on[index]), self._active[number]
            if (on and not held) or (held and verdict.off[index] and not on):
                self._active[number] = on
                alarms.append(verdict.alarm(index, number, times_us[number], float(verdict.facts["distance"][index])))
        return alarms

    def state(self, number: int) -> dict[str, Any]:
        """What was learnt of a group, as plain values."""
        size, row = self._place[number]
        return {"active": self._active[number], **self._by_size[size].state(row)}

    def restore(self, number: int, state: Mapping[str, Any]) -> None:
        """Put back what `state` gave. Raises ValueError, KeyError or TypeError when it is not that."""
        size, row = self._place[number]
        self._by_size[size].restore(row, state)
        self._active[number] = bool(state["active"])
