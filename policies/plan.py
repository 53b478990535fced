"""Compiled plans as values: what happens to each row and column of a resource on one kind of flow.

Owns the shape and the hash of a plan; `compile` makes them, the gate and explanations read them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pyarrow as pa

from policies.arrow import Chosen, Column, call, spread, to_flags, words_of
from policies.catalogue import Resource
from policies.masks import Mask
from policies.predicate import Predicate
from policies.words import Distance, Reason, Verdict, Way
from sync.model import Level


@dataclass(frozen=True, slots=True)
class PlanKey:
    """What a plan is looked up by."""

    resource: str
    distance: Distance
    """PARENT for every way but UP, where distance does not matter."""
    way: Way
    level: Level
    """Level of the target."""
    purpose: str


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """One column that is masked or withheld."""

    name: str
    mask: Mask
    reason: Reason


@dataclass(frozen=True, slots=True)
class GradeRule:
    """What holds for rows of one effective grade."""

    grade: int
    verdict: Verdict
    reason: Reason
    columns: tuple[ColumnRule, ...]

    @property
    def code(self) -> int:
        """The verdict and its reason as one number that rises with strictness; 0 passes."""
        return 0 if self.verdict.passes else self.verdict * 16 + self.reason

    @property
    def treatment(self) -> tuple[Verdict, tuple[tuple[str, Mask], ...]]:
        """What actually happens, without why."""
        return max(self.verdict, Verdict.MASK), tuple((rule.name, rule.mask) for rule in self.columns)


@dataclass(frozen=True, slots=True)
class RowRule:
    """A live entry that judges rows one by one."""

    entry_id: str
    predicate: Predicate | None
    territories: tuple[str, ...]
    verdict: Verdict
    """ALLOW when the entry only masks or withholds columns of the rows it matches."""
    reason: Reason
    columns: tuple[ColumnRule, ...]

    def matches(self, rows: pa.RecordBatch) -> Column:
        """True for each row the entry is about; what cannot be judged counts as matching."""
        return pa.array(self.flags(rows))

    def flags(self, rows: pa.RecordBatch) -> Chosen:
        """`matches` as flags."""
        matched = np.ones(rows.num_rows, np.bool_) if self.predicate is None else self.predicate.flags(rows)
        return matched & _inside_any(rows.column("territory"), self.territories) if self.territories else matched

    @property
    def columns_read(self) -> frozenset[str]:
        """Columns the predicate reads."""
        return self.predicate.columns if self.predicate else frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the evaluation, in order, for explanations."""

    rule: str
    """Which rule: bundle, legal-floor, negative-list, ceiling, share, grant, release, default."""
    verdict: Verdict
    reason: str
    """Code of a text `policy.step_...`."""
    values: tuple[tuple[str, str], ...] = ()
    """Placeholders of the text: entry id, instrument, article, quote, appeal, grade, purpose, k."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the gate needs for one key."""

    key: PlanKey
    resource: Resource | None
    """The catalogue's definition; None for a resource nobody catalogued."""
    grades: tuple[GradeRule, ...]
    """From the resource's own effective grade up to L4, ascending; the first is the base."""
    rows: tuple[RowRule, ...]
    steps: tuple[Step, ...]
    known: frozenset[str]
    """Columns the catalogue knows; any other is withheld."""
    hash: bytes = field(default=b"")
    """SHA-256 of what the plan does; the same in every process."""
    _ruled: frozenset[str] | None = field(init=False, repr=False, compare=False, default=None)

    @property
    def ruled(self) -> frozenset[str]:
        """Columns that some rule masks or withholds, for some rows at least: any other is not asked about rule by rule."""
        if self._ruled is None:
            by_grade = {rule.name for entry in self.grades for rule in entry.columns}
            by_row = {rule.name for entry in self.rows for rule in entry.columns}
            # Found when a batch is decided: of a whole catalogue's plans most never are.
            object.__setattr__(self, "_ruled", frozenset(by_grade | by_row))
        return cast("frozenset[str]", self._ruled)

    @property
    def base(self) -> GradeRule:
        """What holds for rows not graded above their resource."""
        return self.grades[0]

    @property
    def grade_free(self) -> int:
        """The highest grade up to which rows are treated like the base."""
        highest = self.base.grade
        for rule in self.grades[1:]:
            if rule.treatment != self.base.treatment:
                break
            highest = rule.grade
        return highest

    @property
    def passes_unseen(self) -> bool:
        """True when rows up to `grade_free` pass unchanged, whatever is in them."""
        return self.base.verdict.passes and not self.base.columns and not self.rows

    @property
    def resource_returns(self) -> bool:
        """True when the catalogue lets the resource flow back to its territories."""
        return self.resource is not None and self.resource.returns


