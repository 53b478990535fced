"""What the nodes of a world produce: sensors and cameras at the grids, residents at the streets, enterprises at the city.

Every record carries its own name in a text column, so that the checkers can tell records apart without trusting the product's numbering.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from node.ingest.sink import Row
from simulations.topology import NodePlan
from sync.model import Level

NAME_COLUMN = {
    "air-quality": "text",
    "camera-events": "event_id",
    "incidents": "incident_id",
    "residents": "resident_id",
    "enterprises": "credit_code",
}
"""The column that holds a record's own name, by resource."""

PROTECTED = "protected"
"""Category of residents that the shipped negative-list entry withholds from everybody."""

PROTECTED_SHARE = 0.1


@dataclass(slots=True)
class Workload:
    """Makes rows; counts what it made."""

    rng: Random
    wall_us: Callable[[str], int]
    """A node's wall clock."""
    made: dict[str, int] = field(default_factory=dict)
    contents: dict[str, Row] = field(default_factory=dict)
    """Every record ever made, by its own name."""

    def resources_of(self, plan: NodePlan) -> tuple[str, ...]:
        """What a node of this level produces."""
        by_level = {
            Level.GRID: ("air-quality", "camera-events", "incidents"),
            Level.STREET: ("residents",),
            Level.MUNICIPAL: ("enterprises",),
        }
        return by_level.get(plan.level, ())

    def rows(self, plan: NodePlan, resource: str, count: int) -> list[Row]:
        """`count` fresh records of a resource at a node."""
        make = {
            "air-quality": self._reading,
            "camera-events": self._event,
            "incidents": self._incident,
            "residents": self._resident,
            "enterprises": self._enterprise,
        }[resource]
        rows = []
        for _ in range(count):
            name = self._name(plan, resource)
            row = self.contents[name] = make(plan, name)
            rows.append(row)
        return rows

    def _name(self, plan: NodePlan, resource: str) -> str:
        key = f"{plan.id}/{resource}"
        self.made[key] = self.made.get(key, 0) + 1
        return f"{key}/{self.made[key]}"

    def _reading(self, plan: NodePlan, name: str) -> Row:
        return (self.wall_us(plan.id), plan.territory, 1, f"{plan.id}-air", "PM2.5", round(self.rng.uniform(5, 200), 1), name, "ug/m3")

    def _event(self, plan: NodePlan, name: str) -> Row:
        return (
            self.wall_us(plan.id), plan.territory, 2, name, f"{plan.id}-cam", "line", "vehicle", 0.9, "demo-street", "", "",
            "rendered-only", "rendered", "", False,
        )  # fmt: skip

    def _incident(self, plan: NodePlan, name: str) -> Row:
        return (self.wall_us(plan.id), plan.territory, 2, name, "", "crowding", 2, "grid", "open", "")

    def _resident(self, plan: NodePlan, name: str) -> Row:
        category = PROTECTED if self.rng.random() < PROTECTED_SHARE else "ordinary"
        secret = f"secret {name}"
        return (
            self.wall_us(plan.id),
            plan.territory,
            3,
            name,
            secret,
            f"id {secret}",
            f"phone {secret}",
            1800 + self.rng.randrange(50),
            category,
        )

    def _enterprise(self, plan: NodePlan, name: str) -> Row:
        district = f"{plan.territory}{self.rng.randint(1, 2):02d}"
        territory = f"{district}{self.rng.randint(1, 2):03d}"
        return (self.wall_us(plan.id), territory, 1, name, f"Factory {name}", "trade", "open")
