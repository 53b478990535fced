"""An alarm as a record: its name, which is the same whenever the same readings are judged again, its row, and the incident it may open.

Owns the layout of a resource of alarms, and which of them takes the alarms of a sensor resource. Called by watcher.py and the desk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from edge_ai.sensors import Alarm, AlarmKind
from node.incidents.rows import Opened
from node.ingest.sink import Row
from policies.catalogue import Resource


class DeviceAlarmKind(Enum):
    """What is wrong with a device, whatever it measures (node/devices)."""

    SILENT = "silent"
    SILENT_GROUP = "silent-group"


FIELDS = ("alarm_id", "source", "device", "quantity", "kind", "active", "value", "facts")
"""The layout by which a resource of alarms is known, after the common columns."""
ID_BYTES = 12
SHARES_SHOWN = 3
"""Members of a group that an alarm names."""


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """Whose readings a series is; a group is a device without a quantity."""

    resource: str
    device: str
    quantity: str


@dataclass(frozen=True, slots=True)
class RaisedAlarm:
    """An alarm that began or ended, with what its record needs."""

    key: SeriesKey
    kind: AlarmKind | DeviceAlarmKind
    active: bool
    time_us: int
    value: float
    facts: Mapping[str, object]
    territory: str
    grade: int
    severity: int = 0
    """1 to 4 when its beginning opens an incident; 0 when it does not."""

    @classmethod
    def of(cls, alarm: Alarm, key: SeriesKey, *, facts: Mapping[str, object], territory: str, grade: int, severity: int) -> RaisedAlarm:
        """An alarm of the bank, with the words of the node."""
        return cls(key, alarm.kind, alarm.active, alarm.time_us, alarm.value, facts, territory, grade, severity)

    @property
    def id(self) -> str:
        """Its name, of the series, the rule, the moment and whether it began."""
        parts = [self.key.resource, self.key.device, self.key.quantity, self.kind.value, self.time_us, self.active]
        return hashlib.blake2s(json.dumps(parts).encode(), digest_size=ID_BYTES).hexdigest()

    def row(self, grade: int) -> Row:
        """The record, at `grade` or its reading's, whichever is higher."""
        facts = json.dumps(self.facts, ensure_ascii=False, sort_keys=True)
        return (
            self.time_us, self.territory, max(self.grade, grade), self.id, self.key.resource, self.key.device, self.key.quantity,
            self.kind.value, self.active, self.value, facts,
        )  # fmt: skip

    def incident(self, *, may_name: bool) -> Row:
        """The incident that it opens; it names the sensor only where incidents may tell of it."""
        summary = f"{self.key.device} {self.key.quantity}".strip() if may_name else ""
        rule = f"sensor-{self.kind.value}"
        return Opened(
            time_us=self.time_us, territory=self.territory, cause=self.id, rule=rule, severity=self.severity, summary=summary
        ).row()


def alarm_resource(resources: Mapping[str, Resource], source: str) -> Resource | None:
    """The resource that takes the alarms of `source`: one of alarms that is made of it, so that it is as strict as it is."""
    fitting = [each for each in resources.values() if source in each.lineage and tuple(item.name for item in each.fields) == FIELDS]
    return min(fitting, key=lambda each: (len(each.lineage), each.code), default=None)


def named_facts(facts: Mapping[str, float], members: tuple[SeriesKey, ...]) -> dict[str, object]:
    """The numbers of an alarm rounded for people; of a group the members that add most, by name."""
    named: dict[str, object] = {name: _rounded(number) for name, number in facts.items() if not name.startswith("share_")}
    if members:
        shares = sorted(((facts[f"share_{place}"], member) for place, member in enumerate(members)), reverse=True)[:SHARES_SHOWN]
        named["shares"] = {f"{member.device}/{member.quantity}": _rounded(share) for share, member in shares}
    return named


def _rounded(number: float) -> float | None:
    """Six figures; None for a bound that there is not."""
    return float(f"{number:.6g}") if abs(number) != float("inf") else None
