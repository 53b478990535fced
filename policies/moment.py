"""The rules as they are at one moment, with what many plans share: rules of columns, cells of the ceiling, steps of entries.

Owns the sharing: a catalogue of ten thousand resources has some hundred rules of columns under as many names, and each is made, and
written for the hashes, once. Nothing here decides more than the ceiling says. Called by `ruling` and `compile`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from policies.catalogue import Field
from policies.ceiling import Ceiling
from policies.entry import Entry
from policies.grant import GRANTED_GRADE_MAX
from policies.masks import REDACT, WITHHOLD, Mask
from policies.plan import ColumnRule, Step, rule_text
from policies.ruleset import Ruleset
from policies.territories import NO_SUCCESSORS, Successors
from policies.words import GRADES, National, Reason, Role, Verdict

GENERAL = National.GENERAL.value


class Treatment(IntEnum):
    """What a ceiling makes of a field."""

    LEFT = 0
    MASKED = 1
    """Where the field identifies directly."""
    WITHHELD = 2


class Asked(NamedTuple):
    """What a ceiling is asked about: records of one grade on one kind of flow. A tuple, because it is looked up by."""

    column: str
    """Column of the ceiling table."""
    grade: int
    national: str
    is_granted: bool
    is_question: bool
    field_grades: tuple[int, ...]
    """Grades of the fields that it may touch."""

    @property
    def may_verify(self) -> bool:
        """Up to L3 "grant, else verify": rows under a grant, a yes or no without one; above, a yes or no under a grant."""
        if self.grade <= GRANTED_GRADE_MAX:
            return self.is_question or self.is_granted
        return self.is_question and self.is_granted


Options = tuple[None, ColumnRule | None, ColumnRule]
"""What becomes of a field by its Treatment."""
Covered = tuple[Verdict, tuple[Treatment, ...]]
"""What the ceiling makes of records, and of each of `field_grades`."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The rules as they are at one moment, for every resource alike."""

    rules: Ruleset
    stale: bool
    """True when bundles are outside their dates: degraded mode."""
    successors: Successors = NO_SUCCESSORS
    texts: dict[int, str] = field(default_factory=dict)
    """What hashes cover of each rule of a column, by `id` of the rule, which `_rules` holds."""
    _rules: dict[tuple[str, int, Reason], tuple[Mask, ColumnRule]] = field(default_factory=dict)
    _options: dict[tuple[str, str, bool], Options] = field(default_factory=dict)
    _steps: dict[int, Step] = field(default_factory=dict)
    """What explanations say of each entry, made when first asked for: by `id` of the entry, which `rules` holds."""
    _sequences: dict[tuple[int, ...], tuple[Step, ...]] = field(default_factory=dict)
    """Steps one after the other, by `id` of each: the sequence holds them."""
    _covered: dict[Asked, tuple[Covered, ...]] = field(default_factory=dict)

    def rule(self, name: str, mask: Mask, reason: Reason) -> ColumnRule:
        """The rule of a column, the same object each time; names and masks are the catalogue's, so there is an end to them."""
        lookup = (name, id(mask), reason)
        found = self._rules.get(lookup)
        if found is None:
            found = self._rules.setdefault(lookup, (mask, ColumnRule(name, mask, reason)))
            self.texts[id(found[1])] = rule_text(found[1])
        return found[1]

    def mask(self, item: Field) -> Mask:
        """The mask of a field that must be masked."""
        return self.rules.masks.get(item.mask, REDACT)

    def options(self, item: Field) -> Options:
        """What a ceiling may make of a field."""
        is_direct = item.role is Role.DIRECT_ID
        lookup = (item.name, item.mask, is_direct)
        found = self._options.get(lookup)
        if found is None:
            masked = self.rule(item.name, self.mask(item), Reason.CEILING) if is_direct else None
            found = self._options[lookup] = (None, masked, self.rule(item.name, WITHHOLD, Reason.CEILING))
        return found

    def step(self, entry: Entry, *, live: bool, why: str) -> Step:
        """The step of one entry, the same on every resource."""
        found = self._steps.get(id(entry))
        if found is None:
            found = self._steps[id(entry)] = _entry_step(entry, live=live, why=why)
        return found

    def as_before(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The same steps, as one object wherever they come again: most resources go the same way."""
        return self._sequences.setdefault(tuple(map(id, steps)), steps)

    def covered(self, table: Ceiling, asked: Asked) -> tuple[Covered, ...]:
        """What the ceiling in force makes of records of the grade asked about, and of each grade above it."""
        found = self._covered.get(asked)
        if found is None:
            found = self._covered[asked] = tuple([_covered(table, asked._replace(grade=one)) for one in range(asked.grade, GRADES[-1] + 1)])
        return found


def _covered(table: Ceiling, asked: Asked) -> Covered:
    verdict = _cell(table, asked)
    return verdict, tuple([_treatment(table, above, asked, verdict) for above in asked.field_grades])


def _cell(table: Ceiling, asked: Asked) -> Verdict:
    found = table.verdict(f"L{asked.grade}", asked.column)
    if found is Verdict.VERIFY and asked.may_verify:
        found = Verdict.ALLOW
    return found if asked.national == GENERAL else max(found, table.verdict(asked.national, asked.column))


def _treatment(table: Ceiling, of_field: int, asked: Asked, verdict: Verdict) -> Treatment:
    """A field graded above its record is judged by its own row of the table: masked, or withheld where the row is closed."""
    if of_field > asked.grade:
        verdict = max(verdict, _cell(table, asked._replace(grade=of_field)))
        if not verdict.passes:
            return Treatment.WITHHELD
    return Treatment.MASKED if verdict is Verdict.MASK else Treatment.LEFT


def _entry_step(entry: Entry, *, live: bool, why: str) -> Step:
    """What is said of an entry: those without effect and those about single rows leave a step too."""
    values = [("entry", entry.id), ("appeal", entry.appeal), ("effect", entry.effect.word), ("approver", entry.approver)]
    if entry.basis:
        values += [("instrument", entry.basis.instrument), ("article", entry.basis.article), ("quote", entry.basis.quote)]
    values.append(("valid_to_us", str(entry.valid_to_us)))
    if not live:
        return Step("negative-list", Verdict.ALLOW, f"void-{why}", tuple(values))
    if entry.is_row_wise:
        return Step("negative-list", Verdict.ALLOW, "entry-rows", tuple(values))
    return Step("negative-list", entry.effect, "entry", tuple(values))
