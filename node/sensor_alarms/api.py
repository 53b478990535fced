"""The verb of the local API about sensor alarms. Called by node/api.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from node.sensor_alarms.desk import SensorDesk

Plain = dict[str, Any]


class SensorAlarms(msgspec.Struct, forbid_unknown_fields=True):
    """The alarms of this node's own sensors that hold, and how the watch stands."""


@dataclass(frozen=True, slots=True)
class SensorAlarmVerbs:
    """Answers the verb; the desk is asked for when it is called."""

    desk: Callable[[], SensorDesk]

    @property
    def table(self) -> dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]]:
        """Arguments and answer of each verb."""
        return {"sensor_alarms": (SensorAlarms, self._listed)}

    async def _listed(self, _: SensorAlarms) -> Plain:
        return self.desk().listed()
