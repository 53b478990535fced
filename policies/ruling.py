"""The rules of POLICY section 3 over one resource, in their order: the only place where rules are interpreted.

Owns the order: bundle gate, legal floor, negative list, ceiling, share type, grant, release rule, default. Nothing here looks at a row.
What holds of a resource on any flow is found once; targets that no rule tells apart share one ruling, because a catalogue of ten thousand
resources is compiled for five levels. Called by `compile`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from operator import attrgetter

from policies.catalogue import COMMON_COLUMNS, Field, Resource, schema
from policies.ceiling import Ceiling, column_of
from policies.entry import Entry
from policies.errors import PredicateError
from policies.grant import GRANTED_GRADE_MAX, VERIFICATION, Grant
from policies.masks import REDACT, WITHHOLD, Mask
from policies.plan import ColumnRule, GradeRule, Plan, PlanKey, RowRule, Sealer, Step, sealed, sealing, strongest
from policies.predicate import Predicate, compile_predicate
from policies.ruleset import Ruleset
from policies.territories import NO_SUCCESSORS, Successors
from policies.words import GRADES, LEGAL_FLOOR_CATEGORIES, PROVISIONAL_GRADE, National, Reason, Role, Share, Verdict, Way

Judged = tuple[Entry, bool, str]
"""An entry, whether it has effect, and the code of the reason."""
Finding = tuple[Verdict, Reason, tuple[ColumnRule, ...]]
"""What one rule makes of the resource at one grade."""

_NOTHING: Finding = (Verdict.ALLOW, Reason.NONE, ())


class Treatment(IntEnum):
    """What a ceiling makes of a field."""

    LEFT = 0
    MASKED = 1
    """Where the field identifies directly."""
    WITHHELD = 2


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules make of a resource on all flows that they do not tell apart."""

    grades: tuple[GradeRule, ...]
    rows: tuple[RowRule, ...]
    steps: tuple[Step, ...]
    seal: str
    """What the hash of every plan with this ruling ends with."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The rules as they are at one moment, for every resource alike."""

    rules: Ruleset
    stale: bool
    """True when bundles are outside their dates: degraded mode."""
    successors: Successors = NO_SUCCESSORS
    steps: dict[int, Step] = field(default_factory=dict)
    """What explanations say of each entry, made when first asked for: by `id` of the entry, which `rules` holds."""
    cells: dict[tuple[int, str, str, bool], Verdict] = field(default_factory=dict)
    """What the ceiling says: by grade, column, national grade, and whether a question may be answered."""

    def step(self, entry: Entry, *, live: bool, why: str) -> Step:
        """The step of one entry, the same on every resource."""
        found = self.steps.get(id(entry))
        if found is None:
            found = self.steps[id(entry)] = _entry_step(entry, live=live, why=why)
        return found


