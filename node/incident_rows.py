"""The row of an incident as a rule opens it: who handles it follows from how bad it is.

Owns the layout of the resource of incidents and the first rule of handling. Called by node/cameras/rows.py and node/sensor_alarms.
"""

from __future__ import annotations

from dataclasses import dataclass

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
            self.time_us, self.territory, GRADE, f"inc-{self.cause}", self.cause, self.rule, self.severity, level, "open", self.summary,
        )  # fmt: skip
