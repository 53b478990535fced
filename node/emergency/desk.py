"""The emergencies of a running node: opened, approved and ended here, and those over that wait for their review.

What an emergency gives is fetched like a grant, and entered like one (node/requests). Refuses an emergency of a node that is not above the
provider. Called by the local API and by status.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from node.cases.desk import CaseDesk
from node.cases.kind import Case, Party
from node.clock import Clock
from node.emergency.kind import EMERGENCY, HOUR_US, is_over
from node.requests.desk import RequestDesk
from node.requests.kind import ARBITER, Ask

LISTED_MAX = 1_000
REVIEW_DUE = "emergency_review_due"
"""Word of the status: an emergency is over, and this node is to review it."""
LOOK_EVERY_S = 60.0

Plain = dict[str, Any]


@dataclass(slots=True)
class EmergencyDesk:
    """One node's emergencies."""

    cases: CaseDesk
    forms: RequestDesk
    """What asks and grants, over the emergencies."""
    clock: Clock
    _waiting: int = 0

    async def open(self, ask: Ask, *, by: str, provider: Party, authority: Party) -> Case:
        """Say that there is an emergency; nothing is given before another person approved it. Raises CaseRefused, PolicyError, NoRoom."""
        return await self.forms.ask(ask, by=by, provider=provider, arbiter=authority)

    async def approve(self, case_id: str, *, by: str) -> Case:
        """The second signature: from now until the end that was asked for, the data may be fetched. Raises CaseError, NoRoom."""
        return await self.forms.grant(case_id, {}, by=by)

    async def say(self, case_id: str, word: str, *, by: str, why: str) -> Case:
        """End, withdraw or review. Raises CaseError, NoRoom."""
        return await self.forms.say(case_id, word, {"why": why} if why else {}, by=by)

    async def run(self) -> None:
        """Look which emergencies are over and wait for a review, for as long as the node runs."""
        while True:
            await self.settle()
            await asyncio.sleep(LOOK_EVERY_S)

    async def settle(self) -> None:
        """Count the reviews that wait for this node."""
        found = await asyncio.to_thread(self.cases.register.cases, EMERGENCY, states={"granted", "ended"}, limit=LISTED_MAX)
        now_us, me = self.clock.wall_us(), self.cases.me.node
        self._waiting = sum(is_over(case, now_us) and case.parties[ARBITER].node == me for case in found)

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [REVIEW_DUE] * bool(self._waiting)

    def listed(self, *, limit: int) -> list[Plain]:
        """The newest emergencies. Blocking."""
        return [self.line(case) for case in self.cases.register.cases(EMERGENCY, states=frozenset(), limit=limit)]

    def line(self, case: Case) -> Plain:
        """One emergency in a list."""
        now_us = self.clock.wall_us()
        state = "over" if is_over(case, now_us) else case.state
        return self.forms.line(case) | {"state": state, "hours_left": max(0, self.forms.line(case)["until_us"] - now_us) / HOUR_US}

    def shown(self, case_id: str) -> Plain:
        """One emergency whole; at the provider with what was handed out. Blocking; raises CaseUnknown."""
        return self.forms.shown(case_id) | self.line(self.cases.case(EMERGENCY, case_id))
