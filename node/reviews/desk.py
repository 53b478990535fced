"""The reviews of a running node: what it opened, what waits for its decision, and contradictions between its entries and those below.

Of two levels' entries that contradict each other the node of the higher one opens the review: it has both bundles, since bundles spread up.
Both issuers and the nodes above both see it. Called by the local API, by node/accumulation and by status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from node.cases.desk import CaseDesk
from node.cases.errors import CaseError
from node.cases.kind import Case, Party, taken_from
from node.cases.views import history_of
from node.clock import Clock
from node.handing_in import NoRoom
from node.policy_store import PolicyStore
from node.reviews.kind import AUTHORITY, BY_ITSELF, OTHER, REVIEW, About, about
from policies.contradictions import Contradiction, contradictions

CASES_MAX = 1_000
"""Newest reviews that are looked at."""
LOOK_EVERY_S = 60.0
SELECTED_MAX = 50
OPEN = "review_open"
"""Word of the status: a review waits for this node."""

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
            except (CaseError, NoRoom) as error:
                # What is not opened now is opened at the next look; the node stores on.
                log.warning("reviews are not kept: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def settle(self) -> None:
        """Open a review for each contradiction that has none. Raises CaseError, NoRoom."""
        async with self._opening:
            found = await asyncio.to_thread(self.contradictions)
            known = {about(case).key for case in await asyncio.to_thread(self.mine, "conflict")} if found else set()
            for one in found:
                if one.key not in known:
                    matter = About(topic="conflict", key=one.key, resources=one.resources[:SELECTED_MAX])
                    await self.open(matter, {OTHER: Party(one.lower.issuer, self.territory_of(one.lower.issuer))})
            waiting = await asyncio.to_thread(self.cases.register.cases, REVIEW, states={"open"}, limit=CASES_MAX)
            self._waiting = sum(case.parties[AUTHORITY].node == self.cases.me.node for case in waiting)

    def contradictions(self) -> list[Contradiction]:
        """Contradictions of entries of this node with entries of levels below."""
        book = self.policy.gate.book
        live = [place for place, (_, has_effect, _) in enumerate(book.judged) if has_effect]
        return [one for one in contradictions(book.ruleset, live=live) if one.upper.issuer == self.cases.me.node]

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
            "takes": {word: list(step.needs) for word, step in taken_from(REVIEW, case, self.cases.me.node).items()},
        }

    def shown(self, case_id: str) -> Plain:
        """One review whole. Blocking; raises CaseUnknown."""
        case = self.cases.case(REVIEW, case_id)
        return self.line(case) | {"history": history_of(case)}
