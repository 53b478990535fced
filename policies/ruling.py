"""The rules of POLICY section 3 over one resource, in their order: the only place where rules are interpreted.

Owns the order: bundle gate, legal floor, negative list, ceiling, share type, grant, release rule, default. Nothing here looks at a row.
What holds of a resource on any flow is found once; targets that no rule tells apart share one ruling, because a catalogue of ten thousand
resources is compiled for five levels. Called by `compile`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import attrgetter

from policies.catalogue import COMMON_COLUMNS, Resource, schema
from policies.ceiling import column_of
from policies.entry import Entry
from policies.errors import PredicateError
from policies.grant import VERIFICATION, Grant
from policies.masks import WITHHOLD
from policies.moment import Asked, Moment, Treatment
from policies.plan import ColumnRule, GradeRule, Plan, PlanKey, RowRule, Step, sealed, sealing, sealing_head, strongest
from policies.predicate import Predicate, compile_predicate
from policies.words import GRADES, LEGAL_FLOOR_CATEGORIES, PROVISIONAL_GRADE, National, Reason, Role, Share, Verdict, Way

Judged = tuple[Entry, bool, str]
"""An entry, whether it has effect, and the code of the reason."""
Finding = tuple[Verdict, Reason, tuple[ColumnRule, ...]]
"""What one rule makes of the resource at one grade."""

PURPOSES_REMEMBERED_MAX = 1_024
"""Steps about standing purposes, and about totals, that are kept."""

_NOTHING: Finding = (Verdict.ALLOW, Reason.NONE, ())


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules make of a resource on all flows that they do not tell apart."""

    grades: tuple[GradeRule, ...]
    rows: tuple[RowRule, ...]
    steps: tuple[Step, ...]
    seal: str
    """What the hash of every plan with this ruling ends with."""


