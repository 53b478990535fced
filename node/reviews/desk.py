"""The reviews of a running node: what it opened, what waits for its decision, and contradictions between its entries and those below.

Of two levels' entries that contradict each other the node of the higher one opens the review: it has both bundles, since bundles spread up.
Both issuers and the nodes above both see it. Called by the local API, by node/accumulation and by status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from node.cases.desk import CaseDesk
from node.cases.errors import CaseError
from node.cases.kind import Case, Party, Step, taken_from
from node.cases.views import history_of
from node.clock import Clock
from node.ingest.handing_in import NoRoom
from node.policy.issuing import IssueRefused
from node.policy.store import PolicyStore
from node.reviews.kind import AUTHORITY, BY_ITSELF, OTHER, REVIEW, SAID_BY_PERSONS, About, about, has_lapsed
from policies.contradictions import Contradiction, contradictions
from policies.errors import PolicyError

CASES_MAX = 1_000
"""Newest reviews that are looked at."""
LOOK_EVERY_S = 60.0
SELECTED_MAX = 50
OPEN = "review_open"
"""Word of the status: a review waits for this node."""

LAPSED = "it stood against an entry of a higher level for ten days, and no basis was shown"

Plain = dict[str, Any]
log = logging.getLogger("yunnao.policy")


@dataclass(slots=True)
class ReviewDesk:
    """One node's reviews."""

    cases: CaseDesk
    policy: PolicyStore
    clock: Clock
    authority: Callable[[], Party]
    """Who decides what this node opens: the data authority above it, or itself."""
    territory_of: Callable[[str], str]
    """Territory of an issuer whose bundle is in force."""
    withdraw: Callable[[str, str], Awaitable[object]] | None = None
    """Makes an entry of this node void: its id, and why. None for a node that issues none."""
    _waiting: int = 0
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    # ---- saying

    async def open(self, matter: About, others: dict[str, Party] | None = None) -> Case:
        """Open a review. Raises CaseError, NoRoom."""
        parties = {AUTHORITY: self.authority(), **(others or {})}
        return await self.cases.open(REVIEW, {"about": msgspec.to_builtins(matter)}, by=BY_ITSELF, parties=parties)

    async def decide(self, case_id: str, word: str, *, by: str, why: str) -> Case:
        """Uphold or release, as the authority. Raises CaseError, NoRoom."""
        return await self.cases.say(REVIEW, case_id, word, {"why": why}, by=by)

    async def justify(self, case_id: str, basis: Plain, *, by: str, why: str) -> Case:
        """As the issuer of the lower entry: show on which law it stands, so that it is not void by time. Raises CaseError, NoRoom."""
        return await self.cases.say(REVIEW, case_id, "justify", {"why": why, "basis": basis}, by=by)

    def mine(self, topic: str) -> list[Case]:
        """The reviews of a topic that this node opened, newest first. Blocking."""
        found = self.cases.register.cases(REVIEW, states=frozenset(), limit=CASES_MAX)
        me = self.cases.me.node
        return [case for case in found if case.parties["opener"].node == me and about(case).topic == topic]

    # ---- by itself

    async def run(self) -> None:
        """Look for contradictions, and count what waits, for as long as the node runs."""
        while True:
            try:
                await self.settle()
            except (CaseError, NoRoom, PolicyError, IssueRefused) as error:
                # What is not opened now is opened at the next look; the node stores on.
                log.warning("reviews are not kept: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def settle(self) -> None:
        """Open a review for each contradiction that has none. Raises CaseError, NoRoom."""
        async with self._opening:
            # A life that ended between saying a fact and taking it into the register would say it twice.
            await self.cases.follow()
            found = await asyncio.to_thread(self.contradictions)
            known = {about(case).key for case in await asyncio.to_thread(self.mine, "conflict")} if found else set()
            for one in found:
                if one.key not in known:
                    matter = About(topic="conflict", key=one.key, resources=one.resources[:SELECTED_MAX])
                    await self.open(matter, {OTHER: Party(one.lower.issuer, self.territory_of(one.lower.issuer))})
            await self._lapse()
            waiting = await asyncio.to_thread(self.cases.register.cases, REVIEW, states={"open"}, limit=CASES_MAX)
            self._waiting = sum(case.parties[AUTHORITY].node == self.cases.me.node for case in waiting)

    async def _lapse(self) -> None:
        """Entries of this node that stood against a higher level's for too long without a basis are void: the ticket's clock."""
        found = await asyncio.to_thread(self.cases.register.cases, REVIEW, states={"open"}, limit=CASES_MAX)
        now_us, me = self.clock.wall_us(), self.cases.me.node
        for case in found:
            if self.withdraw is None or OTHER not in case.roles_of(me) or not has_lapsed(case, now_us):
                continue
            for pair in await asyncio.to_thread(self._pairs):
                if pair.key == about(case).key:
                    log.warning("entry %s is void: no basis was shown in time (review %s)", pair.lower.entry.id, case.id)
                    await self.withdraw(pair.lower.entry.id, LAPSED)
            await self.cases.say(REVIEW, case.id, "lapse", {"why": LAPSED}, by=BY_ITSELF)

    def contradictions(self) -> list[Contradiction]:
        """Contradictions of entries of this node with entries of levels below."""
        return [one for one in self._pairs() if one.upper.issuer == self.cases.me.node]

    def _pairs(self) -> list[Contradiction]:
        book = self.policy.gate.book
        live = [place for place, (_, has_effect, _) in enumerate(book.judged) if has_effect]
        return contradictions(book.ruleset, live=live)

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [OPEN] * bool(self._waiting)

    # ---- showing

    def listed(self, *, limit: int) -> list[Plain]:
        """The newest reviews. Blocking."""
        return [self.line(case) for case in self.cases.register.cases(REVIEW, states=frozenset(), limit=limit)]

    def line(self, case: Case) -> Plain:
        """One review in a list."""
        due_us = REVIEW.due_us(case)
        return {
            "id": case.id,
            "state": case.state,
            **msgspec.to_builtins(about(case)),
            **{role: party.node for role, party in case.parties.items()},
            "opened_us": case.opened_us,
            "due_us": due_us,
            "overdue": due_us is not None and due_us < self.clock.wall_us(),
            "takes": {word: list(step.needs) for word, step in self._taken(case).items() if word in SAID_BY_PERSONS},
        }

    def _taken(self, case: Case) -> dict[str, Step]:
        return taken_from(REVIEW, case, self.cases.me.node)

    def shown(self, case_id: str) -> Plain:
        """One review whole. Blocking; raises CaseUnknown."""
        case = self.cases.case(REVIEW, case_id)
        return self.line(case) | {"history": history_of(case)}
