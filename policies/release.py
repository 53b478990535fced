"""Totals instead of records: counting by place and group, and the rule that decides which counts may be shown.

Owns the threshold, widening to the next tier, rounding beside hidden cells, and finality: a released cell changes again only by at least
k, else the change is carried forward; what stays hidden is policies/suppression.py's. Refuses nothing; what may not be shown comes out as
suppressed. Called by the summarising node once per window, with one row per person; the caller keeps `ReleaseState` durable and offers the
batch to the engine as records of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from policies.arrow import Column, call, encoded_like, is_dictionary, plain, to_flags, to_numpy
from policies.catalogue import Derived, Resource, schema
from policies.ceiling import ReleaseRule
from policies.columns import highest_grade, row_codes
from policies.errors import PolicyError
from policies.plan import Plan
from policies.suppression import beside_hidden, hidden_cells, key_of, siblings
from policies.words import GRADES, Verdict

SKETCH_TIMES_K = 10
"""A sketch of ids is released above this many times k."""

Group = tuple[str | int | None, ...]
"""Values of the groups after the place."""


@dataclass(frozen=True, slots=True)
class Cell:
    """How many records fall into one place and group."""

    place: str
    group: Group
    count: int

    @property
    def key(self) -> str:
        """The cell's name in `ReleaseState`."""
        return key_of(self.place, self.group)


@dataclass(frozen=True, slots=True)
class ReleasedCell:
    """A cell as it is shown."""

    place: str
    group: Group
    count: int | None
    """None: suppressed."""


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """What was shown so far: the value by cell key, None for a cell shown as suppressed. Plain values, so that it can be stored as JSON."""

    shown: Mapping[str, int | None] = field(default_factory=dict)


def sketch_least(rules: Mapping[int, ReleaseRule], grade: int) -> int | None:
    """Distinct ids from which on a sketch of ids over rows of `grade` may be released; None where it never may, L4 among them."""
    if grade <= GRADES[0]:
        return 0
    rule = next((rules[known] for known in sorted(rules) if known >= grade), None)
    return None if rule is None or grade >= GRADES[-1] else rule.k * SKETCH_TIMES_K + 1