class Subject:
    """One resource under the rules of one moment."""

    __slots__ = (
        "_ceilings", "_findings", "_options", "_places", "_row_rules", "_rulings", "entries", "field_grades", "floored", "grade",
        "is_floored", "known", "moment", "national", "resource", "rules", "seal_head",
    )  # fmt: skip

    def __init__(self, moment: Moment, resource: Resource, entries: list[Judged]) -> None:
        self.moment = moment
        self.rules = moment.rules
        self.resource = resource
        self.entries = entries
        self.grade = _base_grade(resource)
        self.national = resource.national.value
        self.known = frozenset([*COMMON_COLUMNS, *[item.name for item in resource.fields]])
        touched = [item for item in resource.fields if item.role is Role.DIRECT_ID or item.grade > self.grade]
        self.field_grades = tuple(sorted({item.grade for item in touched}))
        """Grades of the fields that a ceiling may touch; it leaves all others alone."""
        touched.sort(key=attrgetter("name"))
        self._options = [moment.options(item) for item in touched]
        """What a ceiling may make of them."""
        self._places = bytes([self.field_grades.index(item.grade) for item in touched])
        """Where their grades stand in `field_grades`."""
        floor = [item.name for item in resource.fields if item.category in LEGAL_FLOOR_CATEGORIES]
        self.floored = tuple([moment.rule(name, WITHHOLD, Reason.LEGAL_FLOOR) for name in sorted(floor)])
        """Fields that never leave their node."""
        self.is_floored = resource.national is National.CORE or not LEGAL_FLOOR_CATEGORIES.isdisjoint(resource.categories)
        """True when nothing of it does."""
        self.seal_head = sealing_head(resource, self.known)
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
            made = [options[treatments[place]] for options, place in zip(self._options, self._places, strict=True)]
            found = self._ceilings[treatments] = tuple([rule for rule in made if rule is not None])
        return found

    def entry_finding(self, entry: Entry) -> Finding:
        """What an entry that has effect makes of the rows that it is about."""
        reason = Reason.PROVISIONAL_HOLD if entry.effect is Verdict.HOLD else Reason.NEGATIVE_LIST
        if entry.effect is not Verdict.MASK and not entry.fields:
            return entry.effect, reason, ()
        columns = strongest([
            self.moment.rule(item.name, self.moment.mask(item) if entry.effect is Verdict.MASK else WITHHOLD, reason)
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

    def _hits(self, key: PlanKey) -> tuple[int, ...]:
        if not self.entries:
            return ()
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
    return sealed(Plan(key, None, rules, (), (step,), frozenset()), sealing(sealing_head(None, frozenset()), rules, ()))


class _Compiler:
    """One compilation; the steps are those of the resource's own grade."""

    __slots__ = ("_column", "_grant", "_hits", "_is_question", "_key", "_own", "_resource", "_steps", "_subject")

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
        ceilings = self._ceilings()
        always = _joined([*listed, self._share(), self._ungranted()])
        if not subject.moment.stale:  # in its dates, a bundle's gate asks for no grade
            gate, always = _NOTHING, _joined((gate, always))
        base = _grade_rule(subject.grade, gate, always, ceilings[0])
        self._conclude(base)
        grades = [base]
        for grade, ceiling in enumerate(ceilings[1:], subject.grade + 1):
            grades.append(_grade_rule(grade, self._bundle_gate(grade, None) if subject.moment.stale else gate, always, ceiling))
        taken = tuple(steps) if self._grant or self._is_question else subject.moment.as_before(tuple(steps))
        return Ruling(tuple(grades), rows, taken, sealing(subject.seal_head, grades, rows, subject.moment.texts))

    def _conclude(self, base: GradeRule) -> None:
        if base.verdict is Verdict.AGGREGATE:
            self._steps.append(self._release_step(base.grade))
        if base.verdict is Verdict.ALLOW:
            self._steps.append(_step("default", Verdict.ALLOW, "share-by-default"))

    def _bundle_gate(self, grade: int, steps: list[Step] | None) -> Finding:
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
        columns = tuple([self._subject.moment.rule(name, WITHHOLD, Reason.STALE_POLICY) for name in outside])
        return (*_found(steps, "bundle", Verdict.MASK, Reason.STALE_POLICY, "degraded-skeleton")[:2], columns)

    def _legal_floor(self) -> Finding:
        if self._own:
            return _NOTHING
        if self._subject.is_floored:
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

    def _ceilings(self) -> list[Finding]:
        """What the table makes of the resource's own grade and of each above it; the own one leaves a step."""
        subject, steps = self._subject, self._steps
        table = subject.rules.ceiling
        if table is None:
            none = _NOTHING if self._own else _found(steps, "ceiling", Verdict.HOLD, Reason.STALE_POLICY, "no-ceiling")
            return [none] * (GRADES[-1] + 1 - subject.grade)
        asked = Asked(self._column, subject.grade, subject.national, self._grant is not None, self._is_question, subject.field_grades)
        found = [self._ceiling(*covered) for covered in subject.moment.covered(table, asked)]
        steps.append(_ceiling_step(found[0][0], subject.grade, self._column))
        return found

    def _ceiling(self, verdict: Verdict, treatments: tuple[Treatment, ...]) -> Finding:
        columns = self._subject.ceiling_columns(treatments)
        if verdict <= Verdict.MASK:
            verdict = Verdict.MASK if columns else Verdict.ALLOW
        return verdict, Reason.CEILING, columns

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
            steps.append(_standing_step(standing))
            return _NOTHING
        return _found(steps, "grant", Verdict.HOLD, Reason.NO_GRANT, "no-grant")

    def _ungranted(self) -> Finding:
        """Under a grant every field that it does not name is withheld."""
        if self._grant is None:
            return _NOTHING
        given = set(self._grant.fields)
        beyond = sorted(item.name for item in self._resource.fields if item.name not in given)
        columns = tuple([self._subject.moment.rule(name, WITHHOLD, Reason.NO_GRANT) for name in beyond])
        return (Verdict.MASK if columns else Verdict.ALLOW), Reason.NO_GRANT, columns

    def _release_step(self, grade: int) -> Step:
        rule = self._subject.rules.release.get(grade)
        return _totals_step(rule.k if rule else None)


def _base_grade(resource: Resource) -> int:
    grade = resource.grade or PROVISIONAL_GRADE
    return grade if resource.national is National.GENERAL else max(grade, PROVISIONAL_GRADE)


def _grade_rule(grade: int, gate: Finding, always: Finding, ceiling: Finding) -> GradeRule:
    verdict, reason, columns = _joined((always, ceiling) if gate is _NOTHING else (gate, always, ceiling))
    if columns and verdict is Verdict.ALLOW:
        verdict = Verdict.MASK
    if verdict is Verdict.ALLOW:
        reason = Reason.NONE
    return GradeRule(grade, verdict, reason, columns) if columns and verdict <= Verdict.MASK else _bare_rule(grade, verdict, reason)


@cache
def _bare_rule(grade: int, verdict: Verdict, reason: Reason) -> GradeRule:
    """A rule that masks no column: there are a few dozen of them."""
    return GradeRule(grade, verdict, reason, ())


def _joined(findings: Sequence[Finding]) -> Finding:
    """The strictest verdict with its reason, and of each column the strongest rule; the columns of each finding are such rules already."""
    verdict, reason, columns = findings[0]
    parts = [columns] if columns else []
    for other, why, others in findings[1:]:
        if other > verdict or (other == verdict and why > reason):
            verdict, reason = other, why
        if others:
            parts.append(others)
    if not parts:
        return verdict, reason, ()
    return verdict, reason, parts[0] if len(parts) == 1 else strongest([rule for part in parts for rule in part])


def _found(steps: list[Step] | None, rule: str, verdict: Verdict, reason: Reason, why: str) -> Finding:
    if steps is not None:
        steps.append(_step(rule, verdict, why))
    return verdict, reason, ()


@cache
def _step(rule: str, verdict: Verdict, why: str) -> Step:
    """A step without values: there are a few dozen of them."""
    return Step(rule, verdict, why)


@lru_cache(maxsize=PURPOSES_REMEMBERED_MAX)
def _standing_step(purpose: str) -> Step:
    return Step("grant", Verdict.ALLOW, "standing-purpose", (("purpose", purpose),))


@lru_cache(maxsize=PURPOSES_REMEMBERED_MAX)
def _totals_step(k: int | None) -> Step:
    return Step("release", Verdict.AGGREGATE, "no-release-rule" if k is None else "totals-only", (("k", str(k or 0)),))


@cache
def _ceiling_step(verdict: Verdict, grade: int, column: str) -> Step:
    return Step("ceiling", verdict, f"ceiling-{verdict.word}", (("grade", f"L{grade}"), ("column", column)))
