"""Why something flows or not: the steps of an evaluation, the columns, and the specimen as each level would get it.

Owns answers as plain values for JSON; texts stay with the caller, who renders the codes (`step_...`, `reason_...`). Called by the
node's API for `policy explain` and `specimen`; the specimen goes through the production gate, so what is shown is what would happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from policies.arrow import ArrowField, Column, encoded_like
from policies.catalogue import Resource, Scalar, schema
from policies.columns import highest_grade, row_codes, state_of
from policies.compile import PlanBook
from policies.errors import PolicyError
from policies.gate import CompiledGate
from policies.plan import ColumnRule, Plan, Step
from policies.words import Verdict, Way
from sync.model import Batch, BatchHeader, Direction, Level, Run, State, StoredBatch
from sync.ports import Flow, Outcome

Plain = dict[str, object]
"""A JSON object."""

_EXPLAINED_AT = "specimen"
_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer to why."""

    outcome: str
    """Word of the verdict for the resource, or for the row when one was given."""
    reason: str
    """Class of the reason; empty when the record passes."""
    steps: tuple[Step, ...]
    columns: tuple[ColumnRule, ...]
    version: bytes
    plan: bytes

    def encoded(self) -> Plain:
        """The answer of the API's `explain` verb, with codes where texts go."""
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "steps": [_step(step) for step in self.steps],
            "columns": [_column(rule) for rule in self.columns],
            "version": self.version.hex(),
            "plan": self.plan.hex(),
        }


def target_level(resource: Resource | None, *, hops: int) -> Level:
    """The level `hops` above the source of a resource when no level is skipped; a resource with sources everywhere counts from the grid."""
    source = resource.source_level if resource and resource.source_level else Level.GRID
    return Level(min(source + hops, Level.PROVINCIAL))


def explain(
    book: PlanBook,
    resource: str,
    way: Way,
    *,
    hops: int,
    level: Level | None = None,
    purpose: str = "",
    row: dict[str, Scalar] | None = None,
) -> Explanation:
    """Why records of `resource` flow or not; with `row`, what becomes of that very row. Raises PolicyError for a row that does not fit."""
    known = book.ruleset.resources.get(resource)
    plan = book.plan(resource, hops=hops, way=way, level=level or target_level(known, hops=hops), purpose=purpose)
    verdict, reason, steps, columns = plan.base.verdict, plan.base.reason.word, plan.steps, plan.base.columns
    if row is not None and known is not None:
        verdict, reason, extra = _judge_row(plan, known, row)
        steps = (*steps, *extra)
    return Explanation(verdict.word, reason, steps, columns if verdict.passes else (), book.ruleset.version.digest, plan.hash)


ELSEWHERE_OUTCOME = "elsewhere"
"""Outcome of a record that this flow does not concern."""


def explain_record(gate: CompiledGate, flow: Flow, stored: StoredBatch, rows: pa.RecordBatch) -> Plain:
    """Why one stored record reaches the target of `flow`, or not: the gate's own answer, the step that decided, what would release it.

    `stored` is a batch of that record alone, at its distance from the target less one; `rows` is its row. No value of the row is in the
    answer. Raises PolicyError for a row that does not fit its header.
    """
    header = stored.batch.header
    way = Way.of(flow.direction)
    plan = gate.book.plan(header.resource, hops=header.origin_distance + 1, way=way, level=flow.peer_level, purpose=flow.purpose)
    graded = gate.regrades.graded(header, rows)
    released = gate.release(flow, stored, rows)
    version = {"version": gate.book.ruleset.version.digest.hex(), "plan": released.plan_hash.hex(), "grade": highest_grade(graded)}
    if released.outcome is Outcome.ELSEWHERE:
        why = _elsewhere(flow, header, plan)
        return version | {"outcome": ELSEWHERE_OUTCOME, "reason": why, "steps": [], "decided": None, "columns": [], "release": ""}
    verdict, reason, extra = _judge_rows(plan, graded)
    run = released.runs[0]
    passes = run.state is State.PRESENT
    columns = _columns_of(plan, graded) if passes else ()
    if passes:
        verdict, reason = Verdict.MASK if columns else Verdict.ALLOW, ""
    steps = (*plan.steps, *extra)
    return version | {
        "outcome": verdict.word,
        "reason": run.reason or reason,
        "steps": [_step(step) for step in steps],
        "decided": _step(_decisive(steps, verdict)),
        "columns": [_column(rule) for rule in columns],
        "release": "" if passes else run.reason,
    }


def _decisive(steps: Sequence[Step], verdict: Verdict) -> Step:
    """The step that led to `verdict`: the last one where nothing spoke against the record, else the first that is as strict."""
    return next((step for step in steps if step.verdict is verdict), steps[-1]) if verdict > Verdict.ALLOW else steps[-1]


def _elsewhere(flow: Flow, header: BatchHeader, plan: Plan) -> str:
    """Why a record does not go this way at all, as the end of a text's name."""
    if flow.direction is Direction.UP:
        return "returned"
    if plan.resource is not None and not plan.resource_returns:
        return "not-returned"
    return "own" if all(run.origin in flow.subtree for run in header.runs) else "other-territory"


def _columns_of(plan: Plan, rows: pa.RecordBatch) -> tuple[ColumnRule, ...]:
    """What happens to the columns of this very row: by its grade, and by the entries it matches; the strictest rule of a column counts."""
    grade = max(highest_grade(rows), plan.base.grade)
    found = list(next((rule.columns for rule in plan.grades if rule.grade == grade), plan.base.columns))
    found += [rule for entry in plan.rows if entry.columns and entry.matches(rows)[0].as_py() for rule in entry.columns]
    strictest: dict[str, ColumnRule] = {}
    for rule in found:
        known = strictest.get(rule.name)
        if known is None or rule.mask.method > known.mask.method:
            strictest[rule.name] = rule
    return tuple(strictest.values())