class Subject:
    """One resource under the rules of one moment."""

    def __init__(self, moment: Moment, resource: Resource, entries: list[Judged]) -> None:
        self.moment = moment
        self.rules = moment.rules
        self.resource = resource
        self.entries = entries
        self.grade = _base_grade(resource)
        self.known = frozenset((*COMMON_COLUMNS, *(item.name for item in resource.fields)))
        touched = [item for item in resource.fields if item.role is Role.DIRECT_ID or item.grade > self.grade]
        self._watched = sorted(touched, key=attrgetter("name"))
        """Fields that a ceiling may touch; it leaves all others alone."""
        self.field_grades = tuple(sorted({item.grade for item in touched}))
        """Their grades."""
        floor = [item.name for item in resource.fields if item.category in LEGAL_FLOOR_CATEGORIES]
        self.floored = tuple([ColumnRule(name, WITHHOLD, Reason.LEGAL_FLOOR) for name in sorted(floor)])
        """Fields that never leave their node."""
        self.sealer = Sealer(resource, self.known)
        self._ceilings: dict[tuple[Treatment, ...], tuple[ColumnRule, ...]] = {}
        self._findings: dict[int, Finding] = {}
        self._row_rules: dict[int, RowRule] = {}
        self._rulings: dict[tuple[str, bool, tuple[int, ...]], Ruling] = {}

    def plan(self, key: PlanKey, *, grant: Grant | None = None, is_question: bool = False) -> Plan:
        """The plan for one kind of flow; a ruling under a grant or about a question is not remembered."""
        column = column_of(key.way, key.distance)
        hits = () if column == "own" else self._hits(key)
        if grant is not None or is_question:
            ruling = _Compiler(self, key, column, hits, grant, is_question=is_question).ruling()
        else:
            ruling = self._remembered(key, column, hits)
        return sealed(Plan(key, self.resource, ruling.grades, ruling.rows, ruling.steps, self.known), ruling.seal)

    def finding(self, number: int) -> Finding:
        """What entry `number` of this resource makes of it where it is about every row."""
        found = self._findings.get(number)
        if found is None:
            found = self._findings[number] = self.entry_finding(self.entries[number][0])
        return found

    def numbered_row_rule(self, number: int) -> RowRule:
        """Entry `number` of this resource as a rule for single rows, made once."""
        found = self._row_rules.get(number)
        if found is None:
            found = self._row_rules[number] = self.row_rule(self.entries[number][0])
        return found

    def ceiling_columns(self, treatments: tuple[Treatment, ...]) -> tuple[ColumnRule, ...]:
        """What a ceiling makes of the fields, from what it makes of each of `field_grades`; made once."""
        found = self._ceilings.get(treatments)
        if found is None:
            by_grade = dict(zip(self.field_grades, treatments, strict=True))
            rules = [self._ceiling_column(item, by_grade[item.grade]) for item in self._watched]
            found = self._ceilings[treatments] = tuple([rule for rule in rules if rule is not None])
        return found

    def _ceiling_column(self, item: Field, treatment: Treatment) -> ColumnRule | None:
        if treatment is Treatment.WITHHELD:
            return ColumnRule(item.name, WITHHOLD, Reason.CEILING)
        is_masked = treatment is Treatment.MASKED and item.role is Role.DIRECT_ID
        return ColumnRule(item.name, self.mask(item), Reason.CEILING) if is_masked else None

    def entry_finding(self, entry: Entry) -> Finding:
        """What an entry that has effect makes of the rows that it is about."""
        reason = Reason.PROVISIONAL_HOLD if entry.effect is Verdict.HOLD else Reason.NEGATIVE_LIST
        if entry.effect is not Verdict.MASK and not entry.fields:
            return entry.effect, reason, ()
        columns = strongest([
            ColumnRule(item.name, self.mask(item) if entry.effect is Verdict.MASK else WITHHOLD, reason)
            for item in self.resource.fields
            if item.name in entry.fields or (not entry.fields and item.role is Role.DIRECT_ID)
        ])  # fmt: skip
        return (Verdict.MASK if columns else Verdict.ALLOW), reason, columns

    def row_rule(self, entry: Entry) -> RowRule:
        """The entry as a rule for single rows."""
        verdict, reason, columns = self.entry_finding(entry)
        predicate = self._predicate(entry) if entry.predicate else None
        territories = self.moment.successors.covering(entry.territories)
        return RowRule(entry.id, predicate, territories, Verdict.ALLOW if verdict.passes else verdict, reason, columns)

    def _predicate(self, entry: Entry) -> Predicate | None:
        """Which rows the entry is about; None for every row, where it asks for what only those have that this resource is made of."""
        try:
            return compile_predicate(entry.predicate, schema(self.resource))
        except PredicateError:
            if entry.selects(self.resource.code, self.resource.categories):
                raise
            return None

    def mask(self, item: Field) -> Mask:
        """The mask of a field that must be masked."""
        return self.rules.masks.get(item.mask, REDACT)

    def _hits(self, key: PlanKey) -> tuple[int, ...]:
        way, level, purpose = key.way, key.level, key.purpose
        return tuple([number for number, item in enumerate(self.entries) if item[0].targets(way, level, purpose)])

    def _remembered(self, key: PlanKey, column: str, hits: tuple[int, ...]) -> Ruling:
        lookup = (column, key.purpose == self.resource.purpose, hits)
        ruling = self._rulings.get(lookup)
        if ruling is None:
            ruling = self._rulings[lookup] = _Compiler(self, key, column, hits).ruling()
        return ruling


def unclassified(key: PlanKey) -> Plan:
    """The plan for a resource that nobody catalogued: held at every grade."""
    rules = tuple(GradeRule(grade, Verdict.HOLD, Reason.UNCLASSIFIED, ()) for grade in GRADES)
    step = Step("bundle", Verdict.HOLD, "unknown-resource")
    return sealed(Plan(key, None, rules, (), (step,), frozenset()), sealing(None, frozenset(), rules, ()))


