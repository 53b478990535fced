"""Compiled plans as values: what happens to each row and column of a resource on one kind of flow.

Owns the shape and the hash of a plan; `compile` makes them, the gate and explanations read them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import cast

import numpy as np
import pyarrow as pa

from policies.arrow import Chosen, Column, call, spread, to_flags, words_of
from policies.catalogue import Resource
from policies.masks import Mask
from policies.predicate import Predicate
from policies.words import Distance, Reason, Verdict, Way
from sync.model import Level

NOTHING_WRITTEN: Mapping[int, str] = MappingProxyType({})


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
class ColumnLayers:
    """What a plan makes of one column: rule upon rule, and what is told of it afterwards."""

    base: ColumnRule | None
    """For every row; None leaves them."""
    raised: tuple[tuple[int, ColumnRule], ...]
    """For the rows of a grade above the base's, where they are treated otherwise; ascending."""
    listed: tuple[tuple[RowRule, ColumnRule], ...]
    """For the rows that an entry is about."""
    told: ColumnRule
    """The strongest of them: what the column says of itself when one changed it."""


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
    _layers: Mapping[str, ColumnLayers] | None = field(init=False, repr=False, compare=False, default=None)

    @property
    def layers(self) -> Mapping[str, ColumnLayers]:
        """By column, what is made of it: those alone that some rule masks or withholds, for some rows at least."""
        if self._layers is None:
            # Found when a batch is decided: of a whole catalogue's plans most never are.
            object.__setattr__(self, "_layers", _layers_of(self))
        return cast("Mapping[str, ColumnLayers]", self._layers)

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


def sealing(head: str, grades: Sequence[GradeRule], rows: tuple[RowRule, ...], texts: Mapping[int, str] = NOTHING_WRITTEN) -> str:
    """What the hash of a plan with this content covers beside its key: a tuple as Python writes it, without its first bracket.

    `head` is `sealing_head`; `texts` has the `rule_text` of rules of columns by `id` of the rule, for whoever made and holds them.
    """
    judged = [f"({rule.grade}, {int(rule.verdict)}, {int(rule.reason)}, {_written(rule.columns, texts)})" for rule in grades]
    return f"{head}[{', '.join(judged)}], {[_row_rule(rule) for rule in rows]!r})"


def sealing_head(resource: Resource | None, known: frozenset[str]) -> str:
    """What the hashes of all plans of one resource cover."""
    version, returns = resource.schema_version if resource else 0, resource is not None and resource.returns
    return f"{version}, {returns}, {sorted(known)!r}, "


def rule_text(rule: ColumnRule) -> str:
    """What hashes cover of a rule of a column, as Python writes it."""
    return repr(_column(rule))


def _written(columns: tuple[ColumnRule, ...], texts: Mapping[int, str]) -> str:
    return f"[{', '.join([texts.get(id(rule)) or rule_text(rule) for rule in columns])}]" if columns else "[]"


def sealed(plan: Plan, seal: str) -> Plan:
    """`plan` with its hash, of its key and the `sealing` of its content."""
    key = plan.key
    text = f"({key.resource!r}, {_flow_text(key.distance, key.way, key.level)}, {key.purpose!r}, {seal}"
    object.__setattr__(plan, "hash", hashlib.sha256(text.encode()).digest())
    return plan


@cache
def _flow_text(distance: Distance, way: Way, level: Level) -> str:
    return f"{int(distance)}, {way.value!r}, {level.word!r}"


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


def _layers_of(plan: Plan) -> dict[str, ColumnLayers]:
    base = {rule.name: rule for rule in plan.base.columns}
    raised: dict[str, list[tuple[int, ColumnRule]]] = {}
    for entry in plan.grades[1:]:
        for rule in entry.columns:
            if rule.name not in base or rule.mask != base[rule.name].mask:
                raised.setdefault(rule.name, []).append((entry.grade, rule))
    listed: dict[str, list[tuple[RowRule, ColumnRule]]] = {}
    for row_rule in plan.rows:
        for rule in row_rule.columns:
            listed.setdefault(rule.name, []).append((row_rule, rule))
    found = {}
    for name in {*base, *raised, *listed}:
        above, by_row = tuple(raised.get(name, ())), tuple(listed.get(name, ()))
        rules = [rule for rule in (base.get(name),) if rule] + [rule for _, rule in above] + [rule for _, rule in by_row]
        found[name] = ColumnLayers(base.get(name), above, by_row, strongest(rules)[0])
    return found


def _row_rule(rule: RowRule) -> tuple[object, ...]:
    text = rule.predicate.text if rule.predicate else ""
    return rule.entry_id, text, rule.territories, int(rule.verdict), int(rule.reason), _columns(rule.columns)


def _columns(rules: tuple[ColumnRule, ...]) -> list[object]:
    return [_column(rule) for rule in rules]


def _column(rule: ColumnRule) -> tuple[object, ...]:
    return rule.name, int(rule.reason), int(rule.mask.method), *rule.mask.strength[1:], rule.mask.head, rule.mask.key


def _inside_any(territories: Column, prefixes: tuple[str, ...]) -> Chosen:
    words = words_of(territories)
    inside = call("starts_with", words, prefixes[0])
    for prefix in prefixes[1:]:
        inside = call("or_", inside, call("starts_with", words, prefix))
    return to_flags(call("fill_null", spread(inside, territories), True))
