"""The requests of a running node: what is asked and answered here, what waits for whom, the duty list, and how satisfied askers are.

Refuses what does not fit the catalogue before anything is said; what a case does not allow, the desk of the cases refuses. Called by the
local API and by status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from node.cases.desk import CaseDesk
from node.cases.errors import CaseError, CaseRefused
from node.cases.fact import Body
from node.cases.kind import Case, Kind, Party, taken_from
from node.cases.rounds import Rounds
from node.cases.views import history_of
from node.clock import Clock
from node.requests.kind import (
    ARBITER,
    ASKER,
    NAME,
    PROVIDER,
    STATES,
    WAITS_FOR,
    Ask,
    Grants,
    Missing,
    Satisfaction,
    ask_of,
    grant_of,
    grants_of,
    missing_of,
    plain_of,
    ratings_of,
    standing,
)
from node.requests.shares import Shares
from node.requests.terms import Terms
from policies.catalogue import COMMON_COLUMNS, Resource
from policies.granting import GRADE_COLUMN, check_filter, given_names
from policies.ruleset import Ruleset
from policies.words import Share

LOOK_EVERY_S = 60.0
LOOK_AGAIN_S = 2.0
"""How often it is looked what became overdue; after a change sooner, however many there are."""
CASES_MAX = 20_000
"""Newest cases that are counted: each is folded from its facts, twenty thousand in some seconds."""
OVERDUE = "requests_overdue"
"""Word of the status."""

COMMON_TYPES = {"event_time": "timestamp", "territory": "string", "grade": "int8"}
"""Type words of COMMON_COLUMNS."""
_RATED = frozenset({"granted", "revoked", "appealed", "overturned", "upheld", "withdrawn"})
"""States of requests that may have been granted once."""

Plain = dict[str, Any]
log = logging.getLogger("yunnao.requests")


@dataclass(slots=True)
class RequestDesk:
    """One node's requests."""

    cases: CaseDesk
    kind: Kind
    terms: Terms
    rules: Callable[[], Ruleset]
    shares: Shares
    clock: Clock
    _overdue: int = 0
    """Cases that wait for this node past their time."""
    _rounds: Rounds = field(default_factory=lambda: Rounds(LOOK_EVERY_S, rest_s=LOOK_AGAIN_S))

    def __post_init__(self) -> None:
        """Hear of every case that changes."""
        self._rounds.hear(self.cases, NAME)

    # ---- saying

    async def ask(self, asked: Ask, *, by: str, provider: Party, arbiter: Party) -> Case:
        """Ask a node for data. Raises CaseRefused, PolicyError, NoRoom."""
        resource = self._fitting(asked.resource, asked.fields)
        check_filter(resource, asked.filter, (*asked.fields, GRADE_COLUMN))
        share = "unconditional" if resource.share is Share.UNCONDITIONAL else "conditional"
        body = plain_of(asked) | {"share": share}
        return await self.cases.open(self.kind, {"ask": body}, by=by, parties={PROVIDER: provider, ARBITER: arbiter})

    async def grant(self, case_id: str, changes: Mapping[str, object], *, by: str) -> Case:
        """Grant what was asked for, from now until then, but for `changes` (keys of Grants). Raises CaseError, PolicyError, NoRoom."""
        asked = ask_of(await self.case(case_id))
        given = {
            "fields": asked.fields,
            "purpose": asked.purpose,
            "valid_from_us": self.clock.wall_us(),
            "valid_to_us": asked.until_us,
        }
        given |= {key: value for key, value in changes.items() if value not in (None, "", [])}
        body = Grants(**given)  # type: ignore[arg-type]
        resource = self._fitting(asked.resource, body.fields)
        check_filter(resource, asked.filter, (*body.fields, GRADE_COLUMN))
        check_filter(resource, body.filter, None)
        return await self.say(case_id, "grant", {"grant": plain_of(body)}, by=by)

    async def miss(self, case_id: str, *, supplier: str, by_us: int | None, why: str, by: str) -> Case:
        """Put a request on the duty list; without `by_us` as late as the table of terms allows. Raises CaseError, NoRoom."""
        latest_us = self.terms.due_us(self.clock.wall_us(), self.terms.days.missing)
        if by_us is not None and by_us > latest_us:
            raise CaseRefused(f"missing refused: the table of terms allows {self.terms.days.missing} working days; name an earlier day")
        duty = Missing(supplier=supplier, by_us=latest_us if by_us is None else by_us, why=why)
        return await self.say(case_id, "missing", {"missing": plain_of(duty)}, by=by)

    async def say(self, case_id: str, word: str, body: Body, *, by: str) -> Case:
        """Say anything else about a request. Raises CaseUnknown, CaseRefused, NoRoom."""
        return await self.cases.say(self.kind, case_id, word, body, by=by)

    async def case(self, case_id: str) -> Case:
        """A request as it is known here; raises CaseUnknown."""
        await self.cases.follow()
        return await asyncio.to_thread(self.cases.case, self.kind, case_id)

    def _fitting(self, code: str, fields: tuple[str, ...]) -> Resource:
        resource = self.rules().resources.get(code)
        if resource is None:
            raise CaseRefused(f"request refused: resource {code!r} is not in the catalogue in force here; `yunnao catalogue list` shows it")
        known = (*COMMON_COLUMNS, *(item.name for item in resource.fields))
        unknown = [name for name in fields if name not in known]
        if unknown:
            raise CaseRefused(f"request refused: {code} has no field {unknown[0]!r}; it has {', '.join(known)}")
        return resource

    def fields_of(self, code: str) -> tuple[str, ...]:
        """Every field of a resource but the common columns. Raises CaseRefused."""
        return tuple(item.name for item in self._fitting(code, ()).fields)

    def columns_of(self, case: Case) -> list[Plain]:
        """Name and type of each column that a granted request gives, in order."""
        grant = grant_of(case)
        if grant is None:
            return []
        resource = self._fitting(grant.resource, grant.fields)
        types = COMMON_TYPES | {item.name: item.type for item in resource.fields}
        return [{"name": name, "type": types[name]} for name in given_names(grant, resource)]

    # ---- clocks

    async def run(self) -> None:
        """Look what became overdue, for as long as the node runs."""
        await self._rounds.run(self._look)

    async def _look(self) -> None:
        try:
            await self.settle()
        except CaseError as error:
            # The register failing must not stop a node that stores records: it is said, and tried again.
            log.warning("requests are not looked at: %s", error)

    async def settle(self) -> None:
        """Count what waits for this node past its time. Raises CaseError."""
        waiting = await asyncio.to_thread(self.cases.register.cases, self.kind, states=set(WAITS_FOR), limit=CASES_MAX)
        me, now_us = self.cases.me.node, self.clock.wall_us()
        self._overdue = sum(self._is_overdue(case, now_us) and case.parties[WAITS_FOR[case.state]].node == me for case in waiting)

    def _is_overdue(self, case: Case, now_us: int) -> bool:
        due_us = self.kind.due_us(case)
        return due_us is not None and due_us < now_us

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [OVERDUE] * bool(self._overdue)

    # ---- showing

    def listed(self, *, states: frozenset[str], limit: int) -> list[Plain]:
        """The newest requests, in some states or in all. Blocking."""
        return [self.line(case) for case in self.cases.register.cases(self.kind, states=states, limit=limit)]

    def duties(self, *, limit: int) -> list[Plain]:
        """The duty list: data that is missing, who must supply it and by when, the most urgent first. Blocking."""
        missing = self.cases.register.cases(self.kind, states={"missing"}, limit=limit)
        return sorted((self.line(case) for case in missing), key=lambda line: (line["due_us"] or 0, line["id"]))

    def counts(self) -> Plain:
        """How many requests are in each state, and what their askers said of the grants. Blocking."""
        found = self.cases.register.counts(self.kind)
        rated = self.cases.register.cases(self.kind, states=_RATED, limit=CASES_MAX)
        ratings = [ratings_of(case) for case in rated]
        sums = Satisfaction(sum(one.satisfied for one in ratings), sum(one.rated for one in ratings))
        states = {state: found.get(state, 0) for state in STATES}
        return {"states": states, "satisfied": sums.satisfied, "rated": sums.rated, "rate": sums.rate}

    def line(self, case: Case) -> Plain:
        """One request in a list."""
        now_us, asked, duty = self.clock.wall_us(), ask_of(case), missing_of(case)
        found, due_us, given = standing(case, now_us), self.kind.due_us(case), grants_of(case)
        return {
            "id": case.id,
            "state": case.state,
            "standing": found.value if found else "",
            "resource": asked.resource,
            "fields": list(given.fields if given and found else asked.fields),
            "purpose": asked.purpose,
            **{role: case.parties[role].node for role in (ASKER, PROVIDER, ARBITER)},
            "waits_for": case.parties[WAITS_FOR[case.state]].node if case.state in WAITS_FOR else "",
            "opened_us": case.opened_us,
            "due_us": due_us,
            "overdue": self._is_overdue(case, now_us),
            "until_us": given.valid_to_us if given and found else asked.until_us,
            "supplier": duty.supplier if duty and case.state == "missing" else "",
            "takes": {word: list(step.needs) for word, step in taken_from(self.kind, case, self.cases.me.node).items()},
        }

    def shown(self, case_id: str) -> Plain:
        """One request whole: what was asked, granted or refused, its history, and what was handed out here. Blocking; CaseUnknown."""
        case = self.cases.case(self.kind, case_id)
        given, duty = grants_of(case), missing_of(case)
        return self.line(case) | {
            "ask": plain_of(ask_of(case)),
            "grant": plain_of(given) if given else {},
            "missing": plain_of(duty) if duty else {},
            "basis": _basis(case),
            "history": history_of(case),
            "shares": self.shares.of(case.id) if PROVIDER in case.roles_of(self.cases.me.node) else {},
        }


def _basis(case: Case) -> Plain:
    """The law that the newest refusal names."""
    said = [one.fact.body["basis"] for one in case.history if one.fact.word == "refuse" and not one.fault]
    return dict(said[-1]) if said and isinstance(said[-1], dict) else {}
