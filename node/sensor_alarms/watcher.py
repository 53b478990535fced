"""The bank of a node's sensors: which series there are, their readings judged in the order of the journal, alarms with names and places.

Owns the rows of the bank and what it needs to go on after a restart. Refuses readings whose time is ahead of their commit, because a
clock that is wrong once would silence its sensor for good, and series beyond SERIES_MAX; both are counted. One caller at a time. Called by
the desk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from edge_ai.sensors import Alarm, AlarmKind, Bank
from node.sensor_alarms.alarm import RaisedAlarm, SeriesKey, named_facts
from node.sensor_alarms.bounds import Group, LimitTable

SERIES_MAX = 20_000
"""About 2 KiB each in memory."""
GROUP = "group"
"""What tells the state of a group from that of a series."""
FORGOTTEN_US = 90 * 86_400_000_000
GRAVE_KINDS = frozenset({AlarmKind.RANGE, AlarmKind.RATE, AlarmKind.STUCK, AlarmKind.GAP})
"""What breaks a limit that a person set may open an incident; what is only unusual is shown."""
AHEAD_US_MAX = 600_000_000
"""How far a reading's own time may lie ahead of the moment at which it was stored, microseconds."""


@dataclass(slots=True)
class _Series:
    """What is known of a series beside its state."""

    key: SeriesKey
    severity: int
    territory: str = ""
    grade: int = 1


@dataclass(frozen=True, slots=True)
class _Words:
    """A column of words."""

    words: list[str | None]
    """The different ones; a word that is missing is there as None."""
    indices: np.ndarray[Any, np.dtype[np.int64]]
    """Of each row, into `words`."""


def _words(column: pa.Array[Any]) -> _Words:
    encoded = column.dictionary_encode()
    words: list[str | None] = [*encoded.dictionary.to_pylist(), None]
    return _Words(words, encoded.indices.cast(pa.int64()).fill_null(len(words) - 1).to_numpy(zero_copy_only=False))


def silent_for_long(states: Mapping[SeriesKey, Mapping[str, Any]], *, now_us: int) -> list[SeriesKey]:
    """Series of which nothing came for FORGOTTEN_US: their sensors are gone, and no gap of theirs is news."""
    return [key for key, state in states.items() if GROUP not in state and _last_us(state) < now_us - FORGOTTEN_US]


def _last_us(state: Mapping[str, Any]) -> int:
    own = state.get("own")
    last_us = own.get("last_us") if isinstance(own, Mapping) else None
    return last_us if isinstance(last_us, int) else 0


