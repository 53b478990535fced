"""The vectorised form of a plan: verdicts of all rows and masks of all columns of a batch at once, with nothing interpreted per record.

Owns the arithmetic between a plan and Arrow columns. Called by the gate alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from policies.arrow import Chosen, Column, call, encoded_like, is_dictionary, only_used, plain, to_flags, to_numpy, words_of
from policies.masks import MASK_KEY, TAKEN, WITHHOLD, Mask, TokenTable, apply_mask, describe
from policies.plan import ColumnLayers, ColumnRule, Plan, RowRule
from policies.words import GRADES, Reason, Verdict
from sync.model import Segment, State

ELSEWHERE = 127
"""Row code of a row that is not addressed to the target at all."""
ELSEWHERE_REASON = "\x00elsewhere"
"""Marks runs to be dropped; no reason word contains a NUL."""

Codes = npt.NDArray[np.int8]
"""One number per row: 0 passes, ELSEWHERE, or verdict * 16 + reason, which rises with strictness."""

Settled = Mapping[str, Chosen]
"""By column, the rows whose value a mask took before: entries that read it were judged where the value was."""
NOTHING_SETTLED: Settled = MappingProxyType({})

_STATES = {
    Verdict.VERIFY: State.AGGREGATE_ONLY,
    Verdict.AGGREGATE: State.AGGREGATE_ONLY,
    Verdict.HOLD: State.HELD,
    Verdict.DENY: State.DENIED,
}
_AS_RESOURCE = 0
"""What rows carry that were stored before anybody graded their resource: the resource's grade of the day is theirs."""
_NO_GRADE = GRADES[-1] + 1
"""Stands for a grade that is missing or none at all: nobody knows what the row may be told."""
NAMES_REMEMBERED_MAX = 1_024
"""Columns outside the catalogue of which the rule is remembered."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A batch's columns after a plan."""

    rows: pa.RecordBatch
    changed: tuple[str, ...]
    """Columns whose values the masks changed: empty when all were masked enough already."""


def code_of(verdict: Verdict, reason: Reason) -> int:
    """The row code of a verdict."""
    return 0 if verdict.passes else verdict * 16 + reason


@cache
def state_of(code: int) -> tuple[State, str]:
    """The state and the reason word a row code stands for."""
    if code == 0:
        return State.PRESENT, ""
    return _STATES[Verdict(code >> 4)], Reason(code & 15).word


def grades_of(rows: pa.RecordBatch) -> npt.NDArray[np.int8]:
    """The grade of each row, 1-4; 0 where it is its resource's, 5 where it is missing or no grade."""
    if "grade" not in rows.schema.names:
        return np.full(rows.num_rows, _NO_GRADE, np.int8)
    column = rows.column("grade")
    values = to_numpy(call("fill_null", column, _NO_GRADE) if column.null_count else column)
    if values.dtype == np.int8 and len(values) and values.min() >= _AS_RESOURCE and values.max() <= GRADES[-1]:
        return values
    return np.where((values >= _AS_RESOURCE) & (values <= GRADES[-1]), values, _NO_GRADE).astype(np.int8)


def highest_grade(rows: pa.RecordBatch) -> int:
    """The `grade_max` of a header for these rows, 0 for none. One without its own grade counts as the highest: no glance lets it pass."""
    grades = grades_of(rows)
    if not len(grades):
        return 0
    return int(GRADES[-1] if grades.min() == _AS_RESOURCE else min(grades.max(), GRADES[-1]))


def row_codes(plan: Plan, rows: pa.RecordBatch, *, settled: Settled = NOTHING_SETTLED) -> Codes:
    """The code of each row. `settled` is for batches that an equal plan has masked."""
    codes = _codes_by_grade(plan, grades_of(rows))
    for entry in plan.rows:
        code = code_of(entry.verdict, entry.reason)
        if code:
            codes = np.maximum(codes, _judged(entry, rows, settled).view(np.int8) * np.int8(code))
    return codes


def settled_by(plan: Plan, rows: pa.RecordBatch, tokens: TokenTable) -> Settled:
    """What may be `settled` of rows that say they were masked under an equal plan.

    The word of whoever sent them is not enough, or a column in the clear that says it was masked would lead rows past every entry that
    reads it: a value counts as taken where it is null, redacted, a pseudonym, or what a mask of this plan makes of it.
    """
    read = frozenset[str]().union(*(entry.columns_read for entry in plan.rows))
    return {name: _taken(plan, rows.column(name), name, tokens) for name in read & masked_names(rows)}


def segments_of(codes: Codes) -> list[Segment]:
    """The codes as stretches of equal decision; the ELSEWHERE stretches carry an impossible reason for the caller to drop."""
    if not len(codes):
        return []
    starts = np.concatenate(([0], np.flatnonzero(codes[1:] != codes[:-1]) + 1))
    places, decided = starts.tolist(), codes[starts]
    meaning = {code: _meaning(code) for code in np.unique(decided).tolist()}
    states, reasons = zip(*[meaning[code] for code in decided.tolist()], strict=True)
    return list(map(Segment, places, [*places[1:], len(codes)], states, reasons))


