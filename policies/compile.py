"""From rules to plans, in the order of evaluation of POLICY section 3; the only place where rules are interpreted.

Owns the order: bundle gate, legal floor, negative list, ceiling, share type, grant, release rule, default. Nothing here looks at a row.
A plan is compiled on first use and remembered; entries are judged at the `now` the book was opened with, so the caller opens a new book
when `Ruleset.next_change_us` has passed. Called by the gate and by explanations.
"""

from __future__ import annotations

from policies.catalogue import COMMON_COLUMNS, Field, Resource, schema
from policies.ceiling import Ceiling, column_of
from policies.entry import TRUSTED_CLOCK, Entry
from policies.grant import GRANTED_GRADE_MAX, Grant
from policies.masks import REDACT, WITHHOLD, Mask
from policies.plan import ColumnRule, GradeRule, Plan, PlanKey, RowRule, Step, sealed, strongest
from policies.predicate import compile_predicate
from policies.ruleset import Ruleset
from policies.words import GRADES, LEGAL_FLOOR_CATEGORIES, PROVISIONAL_GRADE, Distance, National, Reason, Share, Verdict, Way
from sync.model import ClockQuality, Level

PLANS_MAX = 262_144
"""Plans remembered; a full book forgets all and compiles again on demand."""

Finding = tuple[Verdict, Reason, tuple[ColumnRule, ...]]
"""What one rule makes of the resource at one grade."""


class PlanBook:
    """The compiled form of a ruleset at one moment; pure: the same key always gives an equal plan."""

    def __init__(self, ruleset: Ruleset, *, now_us: int, clock: ClockQuality = TRUSTED_CLOCK) -> None:
        self.ruleset = ruleset
        self.stale = ruleset.is_stale(now_us)
        self.judged = tuple((issued.entry, *issued.entry.effect_of(now_us, clock, degraded=self.stale)) for issued in ruleset.entries)
        """Every entry with whether it has effect and why."""
        self._exact: dict[str, list[tuple[Entry, bool, str]]] = {}
        self._prefixed: list[tuple[Entry, bool, str]] = []
        for item in self.judged:
            if item[0].resource.endswith("*"):
                self._prefixed.append(item)
            else:
                self._exact.setdefault(item[0].resource, []).append(item)
        self._plans: dict[tuple[str, int, Way, Level, str], Plan] = {}

    def plan(self, resource: str, *, hops: int, way: Way, level: Level, purpose: str = "") -> Plan:
        """The plan for records `hops` from their origin at a target of `level`; an empty purpose is the resource's standing one."""
        lookup = (resource, hops if hops < Distance.ABOVE else Distance.ABOVE, way, level, purpose)
        plan = self._plans.get(lookup)
        if plan is None:
            if len(self._plans) >= PLANS_MAX:
                self._plans.clear()
            plan = self._plans[lookup] = self._compile(resource, hops, way, level, purpose)
        return plan

    def granted(self, grant: Grant, *, level: Level) -> Plan:
        """The plan for rows that a requester of `level` is given under `grant`, whose dates the caller judged; not remembered."""
        key = PlanKey(grant.resource, Distance.PARENT, Way.SIDEWAYS, level, grant.purpose)
        resource = self.ruleset.resources.get(grant.resource)
        return _unclassified(key) if resource is None else _Compiler(self, resource, key, grant).plan()

    def _compile(self, code: str, hops: int, way: Way, level: Level, purpose: str) -> Plan:
        resource = self.ruleset.resources.get(code)
        standing = resource.purpose if resource else ""
        distance = Distance.of(hops) if way is Way.UP else Distance.PARENT
        key = PlanKey(code, distance, way, level, purpose or standing)
        if resource is None:
            return _unclassified(key)
        return _Compiler(self, resource, key).plan()

    def entries_about(self, resource: Resource) -> list[tuple[Entry, bool, str]]:
        """Entries that select a resource, with their effect."""
        if resource.is_of_facts:
            return []
        candidates = self._exact.get(resource.code, []) + self._prefixed
        return [item for item in candidates if item[0].selects(resource.code, resource.categories)]


def _unclassified(key: PlanKey) -> Plan:
    rule = GradeRule(1, Verdict.HOLD, Reason.UNCLASSIFIED, ())
    step = Step("bundle", Verdict.HOLD, "unknown-resource")
    return sealed(Plan(key, None, tuple(GradeRule(grade, rule.verdict, rule.reason, ()) for grade in GRADES), (), (step,), frozenset()))


