"""The negative list of a running node: what is proposed and decided here, and this node's part of it in its own bundle.

Owns the way of an approved entry into force: the bundle of the node that approves holds exactly what the cases say, so a crash between an
approval and its issue is made good at the next look. Refuses what would have no effect, or does not fit the catalogue, before anything is
said. Called by the local API and by status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from node.cases.desk import CaseDesk
from node.cases.errors import CaseError, CaseRefused
from node.cases.kind import Case, Party, taken_from
from node.cases.own_part import OwnPart
from node.cases.rounds import Rounds
from node.cases.views import history_of
from node.negative_list.kind import APPROVER, DAY_US, ENTRY, ENTRY_PREFIX, Standing, entry_of, read_entry, standing
from node.policy.issuing import Issuer
from policies.bundle import Contents, check_predicates, schemas_of
from policies.entry import Entry
from policies.lineage import is_about

CASES_MAX = 100_000
"""Approved entries that are looked at."""
LOOK_EVERY_S = 600.0
"""How often it is looked who ends soon; a case that changed is looked at at once."""
KEPT_PAST_END_US = 90 * DAY_US
"""How long an entry that has expired stays in the bundle, where the register shows it."""
SELECTED_SHOWN_MAX = 50
"""Codes of resources that one case names."""
EXPIRING, UNISSUED = "entries_expiring", "entry_not_issued"
"""Words of the status."""

_NEAR_END = (Standing.EXPIRING, Standing.ENDING)

Plain = dict[str, Any]
log = logging.getLogger("yunnao.policy")


@dataclass(slots=True)
class ListDesk:
    """One node's negative list."""

    cases: CaseDesk
    issuer: Issuer
    _expiring: int = 0
    _rounds: Rounds = field(default_factory=lambda: Rounds(LOOK_EVERY_S))
    _settling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """What is issued is compared with what is held: one at a time."""
    _part: OwnPart[Entry] = field(init=False)

    def __post_init__(self) -> None:
        """Hear of every case that changes."""
        self._part = OwnPart(ENTRY, ENTRY_PREFIX, "entries", lambda held: held.entries, _put, self.cases, self.issuer)
        self._rounds.hear(self.cases, ENTRY.name)

    # ---- deciding

    async def propose(self, entry: Mapping[str, object], approver: Party, *, by: str, why: str) -> Case:
        """Propose an entry to the node that may approve it. Raises CaseRefused, PolicyError, NoRoom."""
        read = read_entry(dict(entry), case_id="new", proposer=by, approver="nobody yet")
        self._check_fits(read)
        return await self.cases.open(ENTRY, {"entry": dict(entry), "why": why}, by=by, parties={APPROVER: approver})

    async def decide(self, case_id: str, word: str, *, by: str, why: str) -> Case:
        """Review, approve, refuse, withdraw or revoke. Raises CaseUnknown, CaseRefused, PolicyError, NoRoom."""
        if word == "approve":
            await self._check_issue(case_id, by)
        return await self.cases.say(ENTRY, case_id, word, {"why": why} if why else {}, by=by)

    def _check_fits(self, entry: Entry) -> None:
        """An entry that selects nothing, or whose predicate does not fit what it selects, is refused while its author is there."""
        resources = self.issuer.policy.ruleset.resources
        if not any(is_about(entry, resource) for resource in resources.values()):
            raise CaseRefused(f"entry refused: {entry.resource!r} selects no resource of the catalogue in force here")
        check_predicates((entry,), schemas_of(tuple(resources.values())))

    async def _check_issue(self, case_id: str, by: str) -> None:
        """What this node may not issue must not be approved here."""
        case = await asyncio.to_thread(self.cases.case, ENTRY, case_id)
        entry = replace(entry_of(case), approver=f"{by} ({self.issuer.node})")
        self._check_fits(entry)
        await self._part.check(entry)

    # ---- into force

    async def run(self) -> None:
        """Keep this node's bundle as the cases say, and look who ends soon, for as long as the node runs."""
        await self._rounds.run(self.settle_soon)

    async def settle_soon(self) -> None:
        """As `settle`, but what fails is said, and tried again at the next look: what was decided is decided, and the node stores on."""
        try:
            await self.settle()
        except CaseError as error:
            log.warning("the negative list is not kept: %s", error)

    async def settle(self) -> None:
        """Make this node's bundle hold what is approved here, and nothing that was revoked. Raises CaseError."""
        async with self._settling:
            await self._settle()

    async def _settle(self) -> None:
        now_us = self.issuer.clock.wall_us()
        approved = await asyncio.to_thread(self.cases.register.cases, ENTRY, states={"approved"}, limit=CASES_MAX)
        self._expiring = sum(self._concerns(case) and standing(entry_of(case), now_us) in _NEAR_END for case in approved)
        mine = [entry_of(case) for case in approved if case.parties[APPROVER].node == self.issuer.node]
        wanted = {entry.id: entry for entry in mine if now_us < entry.valid_to_us + KEPT_PAST_END_US}
        await self._part.keep(wanted)

    def _concerns(self, case: Case) -> bool:
        return bool(case.roles_of(self.issuer.node))

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [EXPIRING] * bool(self._expiring) + [UNISSUED] * bool(self._part.faults)

    # ---- showing

    def listed(self, *, states: frozenset[str], limit: int) -> list[Plain]:
        """The newest cases, in some states or in all. Blocking."""
        return [self.line(case) for case in self.cases.register.cases(ENTRY, states=states, limit=limit)]

    def line(self, case: Case) -> Plain:
        """One case in a list."""
        now_us, entry = self.issuer.clock.wall_us(), entry_of(case)
        due_us = ENTRY.due_us(case)
        return {
            "id": case.id,
            "entry": entry.id,
            "state": case.state,
            "standing": standing(entry, now_us).value if case.state == "approved" else "",
            "effect": entry.effect.word,
            "resource": entry.resource,
            "proposer": entry.proposer,
            "approver": entry.approver or case.parties[APPROVER].node,
            "valid_from_us": entry.valid_from_us,
            "valid_to_us": entry.valid_to_us,
            "opened_us": case.opened_us,
            "due_us": due_us,
            "overdue": due_us is not None and due_us < now_us,
            "fault": self._part.faults.get(entry.id, ""),
            "takes": {word: list(step.needs) for word, step in taken_from(ENTRY, case, self.issuer.node).items()},
        }

    def shown(self, case_id: str) -> Plain:
        """One case whole, with its history. Blocking; raises CaseUnknown."""
        case = self.cases.case(ENTRY, case_id)
        entry, resources = entry_of(case), self.issuer.policy.ruleset.resources
        selected = sorted(code for code, resource in resources.items() if is_about(entry, resource))
        return self.line(case) | {
            "whole": entry.encoded(),
            "selects": selected[:SELECTED_SHOWN_MAX],
            "selects_count": len(selected),
            "parties": {role: party.node for role, party in case.parties.items()},
            "history": history_of(case),
        }

    def register(self) -> list[Plain]:
        """Every entry in the bundles in force here, whoever issued it: what it withholds, on which basis, and whether it has effect."""
        judged = {id(entry): (has_effect, why) for entry, has_effect, why in self.issuer.policy.gate.book.judged}
        found = []
        for issued in self.issuer.policy.ruleset.entries:
            has_effect, why = judged[id(issued.entry)]
            found.append({"issuer": issued.issuer, "has_effect": has_effect, "why": why, **issued.entry.encoded()})
        return found


def _put(contents: Contents, entries: tuple[Entry, ...]) -> Contents:
    return replace(contents, entries=entries)
