"""What scripts with an entry of the negative list have in common: somebody proposes it, a second reviews, a third approves."""

from __future__ import annotations

import hashlib

from node.cases.kind import Case
from node.negative_list.desk import CASES_MAX
from node.negative_list.kind import ENTRY, entry_of
from simulations.rooms import Rooms
from simulations.scenarios.script import Script, WaitLonger

QUOTE = "an invented order of a simulated city"


class EntryScript(Script):
    """A day with one entry, or as many as are named."""

    entries = 1

    def entry(self, **written: object) -> dict[str, object]:
        """An entry that denies, as a proposer writes it."""
        digest = hashlib.sha256(QUOTE.encode()).hexdigest()
        basis = {"instrument": "simulated order", "article": "3", "quote": QUOTE, "sha256": digest}
        return {"effect": "deny", "basis": basis, **written}

    async def propose(self, rooms: Rooms, approver: str, entry: dict[str, object]) -> None:
        """Propose it, unless one with the same end was proposed."""
        if all(entry_of(case).valid_to_us != entry["valid_to_us"] for case in self._cases(rooms)):
            await rooms.list.propose(entry, rooms.party(approver), by="the proposer", why="a law came into force")

    async def decide(self, rooms: Rooms, word: str, by: str) -> None:
        """Say a word about each that is proposed, unless it was said; raises WaitLonger while not all are here."""
        await rooms.cases.follow()
        cases = self._cases(rooms)
        if len(cases) < self.entries:
            raise WaitLonger("the proposal has not come yet")
        for case in cases:
            if not any(one.fact.word == word and not one.fault for one in case.history):
                await rooms.list.decide(case.id, word, by=by, why="decided at the table")

    def _cases(self, rooms: Rooms) -> list[Case]:
        return rooms.cases.register.cases(ENTRY, states=frozenset(), limit=CASES_MAX)