class _Compiler:
    """One compilation; the steps are those of the resource's own grade."""

    def __init__(self, book: PlanBook, resource: Resource, key: PlanKey, grant: Grant | None = None) -> None:
        self._book = book
        self._resource = resource
        self._key = key
        self._grant = grant
        self._own = key.way is Way.UP and key.distance is Distance.OWN
        self._steps: list[Step] = []

    def plan(self) -> Plan:
        grade = self._base_grade()
        whole, rows = self._entries()
        rules = [self._grade_rule(grade, whole, steps=self._steps)]
        rules += [self._grade_rule(higher, whole, steps=[]) for higher in GRADES if higher > grade]
        known = frozenset((*COMMON_COLUMNS, *(item.name for item in self._resource.fields)))
        return sealed(Plan(self._key, self._resource, tuple(rules), rows, tuple(self._steps), known))

    def _base_grade(self) -> int:
        grade = self._resource.grade or PROVISIONAL_GRADE
        return grade if self._resource.national is National.GENERAL else max(grade, PROVISIONAL_GRADE)

    def _grade_rule(self, grade: int, whole: list[tuple[Finding, Step | None]], *, steps: list[Step]) -> GradeRule:
        findings = [self._bundle_gate(grade, steps), self._legal_floor(steps)]
        for found, step in whole:
            findings.append(found)
            if step:
                steps.append(step)
        findings += [self._ceiling(grade, steps), self._share(steps), self._ungranted()]
        verdict, reason = max((found[0], found[1]) for found in findings)
        columns = strongest(rule for found in findings for rule in found[2])
        if verdict is Verdict.AGGREGATE:
            steps.append(self._release_step(grade))
        if columns and verdict is Verdict.ALLOW:
            verdict = Verdict.MASK
        if verdict is Verdict.ALLOW:
            reason = Reason.NONE
            steps.append(Step("default", Verdict.ALLOW, "share-by-default"))
        return GradeRule(grade, verdict, reason, columns if verdict.passes else ())

    def _bundle_gate(self, grade: int, steps: list[Step]) -> Finding:
        if self._own:
            return _nothing(Verdict.ALLOW)
        if not self._resource.grade:
            return _found(steps, "bundle", Verdict.HOLD, Reason.UNCLASSIFIED, "ungraded")
        if not self._book.stale or (grade == 1 and not self._resource.skeleton):
            return _found(steps, "bundle", Verdict.ALLOW, Reason.DEFAULT, "degraded-open" if self._book.stale else "bundle-good")
        if not self._resource.skeleton:
            return _found(steps, "bundle", Verdict.HOLD, Reason.STALE_POLICY, "degraded-held")
        columns = tuple(
            ColumnRule(entry.name, WITHHOLD, Reason.STALE_POLICY)
            for entry in self._resource.fields
            if entry.name not in self._resource.skeleton
        )
        steps.append(Step("bundle", Verdict.MASK, "degraded-skeleton"))
        return Verdict.MASK, Reason.STALE_POLICY, columns

    def _legal_floor(self, steps: list[Step]) -> Finding:
        if self._own:
            return _nothing(Verdict.ALLOW)
        if self._resource.national is National.CORE or LEGAL_FLOOR_CATEGORIES & set(self._resource.categories):
            return _found(steps, "legal-floor", Verdict.DENY, Reason.LEGAL_FLOOR, "floor")
        columns = tuple(
            ColumnRule(entry.name, WITHHOLD, Reason.LEGAL_FLOOR)
            for entry in self._resource.fields
            if entry.category in LEGAL_FLOOR_CATEGORIES
        )
        steps.append(Step("legal-floor", Verdict.MASK if columns else Verdict.ALLOW, "floor-fields" if columns else "floor-clear"))
        return (Verdict.MASK if columns else Verdict.ALLOW), Reason.LEGAL_FLOOR, columns

    def _entries(self) -> tuple[list[tuple[Finding, Step | None]], tuple[RowRule, ...]]:
        whole: list[tuple[Finding, Step | None]] = []
        rows: list[RowRule] = []
        for entry, live, why in self._book.entries_about(self._resource):
            if self._own or not entry.targets(self._key.way, self._key.level, self._key.purpose):
                continue
            if not live:
                whole.append((_nothing(Verdict.ALLOW), _entry_step(entry, Verdict.ALLOW, f"void-{why}")))
            elif entry.is_row_wise:
                rows.append(self._row_rule(entry))
                whole.append((_nothing(Verdict.ALLOW), _entry_step(entry, Verdict.ALLOW, "entry-rows")))
            else:
                whole.append((self._entry_finding(entry), _entry_step(entry, entry.effect, "entry")))
        return whole or [(_nothing(Verdict.ALLOW), Step("negative-list", Verdict.ALLOW, "no-entry"))], tuple(rows)

    def _entry_finding(self, entry: Entry) -> Finding:
        reason = Reason.PROVISIONAL_HOLD if entry.effect is Verdict.HOLD else Reason.NEGATIVE_LIST
        if entry.effect is not Verdict.MASK and not entry.fields:
            return entry.effect, reason, ()
        columns = tuple(
            ColumnRule(item.name, self._mask(item) if entry.effect is Verdict.MASK else WITHHOLD, reason)
            for item in self._resource.fields
            if item.name in entry.fields or (not entry.fields and _is_direct(item))
        )
        return (Verdict.MASK if columns else Verdict.ALLOW), reason, columns

    def _row_rule(self, entry: Entry) -> RowRule:
        verdict, reason, columns = self._entry_finding(entry)
        predicate = compile_predicate(entry.predicate, schema(self._resource)) if entry.predicate else None
        return RowRule(entry.id, predicate, entry.territories, Verdict.ALLOW if verdict.passes else verdict, reason, columns)

    def _ceiling(self, grade: int, steps: list[Step]) -> Finding:
        table = self._book.ruleset.ceiling
        if table is None:
            return _nothing(Verdict.ALLOW) if self._own else _found(steps, "ceiling", Verdict.HOLD, Reason.STALE_POLICY, "no-ceiling")
        verdict = self._cell(table, grade)
        columns = strongest(rule for item in self._resource.fields for rule in self._field_ceiling(table, item, grade, verdict))
        if verdict.passes:
            verdict = Verdict.MASK if columns else Verdict.ALLOW
        values = (("grade", f"L{grade}"), ("column", column_of(self._key.way, self._key.distance)))
        steps.append(Step("ceiling", verdict, f"ceiling-{verdict.word}", values))
        return verdict, Reason.CEILING, columns

    def _cell(self, table: Ceiling, grade: int) -> Verdict:
        column = column_of(self._key.way, self._key.distance)
        verdict = table.verdict(f"L{grade}", column)
        if self._grant is not None and verdict is Verdict.VERIFY and grade <= GRANTED_GRADE_MAX:
            verdict = Verdict.ALLOW
        if self._resource.national is not National.GENERAL:
            verdict = max(verdict, table.verdict(self._resource.national.value, column))
        return verdict

    def _field_ceiling(self, table: Ceiling, item: Field, grade: int, verdict: Verdict) -> list[ColumnRule]:
        """A field graded above its record is judged by its own row of the table: masked, or withheld where the row is closed."""
        if item.grade > grade:
            verdict = max(verdict, self._cell(table, item.grade))
            if not verdict.passes:
                return [ColumnRule(item.name, WITHHOLD, Reason.CEILING)]
        return [ColumnRule(item.name, self._mask(item), Reason.CEILING)] if verdict is Verdict.MASK and _is_direct(item) else []

    def _share(self, steps: list[Step]) -> Finding:
        """RETURN asks for no grant: a territory's own data; on flows up the catalogue's standing purpose is the grant."""
        if self._own or self._key.way is Way.RETURN:
            return _nothing(Verdict.ALLOW)
        share = self._resource.share
        if share is Share.NONE:
            steps.append(Step("share", Verdict.ALLOW, "share-none-is-conditional"))
        if share is Share.UNCONDITIONAL:
            return _found(steps, "share", Verdict.ALLOW, Reason.DEFAULT, "unconditional")
        if self._grant is not None:
            steps.append(Step("grant", Verdict.ALLOW, "granted", (("request", self._grant.id), ("purpose", self._grant.purpose))))
            return _nothing(Verdict.ALLOW)
        standing = self._resource.purpose
        if self._key.way is Way.UP and standing and self._key.purpose == standing:
            steps.append(Step("grant", Verdict.ALLOW, "standing-purpose", (("purpose", standing),)))
            return _nothing(Verdict.ALLOW)
        return _found(steps, "grant", Verdict.HOLD, Reason.NO_GRANT, "no-grant")

    def _ungranted(self) -> Finding:
        """Under a grant every field that it does not name is withheld."""
        if self._grant is None:
            return _nothing(Verdict.ALLOW)
        given = set(self._grant.fields)
        columns = tuple(ColumnRule(item.name, WITHHOLD, Reason.NO_GRANT) for item in self._resource.fields if item.name not in given)
        return (Verdict.MASK if columns else Verdict.ALLOW), Reason.NO_GRANT, columns

    def _release_step(self, grade: int) -> Step:
        rule = self._book.ruleset.release.get(grade)
        return Step("release", Verdict.AGGREGATE, "totals-only" if rule else "no-release-rule", (("k", str(rule.k if rule else 0)),))

    def _mask(self, item: Field) -> Mask:
        return self._book.ruleset.masks.get(item.mask, REDACT)


def _is_direct(item: Field) -> bool:
    return item.role.value == "direct-id"


def _nothing(verdict: Verdict) -> Finding:
    return verdict, Reason.NONE, ()


def _found(steps: list[Step], rule: str, verdict: Verdict, reason: Reason, why: str) -> Finding:
    steps.append(Step(rule, verdict, why))
    return verdict, reason, ()


def _entry_step(entry: Entry, verdict: Verdict, why: str) -> Step:
    values = [("entry", entry.id), ("appeal", entry.appeal), ("effect", entry.effect.word), ("approver", entry.approver)]
    if entry.basis:
        values += [("instrument", entry.basis.instrument), ("article", entry.basis.article), ("quote", entry.basis.quote)]
    values.append(("valid_to_us", str(entry.valid_to_us)))
    return Step("negative-list", verdict, why, tuple(values))
