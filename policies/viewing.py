"""What a person of a clearance is shown of a node's own records: rows up to it whole, fields graded above it masked, all else withheld.

Owns the plan of a viewer, made from the plan of the own node (the ceiling's column "own"). Rows graded above the clearance, ungraded rows
and what the legal floor names are not shown; entries of the negative list speak of ways out of a node, not of this. Pure. Called by
`CompiledGate.view`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pyarrow as pa

from policies.catalogue import Field, Resource
from policies.columns import compacted, mask_columns, row_codes, state_of
from policies.compile import PlanBook
from policies.errors import PolicyError
from policies.granting import Given, masks_of
from policies.masks import REDACT, WITHHOLD, TokenTable
from policies.plan import ColumnRule, GradeRule, Plan, sealed, sealing, sealing_head, strongest
from policies.words import GRADES, LEGAL_FLOOR_CATEGORIES, National, Reason, Verdict, Way
from sync.model import Level

UNSEEN = GRADES[0] - 1
"""Clearance at which no row is shown."""


def viewing_plan(book: PlanBook, code: str, *, clearance: int, level: Level) -> Plan:
    """The plan for a viewer; raises PolicyError for a resource that is not in the catalogue or a clearance that is no grade."""
    if clearance not in GRADES:
        raise PolicyError(f"clearance {clearance} refused: it is one of {', '.join(f'L{grade}' for grade in GRADES)}")
    own = book.plan(code, hops=0, way=Way.UP, level=level)
    if own.resource is None:
        raise PolicyError(f"{code} is not in the catalogue in force here")
    limit = clearance if own.resource.grade else UNSEEN
    grades = tuple(_seen(book, own.resource, rule, limit) for rule in own.grades)
    return sealed(replace(own, grades=grades), sealing(sealing_head(own.resource, own.known), grades, own.rows))


def view(plan: Plan, rows: pa.RecordBatch, tokens: TokenTable) -> Given:
    """What a viewer is shown of stored `rows`."""
    codes = row_codes(plan, rows)
    withheld = Counter(state_of(int(code))[1] for code in codes if code)
    kept = compacted(rows.filter(pa.array(codes == 0))) if codes.any() else rows
    shown = mask_columns(plan, kept, tokens).rows if kept.num_rows else kept
    return Given(shown, dict(withheld), masks_of(shown, shown.schema.names), plan.hash)


def _seen(book: PlanBook, resource: Resource, rule: GradeRule, clearance: int) -> GradeRule:
    if _is_on_floor(resource):
        return replace(rule, verdict=Verdict.DENY, reason=Reason.LEGAL_FLOOR, columns=())
    if rule.grade > clearance:
        reason = Reason.CEILING if clearance > UNSEEN else Reason.UNCLASSIFIED
        return replace(rule, verdict=max(rule.verdict, Verdict.HOLD), reason=reason, columns=())
    if not rule.verdict.passes:
        return rule
    columns = strongest([*rule.columns, *(one for item in resource.fields if (one := _column(book, item, clearance)) is not None)])
    return replace(rule, verdict=Verdict.MASK, reason=Reason.CEILING, columns=columns) if columns else rule


def _column(book: PlanBook, item: Field, clearance: int) -> ColumnRule | None:
    if item.category in LEGAL_FLOOR_CATEGORIES:
        return ColumnRule(item.name, WITHHOLD, Reason.LEGAL_FLOOR)
    return ColumnRule(item.name, book.ruleset.masks.get(item.mask, REDACT), Reason.CEILING) if item.grade > clearance else None


def _is_on_floor(resource: Resource) -> bool:
    return resource.national is National.CORE or bool(LEGAL_FLOOR_CATEGORIES & set(resource.categories))
