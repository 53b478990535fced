"""Compiled plans of a ruleset at one moment, by resource and kind of flow.

A plan is compiled on first use and remembered; entries are judged at the `now` the book was opened with, so the caller opens a new book
when `Ruleset.next_change_us` has passed. Who decides many batches of one kind of flow takes its `FlowPlans` once: one look-up each. The
rules themselves are `ruling`. Called by the gate and by explanations.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from policies.catalogue import Resource
from policies.entry import TRUSTED_CLOCK, Entry
from policies.grant import Grant
from policies.lineage import is_about
from policies.moment import Moment
from policies.plan import Plan, PlanKey, RowRule
from policies.ruleset import Ruleset
from policies.ruling import Judged, Subject, unclassified
from policies.territories import Successors
from policies.words import Distance, Way
from sync.model import ClockQuality, Level

PLANS_MAX = 262_144
"""Plans remembered; a full book forgets all and compiles again on demand."""
FLOWS_MAX = 4_096
"""Kinds of flow remembered, in the same way."""


class FlowPlans(dict[str, Plan]):
    """The plans of one kind of flow by resource; a plan that was never asked for is compiled by the first look: `plans[code]`."""

    def __init__(self, book: PlanBook, *, hops: int, way: Way, level: Level, purpose: str) -> None:
        super().__init__()
        self._book = book
        self._distance = Distance.of(hops) if way is Way.UP else Distance.PARENT
        self._way = way
        self._level = level
        self._purpose = purpose

    def __missing__(self, resource: str) -> Plan:
        known = self._book.ruleset.resources.get(resource)
        standing = known.purpose if known else ""
        plan = self._book.compiled(PlanKey(resource, self._distance, self._way, self._level, self._purpose or standing))
        self[resource] = plan
        return plan


class PlanBook:
    """The compiled form of a ruleset at one moment; pure: the same key always gives an equal plan."""

    def __init__(self, ruleset: Ruleset, *, now_us: int, clock: ClockQuality = TRUSTED_CLOCK) -> None:
        self.ruleset = ruleset
        self.stale = ruleset.is_stale(now_us)
        self.judged = tuple((issued.entry, *issued.entry.effect_of(now_us, clock, degraded=self.stale)) for issued in ruleset.entries)
        """Every entry with whether it has effect and why."""
        self.successors = Successors.at(ruleset.successors, now_us)
        """What territories have become by now."""
        self._moment = Moment(ruleset, self.stale, self.successors)
        self._index = _EntryIndex(self.judged)
        self._subjects: dict[str, Subject] = {}
        self._flows: dict[tuple[int, Way, Level, str], FlowPlans] = {}
        self._compiled = 0
        """Plans compiled since all were forgotten."""

    def plans(self, *, hops: int, way: Way, level: Level, purpose: str = "") -> FlowPlans:
        """The plans for records `hops` from their origin at a target of `level`; an empty purpose is each resource's standing one."""
        lookup = (hops if hops < Distance.ABOVE else Distance.ABOVE, way, level, purpose)
        found = self._flows.get(lookup)
        if found is None:
            if len(self._flows) >= FLOWS_MAX:
                self._flows.clear()
            found = self._flows[lookup] = FlowPlans(self, hops=hops, way=way, level=level, purpose=purpose)
        return found

    def plan(self, resource: str, *, hops: int, way: Way, level: Level, purpose: str = "") -> Plan:
        """The plan of one resource, as `plans` has it."""
        return self.plans(hops=hops, way=way, level=level, purpose=purpose)[resource]

    def granted(self, grant: Grant, *, level: Level) -> Plan:
        """The plan for rows that a requester of `level` is given under `grant`, whose dates the caller judged; not remembered."""
        key = PlanKey(grant.resource, Distance.PARENT, Way.SIDEWAYS, level, grant.purpose)
        resource = self.ruleset.resources.get(grant.resource)
        return unclassified(key) if resource is None else self._subject(resource).plan(key, grant=grant)

    def verified(self, code: str, grant: Grant | None, *, level: Level, purpose: str) -> Plan:
        """The plan for a yes or no to a node of `level`: rows that pass may be told about in this way; not remembered."""
        key = PlanKey(code, Distance.PARENT, Way.SIDEWAYS, level, purpose)
        resource = self.ruleset.resources.get(code)
        return unclassified(key) if resource is None else self._subject(resource).plan(key, grant=grant, is_question=True)

    def alone(self, entry: Entry, resource: Resource) -> RowRule:
        """What one entry by itself makes of the rows of a resource that it is about, at a target that it means: what a recall goes by."""
        return Subject(self._moment, resource, []).row_rule(entry)

    def compiled(self, key: PlanKey) -> Plan:
        """The plan for a key, made now. Called by FlowPlans."""
        if self._compiled >= PLANS_MAX:
            self._forget()
        self._compiled += 1
        resource = self.ruleset.resources.get(key.resource)
        return unclassified(key) if resource is None else self._subject(resource).plan(key)

    def entries_about(self, resource: Resource) -> list[Judged]:
        """Entries about a resource, with their effect: those that name it or what it is made of, then those by a beginning of a code."""
        if resource.is_of_facts or resource.is_of_envelopes:
            return []
        found = self._index.candidates(resource.code)
        for code in resource.lineage:
            # Two issuers may use one id: it is the same entry only when it is the same object.
            known = {id(item) for item in found}
            found = [*found, *(item for item in self._index.candidates(code) if id(item) not in known)]
        return [item for item in found if is_about(item[0], resource)]

    def _subject(self, resource: Resource) -> Subject:
        found = self._subjects.get(resource.code)
        if found is None:
            found = self._subjects[resource.code] = Subject(self._moment, resource, self.entries_about(resource))
        return found

    def _forget(self) -> None:
        for plans in self._flows.values():
            plans.clear()
        self._subjects.clear()
        self._compiled = 0


class _EntryIndex:
    """Entries by the code or the beginning of codes that they name: a long list is not read through for every resource."""

    def __init__(self, judged: Iterable[Judged]) -> None:
        self._exact: dict[str, list[Judged]] = {}
        self._prefixed: dict[str, list[tuple[int, Judged]]] = {}
        for number, item in enumerate(judged):
            named = item[0].resource
            if named.endswith("*"):
                self._prefixed.setdefault(named[:-1], []).append((number, item))
            else:
                self._exact.setdefault(named, []).append(item)
        self._lengths = sorted({len(prefix) for prefix in self._prefixed})

    def candidates(self, code: str) -> list[Judged]:
        """Those that may be about the resource, in the order of the list; the exact ones first."""
        prefixed = [item for length in self._lengths if length <= len(code) for item in self._prefixed.get(code[:length], ())]
        return self._exact.get(code, []) + [item for _, item in sorted(prefixed, key=itemgetter(0))]
