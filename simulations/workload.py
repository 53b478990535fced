"""What the nodes of a world produce: sensors and cameras at grids, residents at streets, enterprises at cities; and what their desks say.

Every record carries its own name in its columns, so that the checkers can tell records apart without trusting the product's numbering.
Records are made as columns: a world makes tens of thousands of them. Called by simulations/world.py; the checkers read `made`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa

from simulations.topology import NodePlan
from sync.model import Level

FACT_NAME = ("fact", "territory", "event_time")
NAME_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "air-quality": ("text",),
    "traffic-flow": ("text",),
    "camera-events": ("event_id",),
    "incidents": ("incident_id",),
    "residents": ("resident_id",),
    "enterprises": ("credit_code",),
    "incident-steps": FACT_NAME,
    "quality-tickets": FACT_NAME,
}
"""The columns that together are a record's own name, by resource. What a desk says twice differs in its event time alone (`taken`)."""

PROTECTED = "protected"
"""Category of residents that the shipped negative-list entry withholds from everybody."""

PROTECTED_SHARE = 0.1

SHARE: Mapping[str, int] = {"air-quality": 1, "traffic-flow": 4, "camera-events": 2, "incidents": 8, "residents": 2, "enterprises": 8}
"""Of every so many records asked for, one is made: alarms are rarer than readings."""

Values = list[Any]
Column = Values | str | int | float | bool
"""Values of a column, or the one value that all rows have."""


@dataclass(slots=True)
class Made:
    """All records of one resource that the world ever made; the place of a record in it is its id."""

    parts: list[pa.RecordBatch] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    """Node of each part."""
    count: int = 0


@dataclass(slots=True)
class Workload:
    """Makes records and remembers them."""

    rng: Random
    wall_us: Callable[[str], int]
    """A node's wall clock."""
    schemas: Mapping[str, pa.Schema]
    made: dict[str, Made] = field(default_factory=dict)
    """By resource."""
    communities: tuple[str, ...] = ()
    """Last digits of the codes of enterprises; empty: they are told by their street alone."""
    _named: dict[str, int] = field(default_factory=dict)
    _times: set[int] = field(default_factory=set)
    """Event times of rows that desks wrote."""

    def resources_of(self, plan: NodePlan) -> tuple[str, ...]:
        """What a node of this level produces."""
        by_level = {
            Level.GRID: ("air-quality", "traffic-flow", "camera-events", "incidents"),
            Level.STREET: ("residents",),
            Level.MUNICIPAL: ("enterprises",),
        }
        return by_level.get(plan.level, ())

    def records(self, plan: NodePlan, resource: str, count: int) -> tuple[pa.RecordBatch, int]:
        """`count` fresh records of a resource at a node, and the id of the first."""
        make = {
            "air-quality": self._readings,
            "traffic-flow": self._counts,
            "camera-events": self._events,
            "incidents": self._incidents,
            "residents": self._residents,
            "enterprises": self._enterprises,
        }[resource]
        schema = self.schemas[resource]
        columns = make(plan, self._names(plan, resource, count), self.wall_us(plan.id))
        arrays = [_array(values, count, kind.type) for values, kind in zip(columns, schema, strict=True)]
        rows = pa.RecordBatch.from_arrays(arrays, schema=schema)
        return rows, self._remember(plan.id, resource, rows)

    def taken(self, node: str, resource: str, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
        """Rows that a desk of a node wrote, each with an event time of its own (no case goes by it), and the id of the first."""
        times = [self._free_time(int(wall_us)) for wall_us in rows.column(0).cast(pa.int64()).to_numpy()]
        rows = rows.set_column(0, rows.schema.field(0), pa.array(times, pa.int64()).cast(rows.schema.field(0).type))
        return rows, self._remember(node, resource, rows)

    def _free_time(self, wall_us: int) -> int:
        while wall_us in self._times:
            wall_us += 1
        self._times.add(wall_us)
        return wall_us

    def _remember(self, node: str, resource: str, rows: pa.RecordBatch) -> int:
        made = self.made.setdefault(resource, Made())
        first = made.count
        made.parts.append(rows)
        made.origins.append(node)
        made.count += rows.num_rows
        return first

    def _names(self, plan: NodePlan, resource: str, count: int) -> list[str]:
        key = f"{plan.id}/{resource}"
        known = self._named.get(key, 0)
        self._named[key] = known + count
        return [f"{key}/{number}" for number in range(known + 1, known + count + 1)]

    def _readings(self, plan: NodePlan, names: list[str], wall_us: int) -> list[Column]:
        values = [round(5 + 195 * self.rng.random(), 1) for _ in names]
        return [wall_us, plan.territory, 1, f"{plan.id}-air", "PM2.5", values, names, "ug/m3"]

    def _counts(self, plan: NodePlan, names: list[str], wall_us: int) -> list[Column]:
        values = [float(self.rng.randrange(400)) for _ in names]
        return [wall_us, plan.territory, 1, f"{plan.id}-road", "vehicles", values, names, "1/min"]

    def _events(self, plan: NodePlan, names: list[str], wall_us: int) -> list[Column]:
        return [
            wall_us, plan.territory, 2, names, f"{plan.id}-cam", "line", "vehicle", 0.9, "street-s", "", "",
            "rendered-only", "rendered", "", False,
        ]  # fmt: skip

    def _incidents(self, plan: NodePlan, names: list[str], wall_us: int) -> list[Column]:
        return [wall_us, plan.territory, 2, names, "", "crowding", 2, "grid", "open", ""]

    def _residents(self, plan: NodePlan, names: list[str], wall_us: int) -> list[Column]:
        secrets = [f"secret {name}" for name in names]
        born = [1800 + self.rng.randrange(50) for _ in names]
        category = [PROTECTED if self.rng.random() < PROTECTED_SHARE else "ordinary" for _ in names]
        marked = [[f"{word} {secret}" for secret in secrets] for word in ("id", "phone")]
        return [wall_us, plan.territory, 3, names, secrets, *marked, born, category]

    def _enterprises(self, plan: NodePlan, names: list[str], wall_us: int) -> list[Column]:
        places = [f"{plan.territory}{self.rng.randint(1, 2):02d}{self.rng.randint(1, 2):03d}" for _ in names]
        if self.communities:
            places = [place + self.rng.choice(self.communities) for place in places]
        return [wall_us, places, 1, names, [f"Factory {name}" for name in names], "trade", "open"]


def _array(values: Column, count: int, kind: pa.DataType) -> pa.Array[Any]:
    flat = kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    if isinstance(values, list):
        plain: pa.Array[Any] = pa.array(values, type=flat)
        return plain.dictionary_encode() if isinstance(kind, pa.DictionaryType) else plain
    if isinstance(kind, pa.DictionaryType):
        return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array([values], type=flat))
    repeated: pa.Array[Any] = pa.array([values], type=flat).take(np.zeros(count, np.int64))
    return repeated
