"""The alarms of sensors of nodes below that hold, from the records that came up: the newest word about each series counts. Pure.

Refuses alarms of this node, which its own watch knows better. Called by api.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from node.sensor_alarms.alarm import FIELDS
from node.untrusted import UNREADABLE, is_plain
from policies.catalogue import Resource
from sync.model import MICROSECONDS

Plain = dict[str, Any]


def alarm_codes(resources: Mapping[str, Resource]) -> list[str]:
    """The resources whose records are alarms of sensors."""
    return sorted(code for code, each in resources.items() if tuple(item.name for item in each.fields) == FIELDS)


def holding_below(rows: Iterable[Mapping[str, Any]], me: str) -> list[Plain]:
    """Alarms that hold at other nodes, the newest first; `rows` are what a person may see, of any order."""
    newest: dict[tuple[object, ...], Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["event_time"], row["_lsn"])):
        if row["_origin"] != me:
            newest[tuple(row[name] for name in ("_origin", "source", "device", "quantity", "kind"))] = row
    holding = [_shown(row) for row in newest.values() if row["active"]]
    return sorted(holding, key=lambda alarm: -int(alarm["time_us"]))


def grave_ids(incidents: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Severity by alarm: an alarm's record does not say it, the incident that it opened does."""
    return {str(row["event_id"]): int(row["severity"] or 0) for row in incidents if row.get("event_id")}


def _shown(row: Mapping[str, Any]) -> Plain:
    return {
        "id": row["alarm_id"], "node": row["_origin"], "territory": row["territory"], "grade": row["grade"], "resource": row["source"],
        "device": row["device"], "quantity": row["quantity"], "kind": row["kind"],
        "time_us": round(row["event_time"].timestamp() * MICROSECONDS), "value": row["value"], "facts": _facts(row["facts"]),
    }  # fmt: skip


def _facts(told: object) -> dict[str, object]:
    """The numbers of an alarm as another node wrote them; none where they do not parse or are masked."""
    try:
        facts = msgspec.json.decode(told, type=dict[str, object]) if isinstance(told, str) else {}
    except UNREADABLE:
        return {}
    return facts if is_plain(facts) else {}
