"""All series of a node under watch: readings in, alarms that begin or end out. Pure; the one class of this package that others call.

Owns: which alarms hold, and the state of every rule, which goes to JSON and back. Refuses readings that are no numbers or not newer than
the last of their series (counted). Called by the node's ingest and by benchmarks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edge_ai.sensors.alarms import Alarm, AlarmKind, Limits
from edge_ai.sensors.baseline import Baseline
from edge_ai.sensors.drift import Drift
from edge_ai.sensors.groups import Groups
from edge_ai.sensors.parameters import Parameters
from edge_ai.sensors.rules import Rules
from edge_ai.sensors.table import Floats, Ints, Table
from edge_ai.sensors.verdict import Verdict

ROUNDS_MAX = 512
"""Readings of one series that one call judges; of a flood the newest are judged and the others counted."""
STATE_VERSION = 1
VALUE_MAX = 1e100
"""Nothing that is measured is larger; its square still is a number."""
NEVER_US = -(1 << 62)


class Bank:
    """Series by row, in the order in which they were added."""

    def __init__(self, parameters: Parameters | None = None) -> None:
        self._parameters = parameters or Parameters()
        self._rules, self._baseline, self._drift = Rules(), Baseline(self._parameters), Drift(self._parameters)
        self._groups = Groups(self._parameters)
        self._own = Table((("last_us", "i8"), *((kind.value, "?") for kind in AlarmKind if kind is not AlarmKind.GROUP)))
        self.ignored: Counter[str] = Counter()
        """Readings that were not judged, by the reason: `not_a_number`, `not_newer`, `flood`."""

    def add(self, limits: Limits) -> int:
        """Watch another series; its row."""
        self._rules.add(limits)
        self._baseline.add()
        self._drift.add()
        return self._own.add(last_us=NEVER_US)

    def join(self, members: Sequence[int]) -> int:
        """Watch series as a group too; its number. Raises ValueError when they cannot be one, or one has a group already."""
        return self._groups.add(members)

    def active(self, row: int) -> frozenset[AlarmKind]:
        """The alarms that hold for a series, without those of its group."""
        held = self._own.state(row)
        return frozenset(kind for kind in AlarmKind if held.get(kind.value))

    def read(self, rows: Ints, times_us: Ints, values: Floats) -> list[Alarm]:
        """Judge readings, arrays of one length; those of one series in the order of their times, whatever their order here."""
        alarms = list[Alarm]()
        for chosen in self._rounds(rows, times_us, values):
            alarms += self._judge(rows[chosen], times_us[chosen], values[chosen])
        return alarms

    def tick(self, now_us: int) -> list[Alarm]:
        """Time passes: gaps may begin, each at the moment at which its reading was due, whenever it is noticed."""
        rows, verdict = self._rules.silent(now_us)
        return self._turn(rows, np.asarray(verdict.facts["since_us"]), np.asarray(verdict.facts["last"]), [verdict])

    def _rounds(self, rows: Ints, times_us: Ints, values: Floats) -> Iterator[Ints]:
        """Indices of readings to judge, each series at most once in a round."""
        is_number = np.abs(values) <= VALUE_MAX
        self.ignored["not_a_number"] += int(len(rows) - is_number.sum())
        order = np.lexsort((times_us, rows))
        order = order[is_number[order]]
        if not len(order):
            return
        first = np.flatnonzero(np.r_[True, rows[order][1:] != rows[order][:-1]])
        sizes = np.diff(np.r_[first, len(order)])
        skipped = np.maximum(sizes - ROUNDS_MAX, 0)
        self.ignored["flood"] += int(skipped.sum())
        for number in range(int((sizes - skipped).max())):
            has_more = number < sizes - skipped
            yield order[(first + skipped)[has_more] + number]

    def _judge(self, rows: Ints, times_us: Ints, values: Floats) -> list[Alarm]:
        own = self._own.take(rows)
        is_newer = times_us > own["last_us"]
        if not is_newer.all():
            self.ignored["not_newer"] += int(len(rows) - is_newer.sum())
            rows, times_us, values, own = rows[is_newer], times_us[is_newer], values[is_newer], own[is_newer]
        own["last_us"] = times_us
        self._own.put(rows, own)
        verdicts = self._rules.read(rows, times_us, values)
        assessed = self._baseline.read(rows, times_us, values)
        verdicts += [*assessed.verdicts, self._drift.read(rows, assessed.distance, assessed.is_known)]
        return self._turn(rows, times_us, values, verdicts) + self._groups.read(rows, times_us, assessed.distance)

    def _turn(self, rows: Ints, times_us: Ints, values: Floats, verdicts: Sequence[Verdict]) -> list[Alarm]:
        own, alarms = self._own.take(rows), list[Alarm]()
        for verdict in verdicts:
            held = own[verdict.kind.value]
            # It begins where it is on and did not hold, and ends where it held and is off and not on.
            for index in ((verdict.on ^ held) & (verdict.on | verdict.off)).nonzero()[0]:
                held[index] = verdict.on[index]
                alarms.append(verdict.alarm(int(index), int(rows[index]), int(times_us[index]), float(values[index])))
        if alarms:
            self._own.put(rows, own)
        return alarms

    def state(self, row: int) -> dict[str, Any]:
        """All that was learnt of a series, as plain values for JSON."""
        return {
            "version": STATE_VERSION,
            "own": self._own.state(row),
            "rules": self._rules.table.state(row),
            "baseline": self._baseline.state(row),
            "drift": self._drift.state(row),
        }

    def group_state(self, number: int) -> dict[str, Any]:
        """All that was learnt of a group, as plain values for JSON."""
        return {"version": STATE_VERSION, "group": self._groups.state(number)}

    def restore_group(self, number: int, state: Mapping[str, Any]) -> None:
        """Put back what `group_state` gave. Raises ValueError when it is not that."""
        self._check_version(state)
        try:
            self._groups.restore(number, state["group"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not the state of a group: {error!r}") from error

    def restore(self, row: int, state: Mapping[str, Any]) -> None:
        """Put back what `state` gave, but for the limits, which stay as they were added. Raises ValueError when it is not that."""
        self._check_version(state)
        try:
            self._own.restore(row, state["own"])
            self._rules.restore(row, state["rules"])
            self._baseline.restore(row, state["baseline"])
            self._drift.restore(row, state["drift"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not the state of a series: {error!r}") from error

    def _check_version(self, state: Mapping[str, Any]) -> None:
        if state.get("version") != STATE_VERSION:
            raise ValueError(f"state of version {state.get('version')!r}: this program reads {STATE_VERSION}")