class _Compiler:
    """One compilation; the steps are those of the resource's own grade."""

    def __init__(
        self, subject: Subject, key: PlanKey, column: str, hits: tuple[int, ...], grant: Grant | None = None, *, is_question: bool = False
    ) -> None:
        self._subject = subject
        self._resource = subject.resource
        self._key = key
        self._column = column
        """Column of the ceiling table."""
        self._hits = hits
        self._grant = grant
        self._is_question = is_question
        self._own = column == "own"
        self._steps: list[Step] = []

    def ruling(self) -> Ruling:
        subject, steps = self._subject, self._steps
        gate = self._bundle_gate(subject.grade, steps)
        listed, rows = [self._legal_floor(), *self._whole_entries()], self._row_rules()
        ceiling = self._ceiling(subject.grade, steps)
        always = _joined([*listed, self._share(), self._ungranted()])
        base = _grade_rule(subject.grade, gate, always, ceiling)
        self._conclude(base)
        higher = [grade for grade in GRADES if grade > subject.grade]
        grades = (base, *[_grade_rule(grade, self._bundle_gate(grade, []), always, self._ceiling(grade, [])) for grade in higher])
        return Ruling(grades, rows, tuple(steps), subject.sealer.seal(grades, rows))

    def _conclude(self, base: GradeRule) -> None:
        if base.verdict is Verdict.AGGREGATE:
            self._steps.append(self._release_step(base.grade))
        if base.verdict is Verdict.ALLOW:
            self._steps.append(_step("default", Verdict.ALLOW, "share-by-default"))

    def _bundle_gate(self, grade: int, steps: list[Step]) -> Finding:
        if self._own:
            return _NOTHING
        if not self._resource.grade:
            return _found(steps, "bundle", Verdict.HOLD, Reason.UNCLASSIFIED, "ungraded")
        stale, skeleton = self._subject.moment.stale, self._resource.skeleton
        if not stale or (grade == 1 and not skeleton):
            return _found(steps, "bundle", Verdict.ALLOW, Reason.DEFAULT, "degraded-open" if stale else "bundle-good")
        if not skeleton:
            return _found(steps, "bundle", Verdict.HOLD, Reason.STALE_POLICY, "degraded-held")
        outside = sorted(item.name for item in self._resource.fields if item.name not in skeleton)
        columns = tuple([ColumnRule(name, WITHHOLD, Reason.STALE_POLICY) for name in outside])
        steps.append(_step("bundle", Verdict.MASK, "degraded-skeleton"))
        return Verdict.MASK, Reason.STALE_POLICY, columns

    def _legal_floor(self) -> Finding:
        if self._own:
            return _NOTHING
        if self._resource.national is National.CORE or LEGAL_FLOOR_CATEGORIES & set(self._resource.categories):
            return _found(self._steps, "legal-floor", Verdict.DENY, Reason.LEGAL_FLOOR, "floor")
        columns = self._subject.floored
        verdict = Verdict.MASK if columns else Verdict.ALLOW
        self._steps.append(_step("legal-floor", verdict, "floor-fields" if columns else "floor-clear"))
        return verdict, Reason.LEGAL_FLOOR, columns

    def _whole_entries(self) -> list[Finding]:
        """What entries make of the whole resource; each leaves a step, those without effect and those about single rows too."""
        found: list[Finding] = []
        for number in self._hits:
            entry, live, why = self._subject.entries[number]
            self._steps.append(self._subject.moment.step(entry, live=live, why=why))
            if live and not entry.is_row_wise:
                found.append(self._subject.finding(number))
        if not self._hits:
            self._steps.append(_step("negative-list", Verdict.ALLOW, "no-entry"))
        return found

    def _row_rules(self) -> tuple[RowRule, ...]:
        judged = [(number, self._subject.entries[number]) for number in self._hits]
        return tuple([self._subject.numbered_row_rule(number) for number, (entry, live, _) in judged if live and entry.is_row_wise])

    def _ceiling(self, grade: int, steps: list[Step]) -> Finding:
        table = self._subject.rules.ceiling
        if table is None:
            return _NOTHING if self._own else _found(steps, "ceiling", Verdict.HOLD, Reason.STALE_POLICY, "no-ceiling")
        verdict = self._cell(table, grade)
        treatments = tuple([self._treatment(table, above, grade, verdict) for above in self._subject.field_grades])
        columns = self._subject.ceiling_columns(treatments)
        if verdict.passes:
            verdict = Verdict.MASK if columns else Verdict.ALLOW
        steps.append(_ceiling_step(verdict, grade, self._column))
        return verdict, Reason.CEILING, columns

    def _cell(self, table: Ceiling, grade: int) -> Verdict:
        national, may_verify = self._resource.national, self._may_verify(grade)
        lookup = (grade, self._column, national.value, may_verify)
        found = self._subject.moment.cells.get(lookup)
        if found is None:
            found = table.verdict(f"L{grade}", self._column)
            if found is Verdict.VERIFY and may_verify:
                found = Verdict.ALLOW
            if national is not National.GENERAL:
                found = max(found, table.verdict(national.value, self._column))
            self._subject.moment.cells[lookup] = found
        return found

    def _may_verify(self, grade: int) -> bool:
        """Up to L3 "grant, else verify": rows under a grant, a yes or no without one; above, a yes or no under a grant."""
        if grade <= GRANTED_GRADE_MAX:
            return self._is_question or self._grant is not None
        return self._is_question and self._grant is not None

    def _treatment(self, table: Ceiling, of_field: int, grade: int, verdict: Verdict) -> Treatment:
        """A field graded above its record is judged by its own row of the table: masked, or withheld where the row is closed."""
        if of_field > grade:
            verdict = max(verdict, self._cell(table, of_field))
            if not verdict.passes:
                return Treatment.WITHHELD
        return Treatment.MASKED if verdict is Verdict.MASK else Treatment.LEFT

    def _share(self) -> Finding:
        """RETURN asks for no grant: a territory's own data; on flows up the catalogue's standing purpose is the grant."""
        if self._own or self._key.way is Way.RETURN:
            return _NOTHING
        share, steps = self._resource.share, self._steps
        if share is Share.NONE:
            steps.append(_step("share", Verdict.ALLOW, "share-none-is-conditional"))
        if share is Share.UNCONDITIONAL:
            return _found(steps, "share", Verdict.ALLOW, Reason.DEFAULT, "unconditional")
        if self._grant is not None:
            steps.append(Step("grant", Verdict.ALLOW, "granted", (("request", self._grant.id), ("purpose", self._grant.purpose))))
            return _NOTHING
        if self._is_question and share is Share.CONDITIONAL and self._key.purpose.split("/", 1)[0] == VERIFICATION:
            return _found(steps, "grant", Verdict.ALLOW, Reason.DEFAULT, "verification-purpose")
        standing = self._resource.purpose
        if self._key.way is Way.UP and standing and self._key.purpose == standing:
            steps.append(Step("grant", Verdict.ALLOW, "standing-purpose", (("purpose", standing),)))
            return _NOTHING
        return _found(steps, "grant", Verdict.HOLD, Reason.NO_GRANT, "no-grant")

    def _ungranted(self) -> Finding:
        """Under a grant every field that it does not name is withheld."""
        if self._grant is None:
            return _NOTHING
        given = set(self._grant.fields)
        beyond = sorted(item.name for item in self._resource.fields if item.name not in given)
        columns = tuple([ColumnRule(name, WITHHOLD, Reason.NO_GRANT) for name in beyond])
        return (Verdict.MASK if columns else Verdict.ALLOW), Reason.NO_GRANT, columns

    def _release_step(self, grade: int) -> Step:
        rule = self._subject.rules.release.get(grade)
        return Step("release", Verdict.AGGREGATE, "totals-only" if rule else "no-release-rule", (("k", str(rule.k if rule else 0)),))


