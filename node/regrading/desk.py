"""Changed grades of a running node: what is proposed and decided here, and this node's part of them in its own bundle.

Owns the way of an approved change into force: the bundle of the node that approves holds exactly what the cases say, so a crash between an
approval and its issue is made good at the next look. Bundles go before data: who hears of a raise complies before it hears of more. Called
by the local API and by status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from node.cases.desk import CaseDesk
from node.cases.errors import CaseError, CaseRefused
from node.cases.kind import Case, Party, taken_from
from node.cases.own_part import OwnPart
from node.cases.rounds import Rounds
from node.cases.views import history_of
from node.policy.issuing import Issuer
from node.regrading.finding import Choose, by_condition, by_keys, find
from node.regrading.kind import APPROVER, IN_FORCE, PREFIX, REGRADE, read_regrade, regrade_of
from policies.bundle import Contents
from policies.catalogue import Resource
from policies.regrade import Regrade, check_may_regrade, streams_of
from sync.model import Level

CASES_MAX = 10_000
"""Changes in force that are looked at."""
LOOK_EVERY_S = 600.0
UNISSUED = "regrade_not_issued"
"""Word of the status."""

Plain = dict[str, Any]
log = logging.getLogger("yunnao.policy")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody proposes: records of a resource, by a condition or by keys, and the grade they should count as."""

    resource: str
    grade: int
    raises: bool
    basis: Plain
    why: str
    condition: str = ""
    key: str = ""
    keys: Sequence[str] = ()


@dataclass(slots=True)
class RegradeDesk:
    """One node's changed grades."""

    cases: CaseDesk
    issuer: Issuer
    _rounds: Rounds = field(default_factory=lambda: Rounds(LOOK_EVERY_S))
    _settling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _part: OwnPart[Regrade] = field(init=False)

    def __post_init__(self) -> None:
        """Hear of every case that changes."""
        self._part = OwnPart(REGRADE, PREFIX, "changed grades", lambda held: held.regrades, _put, self.cases, self.issuer)
        self._rounds.hear(self.cases, REGRADE.name)

    # ---- deciding

    async def propose(self, wish: Wish, approver: Party, *, by: str) -> Case:
        """Propose a change of grades to the node that may approve it. Raises CaseRefused, PolicyError, NoRoom."""
        resource = self._resource(wish.resource)
        choose = self._choice(wish, resource)
        # Below the municipality a node raises what it made itself; what else it holds is left to others.
        is_own = approver.node == self.cases.me.node and self.issuer.level < Level.MUNICIPAL
        origin = self.cases.me.node if is_own else ""
        found = await asyncio.to_thread(find, self.cases.journal, resource, choose, origin=origin)
        if not found.stretches:
            raise CaseRefused(f"no record of {resource.code} here is meant: look at the condition or the keys")
        streams = [{"origin": stream, "incarnation": life, "numbers": numbers} for stream, life, numbers in streams_of(found.stretches)]
        body = {"resource": resource.code, "raises": wish.raises, "grade": wish.grade, "streams": streams, "basis": wish.basis}
        made = read_regrade(body, case_id="new", proposer=by, approver="nobody yet")
        if is_own:
            check_may_regrade(made, self.issuer.level, self.cases.me.node)
        return await self.cases.open(REGRADE, {"regrade": body, "why": wish.why}, by=by, parties={APPROVER: approver})

    async def decide(self, case_id: str, word: str, *, by: str, why: str) -> Case:
        """Approve, refuse, withdraw, lift, keep or end. Raises CaseUnknown, CaseRefused, PolicyError, NoRoom."""
        if word == "approve":
            await self._check_issue(case_id, by)
        return await self.cases.say(REGRADE, case_id, word, {"why": why} if why else {}, by=by)

    def _resource(self, code: str) -> Resource:
        resource = self.issuer.policy.ruleset.resources.get(code)
        if resource is None:
            raise CaseRefused(f"resource {code!r} is not in the catalogue in force here; `yunnao catalogue list` shows it")
        if resource.is_of_facts:
            raise CaseRefused(f"{code} is what people say about cases: its grade is the resource's")
        return resource

    def _choice(self, wish: Wish, resource: Resource) -> Choose:
        if wish.raises and wish.grade <= resource.grade:
            raise CaseRefused(f"{resource.code} is of grade L{resource.grade}: its records count as that or higher already")
        if not wish.raises and wish.grade < resource.grade:
            raise CaseRefused(f"{resource.code} is of grade L{resource.grade}: no record of it counts as less")
        if bool(wish.condition) == bool(wish.key):
            raise CaseRefused("name the records either by a condition or by a key field and its values")
        return by_condition(resource, wish.condition) if wish.condition else by_keys(resource, wish.key, wish.keys)

    async def _check_issue(self, case_id: str, by: str) -> None:
        """What this node may not issue must not be approved here."""
        case = await asyncio.to_thread(self.cases.case, REGRADE, case_id)
        if case.parties[APPROVER].node != self.issuer.node:
            return
        regrade = replace(regrade_of(case), approver=f"{by} ({self.issuer.node})")
        await self._part.check(regrade)

    # ---- into force

    async def run(self) -> None:
        """Keep this node's bundle as the cases say, for as long as the node runs."""
        await self._rounds.run(self.settle_soon)

    async def settle_soon(self) -> None:
        """As `settle`, but what fails is said, and tried again at the next look: what was decided is decided."""
        try:
            await self.settle()
        except CaseError as error:
            log.warning("changed grades are not kept: %s", error)

    async def settle(self) -> None:
        """Make this node's bundle hold what is approved here, and nothing that was lifted. Raises CaseError."""
        async with self._settling:
            approved = await asyncio.to_thread(self.cases.register.cases, REGRADE, states=IN_FORCE, limit=CASES_MAX)
            mine = [regrade_of(case) for case in approved if case.parties[APPROVER].node == self.issuer.node]
            await self._part.keep({one.id: one for one in mine})

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [UNISSUED] * bool(self._part.faults)

    # ---- showing

    def listed(self, *, limit: int) -> list[Plain]:
        """The newest cases. Blocking."""
        return [self.line(case) for case in self.cases.register.cases(REGRADE, states=frozenset(), limit=limit)]

    def line(self, case: Case) -> Plain:
        """One case in a list."""
        regrade, due_us = regrade_of(case), REGRADE.due_us(case)
        return {
            "id": case.id,
            "regrade": regrade.id,
            "state": case.state,
            "resource": regrade.resource,
            "raises": regrade.raises,
            "grade": f"L{regrade.grade}",
            "records": regrade.count,
            "origins": sorted({one.origin for one in regrade.stretches}),
            "proposer": regrade.proposer,
            "approver": regrade.approver or case.parties[APPROVER].node,
            "opened_us": case.opened_us,
            "due_us": due_us,
            "overdue": due_us is not None and due_us < self.issuer.clock.wall_us(),
            "fault": self._part.faults.get(regrade.id, ""),
            "in_force": regrade.id in {one.regrade.id for one in self.issuer.policy.ruleset.regrades},
            "takes": {word: list(step.needs) for word, step in taken_from(REGRADE, case, self.issuer.node).items()},
        }

    def shown(self, case_id: str) -> Plain:
        """One case whole, with its history. Blocking; raises CaseUnknown."""
        case = self.cases.case(REGRADE, case_id)
        return self.line(case) | {"basis": regrade_of(case).basis.encoded(), "history": history_of(case)}


def _put(contents: Contents, regrades: tuple[Regrade, ...]) -> Contents:
    return replace(contents, regrades=regrades)