def countable(plan: Plan, rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows that may enter totals under the plan of the flow they would go up: neither denied nor held."""
    codes = row_codes(plan, rows)
    return rows.filter(pa.array(codes < Verdict.HOLD * 16))


def rule_for(rules: Mapping[int, ReleaseRule], batches: Iterable[pa.RecordBatch]) -> ReleaseRule:
    """The release rule for the highest grade among the rows; raises PolicyError when there is none, for then nothing may be shown."""
    grade = max((highest_grade(rows) for rows in batches), default=0)
    rule = next((rules[known] for known in sorted(rules) if known >= grade), None)
    if rule is None:
        raise PolicyError(f"totals of grade {grade} refused: no release rule for it; the issuer of the catalogue must add one")
    return rule


def count_cells(batches: Sequence[pa.RecordBatch], derived: Derived) -> tuple[Cell, ...]:
    """Counts by the derived resource's groups, sorted by key; one row per person is the caller's business."""
    if not sum(rows.num_rows for rows in batches):
        return ()
    table = pa.Table.from_batches([_group_columns(rows, derived) for rows in batches])
    names = table.column_names
    counted = table.group_by(names).aggregate([([], "count_all")]).to_pylist()
    cells = [Cell(str(row[names[0]] or ""), tuple(row[name] for name in names[1:]), row["count_all"]) for row in counted]
    return tuple(sorted(cells, key=lambda cell: cell.key))


def release_cells(
    cells: Sequence[Cell], rule: ReleaseRule, derived: Derived, state: ReleaseState
) -> tuple[tuple[ReleasedCell, ...], ReleaseState]:
    """What of `cells` is shown in this window, new or changed, and the state to keep. Nothing that is not in the answer may be shown."""
    shown = dict(state.shown)
    present = [*cells, *_vanished(cells, derived, state)]
    hidden = hidden_cells(present, rule, derived, state.shown)
    rounded = beside_hidden(present, hidden, derived)
    answer: list[ReleasedCell] = []
    for cell in [*present, *_widened(present, hidden, rule, derived)]:
        value = None if cell.key in hidden else _nearest(cell.count, rule.step) if cell.key in rounded else cell.count
        if _is_news(shown, cell.key, value, rule.k):
            shown[cell.key] = value
            answer.append(ReleasedCell(cell.place, cell.group, value))
    return tuple(answer), ReleaseState(shown)


def released_batch(resource: Resource, cells: Sequence[ReleasedCell], *, window_start_us: int) -> pa.RecordBatch:
    """Released cells as rows of the derived resource; `count` is null where suppressed."""
    if resource.derived is None:
        raise PolicyError(f"resource {resource.code} has no totals: it is not derived")
    names = [group.name for group in resource.derived.groups]
    columns: dict[str, list[object]] = {
        "event_time": [window_start_us] * len(cells),
        "territory": [cell.place for cell in cells],
        "grade": [resource.grade] * len(cells),
        "window_start": [window_start_us] * len(cells),
        names[0]: [cell.place for cell in cells],
        "count": [cell.count for cell in cells],
        "suppressed": [cell.count is None for cell in cells],
    }
    for index, name in enumerate(names[1:]):
        columns[name] = [cell.group[index] for cell in cells]
    arrays = [_typed(columns[item.name], item.type) for item in schema(resource)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema(resource))


def _group_columns(rows: pa.RecordBatch, derived: Derived) -> pa.RecordBatch:
    arrays = []
    for group in derived.groups:
        column = rows.column(group.source)
        if is_dictionary(column):
            column = plain(column)
        if group.width and pa.types.is_string(column.type):
            column = call("utf8_slice_codeunits", column, 0, group.width)
        elif group.width:
            column = _stepped(column, group.width)
        arrays.append(column)
    return pa.RecordBatch.from_arrays(arrays, names=[group.name for group in derived.groups])


def _stepped(column: Column, width: int) -> Column:
    missing = to_flags(column.is_null())
    values = np.floor_divide(to_numpy(call("fill_null", column, 0)), width) * width
    return pa.array(values.astype(np.int64), pa.int64(), mask=missing)


def _vanished(cells: Sequence[Cell], derived: Derived, state: ReleaseState) -> list[Cell]:
    """Cells shown before in which nobody is left."""
    here = {cell.key for cell in cells}
    gone = [json.loads(key) for key, value in state.shown.items() if value and key not in here]
    width = derived.groups[0].width
    return [Cell(place, tuple(group), 0) for place, *group in gone if not width or len(place) == width]


def _widened(cells: Sequence[Cell], hidden: set[str], rule: ReleaseRule, derived: Derived) -> list[Cell]:
    """Places all of which are hidden in a group, shown together at the next tier when together they are enough."""
    if not derived.widen_to:
        return []
    wide = []
    for (place, group), members in siblings(cells, derived).items():
        total = sum(cell.count for cell in members)
        if all(cell.key in hidden for cell in members) and len(members) >= rule.suppressed_min and total >= rule.k:
            wide.append(Cell(place, group or (), total))
    return wide


def _nearest(count: int, step: int) -> int:
    """The multiple of `step` nearest to a count, the higher of two."""
    return (2 * count + step) // (2 * step) * step


def _is_news(shown: Mapping[str, int | None], key: str, value: int | None, k: int) -> bool:
    if key not in shown:
        return True
    last = shown[key]
    if value is None or last is None:
        return value is not None
    return abs(value - last) >= k


def _typed(values: list[object], kind: pa.DataType) -> Column:
    flat = kind.value_type if pa.types.is_dictionary(kind) else kind
    return encoded_like(pa.array(values, flat), kind)
