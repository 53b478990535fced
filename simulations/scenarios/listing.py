"""What scripts with an entry of the negative list have in common: somebody proposes it, a second reviews, a third approves."""

from __future__ import annotations

import hashlib

from node.negative_list.desk import CASES_MAX
from node.negative_list.kind import ENTRY
from simulations.rooms import Rooms
from simulations.scenarios.script import Script, WaitLonger

QUOTE = "an invented order of a simulated city"


class EntryScript(Script):
    """A day with one entry."""

    def entry(self, **written: object) -> dict[str, object]:
        """An entry that denies, as a proposer writes it."""
        digest = hashlib.sha256(QUOTE.encode()).hexdigest()
        basis = {"instrument": "simulated order", "article": "3", "quote": QUOTE, "sha256": digest}
        return {"effect": "deny", "basis": basis, **written}

    async def propose(self, rooms: Rooms, approver: str, entry: dict[str, object]) -> None:
        """Propose it, unless that was done."""
        if not rooms.cases.register.cases(ENTRY, states=frozenset(), limit=CASES_MAX):
            await rooms.list.propose(entry, rooms.party(approver), by="the proposer", why="a law came into force")

    async def decide(self, rooms: Rooms, word: str, by: str) -> None:
        """Say a word about it, unless it was said; raises WaitLonger while it is not here."""
        await rooms.cases.follow()
        case = next(iter(rooms.cases.register.cases(ENTRY, states=frozenset(), limit=CASES_MAX)), None)
        if case is None:
            raise WaitLonger("the proposal has not come yet")
        if not any(one.fact.word == word and not one.fault for one in case.history):
            await rooms.list.decide(case.id, word, by=by, why="decided at the table")
