"""The verbs of the local API about sensor alarms: those of this node, and those of nodes below. Called by node/api.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from node.incidents.rows import INCIDENTS
from node.policy.showing import Looking, Showing
from node.sensor_alarms.below import alarm_codes, grave_ids, holding_below
from node.sensor_alarms.desk import SensorDesk
from node.store.records import ROWS_MAX
from policies.words import Mode

INCIDENTS_READ = 1_000
"""Newest incidents in which the severity of an alarm is looked for."""

Plain = dict[str, Any]


class SensorAlarms(msgspec.Struct, forbid_unknown_fields=True):
    """The alarms of this node's own sensors that hold, and how the watch stands."""


class SensorAlarmsBelow(Looking, forbid_unknown_fields=True, kw_only=True):
    """The alarms of sensors of nodes below that hold, by the newest rows of each resource of alarms."""

    limit: Annotated[int, Meta(ge=1, le=ROWS_MAX)] = 1_000


@dataclass(frozen=True, slots=True)
class SensorAlarmVerbs:
    """Answers the verbs; the desk is asked for when one is called."""

    desk: Callable[[], SensorDesk]
    showing: Callable[[], Showing]

    @property
    def table(self) -> dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]]:
        """Arguments and answer of each verb."""
        verbs: Mapping[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]] = {
            "sensor_alarms": (SensorAlarms, self._listed),
            "sensor_alarms_below": (SensorAlarmsBelow, self._below),
        }
        return dict(verbs)

    async def _listed(self, _: SensorAlarms) -> Plain:
        return self.desk().listed()

    async def _below(self, asked: SensorAlarmsBelow) -> Plain:
        """A resource that is closed to this person is refused by name, like any other."""
        showing = self.showing()
        resources = showing.policy.ruleset.resources
        codes = [code for code in alarm_codes(resources) if resources[code].mode is Mode.REPLICATE]
        rows = [row for code in codes for row in await showing.rows(code, asked, limit=asked.limit)]
        holding = holding_below(rows, self.desk().me)
        incidents = await showing.rows(INCIDENTS, asked, limit=INCIDENTS_READ) if holding else []
        severities = grave_ids(incidents)
        return {"holding": [alarm | {"severity": severities.get(str(alarm["id"]), 0)} for alarm in holding], "rows": len(rows)}