def mask_columns(plan: Plan, rows: pa.RecordBatch, tokens: TokenTable, *, settled: Settled = NOTHING_SETTLED) -> Masked:
    """`rows` with the plan's masks applied; columns the catalogue does not know are withheld."""
    changed: dict[int, ColumnRule] = {}
    arrays = rows.columns
    for index, name in enumerate(rows.schema.names):
        layers = layers_of(plan, name)
        if layers is None:
            continue
        column = arrays[index]
        for rule, chosen in _chosen(layers, rows, settled):
            column = apply_rule(column, rule.mask, chosen, tokens)
        if column is not arrays[index]:
            arrays[index], changed[index] = column, layers.told
    return masked_batch(rows.schema, arrays, changed) if changed else Masked(rows, ())


def masked_batch(schema: pa.Schema, arrays: list[Column], changed: Mapping[int, ColumnRule]) -> Masked:
    """Columns as a batch of `schema`; `changed` are those of which a rule changed values, by place, with what is told of them."""
    if changed:
        fields = list(schema)
        for index, rule in changed.items():
            fields[index] = fields[index].with_metadata({MASK_KEY: describe(rule.mask, rule.reason.word)})
        schema = pa.schema(fields).with_metadata(schema.metadata)
    return Masked(pa.RecordBatch.from_arrays(arrays, schema=schema), tuple(schema.names[index] for index in changed))


def kept_rows(rows: pa.RecordBatch, keep: Chosen) -> pa.RecordBatch:
    """The rows that are flagged, `compacted`."""
    return rows if keep.all() else compacted(rows.filter(pa.array(keep)))


def compacted(rows: pa.RecordBatch) -> pa.RecordBatch:
    """`rows` with dictionaries that hold only values in use: a filter leaves the words of withheld rows in the dictionary."""
    arrays = [only_used(column) if is_dictionary(column) else column for column in rows.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=rows.schema)


def masked_names(rows: pa.RecordBatch) -> frozenset[str]:
    """Columns whose metadata says that a gate masked them."""
    return frozenset(field.name for field in rows.schema if field.metadata and MASK_KEY in field.metadata)


def _codes_by_grade(plan: Plan, grades: npt.NDArray[np.int8]) -> Codes:
    if not len(grades):
        return np.zeros(0, np.int8)
    by_grade = np.full(_NO_GRADE + 1, plan.base.code, np.int8)
    for rule in plan.grades:
        by_grade[rule.grade] = rule.code
    by_grade[_NO_GRADE] = max(plan.base.code, code_of(Verdict.HOLD, Reason.UNCLASSIFIED))
    lowest = int(grades.min())
    return np.full(len(grades), by_grade[lowest]) if lowest == grades.max() else by_grade.take(grades)


def _taken(plan: Plan, column: Column, name: str, tokens: TokenTable) -> Chosen:
    columns = [rule for grade in plan.grades for rule in grade.columns] + [rule for entry in plan.rows for rule in entry.columns]
    masks = {TAKEN, *(rule.mask for rule in columns if rule.name == name)}
    taken = to_flags(column.is_null())
    for mask in masks:
        taken |= to_flags(call("fill_null", call("equal", plain(apply_mask(column, mask, tokens)), plain(column)), False))
    return taken


def _judged(entry: RowRule, rows: pa.RecordBatch, settled: Settled) -> Chosen:
    """The rows that an entry is about, those left out of which a value that it reads was taken."""
    matched = entry.flags(rows)
    for name in entry.columns_read & settled.keys():
        matched = matched & ~settled[name]
    return matched


def layers_of(plan: Plan, name: str) -> ColumnLayers | None:
    """What a plan makes of a column; None leaves it alone."""
    return plan.layers.get(name) if name in plan.known else _uncatalogued(name)


@lru_cache(maxsize=NAMES_REMEMBERED_MAX)
def _uncatalogued(name: str) -> ColumnLayers:
    rule = ColumnRule(name, WITHHOLD, Reason.UNCLASSIFIED)
    return ColumnLayers(rule, (), (), rule)


def _chosen(layers: ColumnLayers, rows: pa.RecordBatch, settled: Settled) -> Iterable[tuple[ColumnRule, Chosen | None]]:
    """The rules of one column from the base up; None chooses every row."""
    if layers.base:
        yield layers.base, None
    for grade, rule in layers.raised:
        yield rule, grades_of(rows) == grade
    for entry, rule in layers.listed:
        yield rule, _judged(entry, rows, settled)


def apply_rule(column: Column, mask: Mask, chosen: Chosen | None, tokens: TokenTable) -> Column:
    """The masked column; `column` itself when nothing changes. A word no row has counts as a change: it would travel too."""
    if chosen is None or chosen.all():
        masked = apply_mask(column, mask, tokens)
        # Dictionaries first: they are short, and when they differ the columns do.
        return column if words_of(masked).equals(words_of(column)) and masked.equals(column) else masked
    if not chosen.any():
        return column
    before = plain(column)
    mixed = call("if_else", pa.array(chosen), plain(apply_mask(column, mask, tokens)), before)
    return column if mixed.equals(before) else encoded_like(mixed, column.type)


def _meaning(code: int) -> tuple[State, str]:
    """State and reason of a code."""
    return (State.DENIED, ELSEWHERE_REASON) if code == ELSEWHERE else state_of(code)