class Watcher:
    """Series by row of the bank; a group's alarms carry the place and the highest grade of its members."""

    def __init__(self, table: LimitTable, groups: Sequence[Group], states: Mapping[SeriesKey, Mapping[str, Any]]) -> None:
        """`states` are what `changed` gave before a restart; what of it cannot be read begins anew."""
        self._table = table
        self._bank = Bank()
        self._rows: dict[SeriesKey, int] = {}
        self._series: list[_Series] = []
        self._groups: list[Group] = []
        self._ungrouped = list(groups)
        self._changed = set[int]()
        self._left_out: Counter[str] = Counter()
        self._group_states = {key: state for key, state in states.items() if GROUP in state}
        for key, state in states.items():
            if key not in self._group_states:
                self._restore(key, state)

    def anew(self, states: Mapping[SeriesKey, Mapping[str, Any]]) -> Watcher:
        """A watcher under the same limits and groups that knows `states` and nothing else."""
        made = Watcher(self._table, [*self._groups, *self._ungrouped], states)
        made._left_out += self.left_out
        return made

    def groups_of(self, keys: Collection[SeriesKey]) -> list[SeriesKey]:
        """The groups that one of these series is a member of."""
        return [group.key for group in (*self._groups, *self._ungrouped) if not set(group.members).isdisjoint(keys)]

    def __len__(self) -> int:
        return len(self._series)

    @property
    def left_out(self) -> Counter[str]:
        """Readings that were not judged, by the reason."""
        return self._left_out + self._bank.ignored

    def read(self, resource: str, rows: pa.RecordBatch, sealed_us: int) -> list[RaisedAlarm]:
        """Judge readings of a sensor resource that were sealed at `sealed_us`."""
        valued = rows.filter(rows.column("value").is_valid())
        places = self._places(resource, valued)
        times_us = valued.column("event_time").cast(pa.int64()).to_numpy(zero_copy_only=False)
        is_known, is_ahead = places >= 0, times_us > sealed_us + AHEAD_US_MAX
        self._left_out["ahead_of_time"] += int(np.count_nonzero(is_known & is_ahead))
        self._left_out["too_many_series"] += int(np.count_nonzero(~is_known))
        judged = is_known & ~is_ahead
        if not judged.any():
            return []
        values = valued.column("value").to_numpy(zero_copy_only=False)
        self._changed.update(places[judged].tolist())
        return self._raised(self._bank.read(places[judged], times_us[judged], values[judged].astype(float)))

    def _places(self, resource: str, rows: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The bank's row of each reading, -1 for one too many. A series is looked up once; its place and grade are those of its last."""
        devices, quantities = _words(rows.column("device")), _words(rows.column("quantity"))
        codes = devices.indices * max(1, len(quantities.words)) + quantities.indices
        _, first, of_reading = np.unique(codes, return_index=True, return_inverse=True)
        last = np.zeros(len(first), dtype=np.int64)
        np.maximum.at(last, of_reading, np.arange(len(codes)))
        territories, grades = rows.column("territory"), rows.column("grade")
        found = np.full(len(first), -1, dtype=np.int64)
        # In the order in which they appear: the first of too many is the one that came too late.
        for number in np.argsort(first, kind="stable").tolist():
            at, newest = int(first[number]), int(last[number])
            key = SeriesKey(resource, devices.words[devices.indices[at]] or "", quantities.words[quantities.indices[at]] or "")
            found[number] = self._row(key, territories[newest].as_py() or "", grades[newest].as_py() or 1)
        return found[of_reading]

    def tick(self, now_us: int) -> list[RaisedAlarm]:
        """Time passes: gaps may begin."""
        return self._raised(self._bank.tick(now_us))

    @property
    def unsaved(self) -> int:
        """Series that were read since `changed` was asked last."""
        return len(self._changed)

    def changed(self) -> dict[SeriesKey, dict[str, Any]]:
        """The states of series that were read since the last call, and of all groups."""
        chosen = [(row, self._series[row]) for row in sorted(self._changed)]
        self._changed.clear()
        states = {series.key: self._bank.state(row) | {"territory": series.territory, "grade": series.grade} for row, series in chosen}
        return states | {group.key: self._bank.group_state(number) for number, group in enumerate(self._groups)}

    def _restore(self, key: SeriesKey, state: Mapping[str, Any]) -> None:
        row = self._add(key)
        try:
            self._bank.restore(row, state)
            self._series[row].territory, self._series[row].grade = str(state["territory"]), int(state["grade"])
        except (KeyError, TypeError, ValueError):
            self._left_out["state_refused"] += 1

    def _row(self, key: SeriesKey, territory: str, grade: int) -> int:
        """The row of a series, -1 for one too many."""
        row = self._rows.get(key)
        if row is None:
            if len(self._series) >= SERIES_MAX:
                return -1
            row = self._add(key)
        series = self._series[row]
        series.territory, series.grade = territory, max(grade, 1)
        return row

    def _add(self, key: SeriesKey) -> int:
        bounds = self._table.of(key)
        row = self._bank.add(bounds.limits)
        self._series.append(_Series(key, bounds.severity))
        self._rows[key] = row
        self._join()
        return row

    def _join(self) -> None:
        """Groups begin once all their members are there."""
        for group in [each for each in self._ungrouped if all(member in self._rows for member in each.members)]:
            self._ungrouped.remove(group)
            number = self._bank.join([self._rows[member] for member in group.members])
            self._groups.append(group)
            try:
                if (state := self._group_states.get(group.key)) is not None:
                    self._bank.restore_group(number, state)
            except ValueError:
                self._left_out["state_refused"] += 1

    def _raised(self, alarms: Iterable[Alarm]) -> list[RaisedAlarm]:
        return [self._of_group(alarm) if alarm.kind is AlarmKind.GROUP else self._of_series(alarm) for alarm in alarms]

    def _of_series(self, alarm: Alarm) -> RaisedAlarm:
        series = self._series[alarm.series]
        facts = named_facts(alarm.facts, ())
        severity = series.severity if alarm.active and alarm.kind in GRAVE_KINDS else 0
        return RaisedAlarm.of(alarm, series.key, facts=facts, territory=series.territory, grade=series.grade, severity=severity)

    def _of_group(self, alarm: Alarm) -> RaisedAlarm:
        group = self._groups[alarm.series]
        members = [self._series[self._rows[member]] for member in group.members]
        facts, grade = named_facts(alarm.facts, group.members), max(member.grade for member in members)
        return RaisedAlarm.of(alarm, group.key, facts=facts, territory=members[0].territory, grade=grade, severity=0)