class Sealer:
    """Writes what the hashes of one resource's plans cover beside their keys; what several plans share is written once."""

    def __init__(self, resource: Resource | None, known: frozenset[str]) -> None:
        version, returns = resource.schema_version if resource else 0, resource is not None and resource.returns
        self._head = f"{version}, {returns}, {sorted(known)!r}, "
        self._columns: dict[int, tuple[tuple[ColumnRule, ...], str]] = {}
        """What is written of columns, by `id` of the tuple, which is held here so that no other gets it."""

    def seal(self, grades: tuple[GradeRule, ...], rows: tuple[RowRule, ...]) -> str:
        """What the hash of every plan with this content ends with: a tuple as Python writes it, without its first bracket."""
        judged = [f"({rule.grade}, {int(rule.verdict)}, {int(rule.reason)}, {self._written(rule.columns)})" for rule in grades]
        return f"{self._head}[{', '.join(judged)}], {[_row_rule(rule) for rule in rows]!r})"

    def _written(self, columns: tuple[ColumnRule, ...]) -> str:
        found = self._columns.get(id(columns))
        if found is None:
            found = self._columns[id(columns)] = (columns, repr(_columns(columns)))
        return found[1]


def sealing(resource: Resource | None, known: frozenset[str], grades: tuple[GradeRule, ...], rows: tuple[RowRule, ...]) -> str:
    """What the hash of a plan with this content covers beside its key."""
    return Sealer(resource, known).seal(grades, rows)


def sealed(plan: Plan, seal: str) -> Plan:
    """`plan` with its hash, of its key and the `sealing` of its content."""
    key = plan.key
    head = f"({key.resource!r}, {int(key.distance)}, {key.way.value!r}, {key.level.word!r}, {key.purpose!r}, "
    object.__setattr__(plan, "hash", hashlib.sha256((head + seal).encode()).digest())
    return plan


def strongest(rules: Collection[ColumnRule]) -> tuple[ColumnRule, ...]:
    """One rule per column, the strongest, sorted by column."""
    if not rules:
        return ()
    kept: dict[str, ColumnRule] = {}
    for rule in rules:
        known = kept.get(rule.name)
        if known is None or (rule.mask.strength, rule.reason, rule.mask.key) > (known.mask.strength, known.reason, known.mask.key):
            kept[rule.name] = rule
    return tuple(kept[name] for name in sorted(kept))


def _row_rule(rule: RowRule) -> tuple[object, ...]:
    text = rule.predicate.text if rule.predicate else ""
    return rule.entry_id, text, rule.territories, int(rule.verdict), int(rule.reason), _columns(rule.columns)


def _columns(rules: tuple[ColumnRule, ...]) -> list[object]:
    return [(rule.name, int(rule.reason), int(rule.mask.method), *rule.mask.strength[1:], rule.mask.head, rule.mask.key) for rule in rules]


def _inside_any(territories: Column, prefixes: tuple[str, ...]) -> Chosen:
    words = words_of(territories)
    inside = call("starts_with", words, prefixes[0])
    for prefix in prefixes[1:]:
        inside = call("or_", inside, call("starts_with", words, prefix))
    return to_flags(call("fill_null", spread(inside, territories), True))