def specimen_forms(gate: CompiledGate, resource: str) -> Plain:
    """The catalogue's fictitious specimen as the source, the parent, the levels above and a listed person's parent would get it."""
    known = gate.book.ruleset.resources.get(resource)
    if known is None:
        raise PolicyError(f"no resource {resource!r} in the catalogue; `yunnao status` lists those that are")
    specimen = dict(known.specimen)
    forms: list[Plain] = [{"where": "source", "outcome": Verdict.ALLOW.word, "row": _in_order(known, specimen), "reason": ""}]
    forms += [_form(gate, known, specimen, where, hops) for where, hops in (("parent", 1), ("above", 2))]
    if known.specimen_listed:
        forms.append(_form(gate, known, {**specimen, **dict(known.specimen_listed)}, "listed", 1))
    return {"resource": resource, "fields": [name for name in schema(known).names if name in specimen], "forms": forms}


def row_batch(resource: Resource, row: dict[str, Scalar]) -> pa.RecordBatch:
    """One row as a batch of the resource's schema; a grade left out is the resource's. Raises PolicyError naming the field."""
    unknown = sorted(set(row) - set(schema(resource).names))
    if unknown:
        raise PolicyError(f"row refused: {resource.code} has no field {unknown[0]!r}")
    values = {"grade": resource.grade, **row}
    return pa.RecordBatch.from_arrays([_cell(item, values.get(item.name)) for item in schema(resource)], schema=schema(resource))


def _judge_row(plan: Plan, resource: Resource, row: dict[str, Scalar]) -> tuple[Verdict, str, tuple[Step, ...]]:
    return _judge_rows(plan, row_batch(resource, row))


def _judge_rows(plan: Plan, rows: pa.RecordBatch) -> tuple[Verdict, str, tuple[Step, ...]]:
    """The verdict on one row, its reason, and the steps that are about this very row."""
    code = int(row_codes(plan, rows)[0])
    verdict = Verdict(code >> 4) if code else plan.base.verdict
    listed = [entry for entry in plan.rows if entry.matches(rows)[0].as_py()]
    steps = tuple(Step("negative-list", entry.verdict, "row-listed", _values_of(plan, entry.entry_id)) for entry in listed)
    grade = highest_grade(rows)
    if grade > plan.base.grade:
        rule = next(rule for rule in plan.grades if rule.grade >= grade)
        steps = (Step("ceiling", rule.verdict, "row-graded", (("grade", f"L{grade}"),)), *steps)
        verdict = max(verdict, rule.verdict)
    return verdict, state_of(code)[1], steps


def _values_of(plan: Plan, entry_id: str) -> tuple[tuple[str, str], ...]:
    """What the plan says of an entry: its legal basis, its end, where to appeal."""
    named = ("entry", entry_id)
    return next((step.values for step in plan.steps if named in step.values), (named,))


def _form(gate: CompiledGate, resource: Resource, row: dict[str, Scalar], where: str, hops: int) -> Plain:
    rows = row_batch(resource, row)
    level = target_level(resource, hops=hops)
    flow = Flow(_EXPLAINED_AT, level, "", Direction.UP)
    stored = _stored(resource, rows, hops - 1)
    released = gate.release(flow, stored, rows)
    plan = gate.book.plan(resource.code, hops=hops, way=Way.UP, level=level)
    state = released.runs[0]
    shown = rows if released.outcome is Outcome.WHOLE else released.rows
    if state.state is not State.PRESENT or shown is None:
        code = int(row_codes(plan, rows)[0])
        return {"where": where, "level": level.word, "outcome": Verdict(code >> 4).word, "row": None, "reason": state.reason}
    reason = plan.base.columns[0].reason.word if plan.base.columns else ""
    shown_row = {name: _plain(value) for name, value in shown.to_pylist()[0].items() if name in row}
    return {"where": where, "level": level.word, "outcome": plan.base.verdict.word, "row": shown_row, "reason": reason}


def _in_order(resource: Resource, row: dict[str, Scalar]) -> Plain:
    return {name: row[name] for name in schema(resource).names if name in row}


def _stored(resource: Resource, rows: pa.RecordBatch, distance: int) -> StoredBatch:
    run = Run(_EXPLAINED_AT, 1, 1, 1, 0)
    header = BatchHeader(resource.code, resource.lane, resource.schema_version, 1, (run,), _NO_HASH, 0, 0, grade_max=highest_grade(rows))
    return StoredBatch(1, Batch(replace(header, origin_distance=distance), b""), _EXPLAINED_AT)


def _cell(item: ArrowField, value: Scalar) -> Column:
    kind = item.type.value_type if pa.types.is_dictionary(item.type) else item.type
    try:
        raw = bytes.fromhex(str(value)) if value is not None and pa.types.is_binary(kind) else value
        array = pa.array([raw], kind)
    except (pa.ArrowException, ValueError, OverflowError):
        raise PolicyError(f"row refused: {item.name} is of type {kind} and cannot be {str(value)[:60]!r}") from None
    return encoded_like(array, item.type)


def _plain(value: object) -> Scalar:
    if isinstance(value, bytes):
        return value.hex()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return pa.scalar(value, pa.timestamp("us", tz="UTC")).value


def _step(step: Step) -> Plain:
    values = dict(step.values)
    basis = {name: values[name] for name in ("instrument", "article", "quote") if name in values}
    return {"rule": step.rule, "outcome": step.verdict.word, "reason": step.reason, "basis": basis, "values": values}


def _column(rule: ColumnRule) -> Plain:
    return {"name": rule.name, "method": rule.mask.method.word, "reason": rule.reason.word}
