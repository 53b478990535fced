"""The rows of an incident: as a rule opens it, and as somebody says a step about it.

Owns the layout of the resource of incidents, the first rule of handling (who handles it follows from how bad it is), and how a step names
who said it and why: older nodes write and read the same columns, so both stand in `summary`. Called by node/cameras/rows.py,
node/sensor_alarms, and desk.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.incidents.states import OPEN
from node.ingest.sink import Row

INCIDENTS = "incidents"
GRADE = 2
"""Of an incident that a camera or a sensor opens."""

HANDLING_LEVEL_BY_SEVERITY = {1: "grid", 2: "grid", 3: "street", 4: "district"}
"""小事不出社区、大事不出街道、难事区内统筹: who closes it (docs/policy.md); severity 1 (low) to 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An incident that begins."""

    time_us: int
    """Microseconds since 1970 UTC."""
    territory: str
    cause: str
    """Id of the event or alarm that opens it; the incident is named after it."""
    rule: str
    severity: int
    summary: str

    def row(self) -> Row:
        """The record, in the order of the schema."""
        level = HANDLING_LEVEL_BY_SEVERITY[self.severity]
        return (
            self.time_us, self.territory, GRADE, f"inc-{self.cause}", self.cause, self.rule, self.severity, level, OPEN, self.summary,
        )  # fmt: skip


SAID_BETWEEN = ": "
"""Between who said a step and why, in its `summary`."""


def step_row(opening: Mapping[str, object], *, state: str, by: str, why: str, at_us: int) -> Row:
    """The record of a step about the incident that `opening`, a row of it, tells of; in the order of the schema."""
    kept = [opening.get(name) for name in ("incident_id", "event_id", "class", "severity", "handling_level")]
    name = by.replace(SAID_BETWEEN, " ").strip()
    summary = f"{name}{SAID_BETWEEN}{why.strip()}" if why.strip() else name
    return (at_us, opening["territory"], opening["grade"], *kept, state, summary)


def said_in(summary: object) -> tuple[str, str]:
    """Who said a step, and why, of its `summary`; empty where policy hides it."""
    by, _, why = str(summary or "").partition(SAID_BETWEEN)
    return by, why
