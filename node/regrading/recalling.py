"""What a raise makes of the records that were shared before it: at every holder, what its grade may not be there is erased or masked.

Records are found by number, so that a masked copy is found like any other, and no other record is touched. What the holder may do is its
own plan's: for the flow by which a batch came, at the distance that it has. Called by the eraser of recalls (node/recall).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from node.recall.orders import Order, RegradeOrder
from node.recall.rewriting import Flags, Rewriting, Rewritten, foreign_rows, parts_of, with_rows
from policies.catalogue import COMMON_COLUMNS, Resource
from policies.columns import mask_columns
from policies.compile import PlanBook
from policies.masks import TokenTable
from policies.plan import GradeRule, Plan, PlanKey, RowRule
from policies.regrade import RegradeIndex
from policies.words import GRADES, Distance, Reason, Verdict, Way
from sync.model import BatchHeader, Level, Run, StoredBatch
from sync.wire.payload import unfold_payload

_NO_RULE = RowRule("", None, (), Verdict.ALLOW, Reason.NONE, ())


@dataclass(frozen=True, slots=True)
class RegradeRewriting(Rewriting):
    """One raise over its resource at one node."""

    grade: int
    index: RegradeIndex
    book: PlanBook

    @property
    def takes_all(self) -> bool:
        """Never: a raise names its records."""
        return False

    def is_about(self, header: BatchHeader) -> bool:
        """True when a batch holds a named record that this node may not have as it is."""
        if header.origin_distance < 1 or not self.index.touches(header):
            return False
        rule = self._rule(header)
        return not rule.verdict.passes or bool(rule.columns)

    def own(self, stored: StoredBatch, rows: pa.RecordBatch | None) -> list[Run]:
        """The stretches of this node's own records that are named, and that it keeps."""
        named = self._named(stored.batch.header)
        return [part for run in stored.live_runs if run.state.has_rows and run.origin == self.node for part in parts_of(run, named)]

    def rewritten(self, stored: StoredBatch, tokens: TokenTable) -> Rewritten | None:
        """What takes the place of a batch with its payload; None when nothing of it is named."""
        header = stored.batch.header
        chosen = self._named(header) & foreign_rows(header, self.node)
        if not chosen.any():
            return None
        rows = unfold_payload(stored.batch.payload)
        rule = self._rule(header)
        return self._shortened(stored, rows, chosen) if not rule.verdict.passes else self._hidden(stored, rows, chosen, rule, tokens)

    def _hidden(self, stored: StoredBatch, rows: pa.RecordBatch, chosen: Flags, rule: GradeRule, tokens: TokenTable) -> Rewritten | None:
        header = stored.batch.header
        graded = self.index.graded(header, rows)
        masked = mask_columns(_masking(self.resource, rule, rows), graded, tokens).rows
        if masked is rows:
            return None
        changed = tuple(part for run in header.runs if run.state.has_rows for part in parts_of(run, chosen))
        return Rewritten(with_rows(stored, header, header.runs, stored.duplicates, masked), masked=changed)

    def _rule(self, header: BatchHeader) -> GradeRule:
        plan = self.book.plan(self.resource.code, hops=max(header.origin_distance, 1), way=Way.of(header.direction), level=self.level)
        return next((rule for rule in plan.grades if rule.grade == self.grade), plan.base)

    def _named(self, header: BatchHeader) -> Flags:
        return self.index.named(header)


def rewriting_of(
    order: Order, resource: Resource, book: PlanBook, *, node: str, level: Level, below: frozenset[str] = frozenset()
) -> Rewriting:
    """The rewriting of an order, whatever gives it; raises PredicateError when a predicate does not fit the resource."""
    if not isinstance(order, RegradeOrder):
        return Rewriting.of(order, resource, book, node=node, level=level, below=below)
    index = RegradeIndex([order.regrade])
    return RegradeRewriting(order, resource, _NO_RULE, node, level, order.regrade.grade, index, book)


def _masking(resource: Resource, rule: GradeRule, rows: pa.RecordBatch) -> Plan:
    """A plan that masks rows of the raised grade and above, and nothing else."""
    key = PlanKey(resource.code, Distance.PARENT, Way.UP, Level.PROVINCIAL, resource.purpose)
    none = GradeRule(GRADES[0], Verdict.ALLOW, Reason.NONE, ())
    grades = tuple(replace(rule if grade >= rule.grade else none, grade=grade) for grade in GRADES)
    return Plan(key, resource, grades, (), (), frozenset((*COMMON_COLUMNS, *rows.schema.names)))
