"""A node's own part of a summary, from its DuckDB mart."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from node.store.mart import Mart
from node.summaries.keying import SketchKey
from node.summaries.partial import GRADE_MAX, Cell, Cells
from node.summaries.spec import SummarySpec

_GROUPS = """
SELECT epoch_us(time_bucket(to_seconds(?), event_time)) AS bucket, substr(territory, 1, ?) AS place, quantity,
       list(value ORDER BY value) AS readings, list(DISTINCT device) AS devices, max(grade) AS grade
FROM {table}
WHERE event_time >= make_timestamptz(?) AND event_time < make_timestamptz(?)
  AND value IS NOT NULL AND isfinite(value) AND (? = '' OR quantity = ?) AND list_contains(?, _origin)
  AND (? OR grade BETWEEN 0 AND ?)
GROUP BY ALL
"""

_ORIGINS = "SELECT DISTINCT _origin FROM {table}"


def origins_held(mart: Mart, resource: str) -> frozenset[str]:
    """Nodes whose own records of the resource are here."""
    table = _table(mart, resource)
    return frozenset(str(origin) for origin in mart.query(_ORIGINS.format(table=table)).column(0).to_pylist()) if table else frozenset()


def compute_cells(mart: Mart, spec: SummarySpec, origins: Collection[str], *, key: SketchKey | None, grade_max: int | None = None) -> Cells:
    """The cells over the records that `origins` made and that are here whole; of rows graded above `grade_max`, or not at all, nothing.

    Distinct devices are told under `key`; without one they are not.
    """
    name = _table(mart, spec.resource)
    if not origins or not name:
        return {}
    params = [spec.bucket_s, spec.territory_digits, spec.from_us, spec.to_us, spec.quantity, spec.quantity, sorted(origins)]
    params += [grade_max is None, grade_max or 0]
    table = mart.query(_GROUPS.format(table=name), params)
    cells: Cells = {}
    for row in table.to_pylist():
        values = np.asarray(row["readings"], dtype=np.float64)
        # A row without a grade of its own (0, or none where everything is counted) has its resource's, which the caller knows.
        grade = min(max(row["grade"] or 0, 0), GRADE_MAX)
        cells[row["bucket"], row["place"], row["quantity"]] = Cell.of(values, sorted(row["devices"]), key, grade=grade)
    return cells


def _table(mart: Mart, resource: str) -> str:
    """The resource's table, quoted; empty while the mart holds no row of it. Raises MartError."""
    return mart.table(resource) if mart.has(resource) else ""