def _base_grade(resource: Resource) -> int:
    grade = resource.grade or PROVISIONAL_GRADE
    return grade if resource.national is National.GENERAL else max(grade, PROVISIONAL_GRADE)


def _grade_rule(grade: int, gate: Finding, always: Finding, ceiling: Finding) -> GradeRule:
    verdict, reason, columns = _joined([gate, always, ceiling])
    if columns and verdict is Verdict.ALLOW:
        verdict = Verdict.MASK
    if verdict is Verdict.ALLOW:
        reason = Reason.NONE
    return GradeRule(grade, verdict, reason, columns if verdict.passes else ())


def _joined(findings: list[Finding]) -> Finding:
    """The strictest verdict with its reason, and of each column the strongest rule; the columns of each finding are such rules already."""
    verdict, reason, columns = findings[0]
    parts = [columns] if columns else []
    for found in findings[1:]:
        if (found[0], found[1]) > (verdict, reason):
            verdict, reason, _ = found
        if found[2]:
            parts.append(found[2])
    return verdict, reason, parts[0] if len(parts) == 1 else strongest([rule for part in parts for rule in part])


def _found(steps: list[Step], rule: str, verdict: Verdict, reason: Reason, why: str) -> Finding:
    steps.append(_step(rule, verdict, why))
    return verdict, reason, ()


@cache
def _step(rule: str, verdict: Verdict, why: str) -> Step:
    """A step without values: there are a few dozen of them."""
    return Step(rule, verdict, why)


@cache
def _ceiling_step(verdict: Verdict, grade: int, column: str) -> Step:
    return Step("ceiling", verdict, f"ceiling-{verdict.word}", (("grade", f"L{grade}"), ("column", column)))


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
