"""The cases of a running node: says facts for its operators, follows those that arrive from others, and tells who waits for either.

A fact is a row of its kind's resource and goes up like any other. The lowest node that is above both its origin and a party passes it on
downward, as a row of its own for the party's territory: rows of other territories than its own nobody may send. Refuses what the case, as
it is known here, does not allow; what two nodes say at once is settled by the fold, the same at each. Called by the API rooms of the kinds
and by the background of the appliance.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from node.cases.errors import CaseError, CaseRefused, CaseUnknown, ClocksApart
from node.cases.fact import BODY_CHARS_MAX, BY_CHARS_MAX, Body, Fact, Place, encoded_body, row_of
from node.cases.kind import PARTIES, Case, Kind, Party, fault_of
from node.cases.register import Register
from node.clock import Clock
from node.identity.chance import new_id
from node.ingest.handing_in import NoRoom
from node.ingest.sink import Row
from node.store.journal import SqliteJournal
from policies.catalogue import Resource
from sync.model import HybridTime, code_contains

LOOK_EVERY_S = 1.0
"""How often it is looked for facts that others said."""

log = logging.getLogger("yunnao.cases")


class Storing(Protocol):
    """Where rows are handed in (`node.ingest.handing_in.HandingIn`)."""

    async def store(self, resource: Resource, rows: Sequence[Row]) -> None:
        """Return once `rows` are durable; raises NoRoom."""


Noting = Callable[[Kind, Fact], Awaitable[None]]
"""Enters a fact in the audit log before it is stored."""
OnChange = Callable[[Kind, str], None]
"""Called with the kind and the id of a case that changed, on the event loop."""


@dataclass(slots=True)
class CaseDesk:
    """One node's cases."""

    register: Register
    me: Party
    journal: SqliteJournal
    resource: Callable[[str], Resource | None]
    """An entry of the catalogue in force; None when it has none of that code."""
    handing_in: Storing
    clock: Clock
    children: Callable[[], Collection[str]]
    """Territories of the nodes directly below."""
    fault: str = ""
    """Why the register is not kept; empty when it is."""
    noting: Noting | None = None
    observe: Callable[[HybridTime], HybridTime] = lambda at: at
    """Takes a time into account that others gave, unless it is out of all bounds. What is said from then on is stored under a later time
    than it returns."""
    naming: Callable[[], str] = new_id
    """Names facts and cases."""
    _owed: set[tuple[str, str]] = field(default_factory=set)
    """Cases that changed and that nobody was told of yet."""
    _listeners: list[OnChange] = field(default_factory=list)
    _following: asyncio.Lock = field(default_factory=asyncio.Lock)

    def on_change(self, tell: OnChange) -> None:
        """Have `tell` called for every case that changes."""
        self._listeners.append(tell)

    # ---- saying

    async def open(self, kind: Kind, body: Body, *, by: str, parties: Mapping[str, Party]) -> Case:
        """Open a case in which this node is the opener; `parties` are the others by role. Raises CaseRefused, NoRoom."""
        named = {role: party.encoded() for role, party in {**parties, kind.opener: self.me}.items()}
        return await self._say(kind, None, self._fact(self.naming(), kind.opening, {**body, PARTIES: named}, by))

    async def say(self, kind: Kind, case_id: str, word: str, body: Body, *, by: str) -> Case:
        """Say something about a case. Raises CaseUnknown, CaseRefused, NoRoom."""
        await self.follow()
        case = await asyncio.to_thread(self.case, kind, case_id)
        return await self._say(kind, case, self._fact(case_id, word, body, by))

    def case(self, kind: Kind, case_id: str) -> Case:
        """A case as it is known here; raises CaseUnknown. Blocking."""
        found = self.register.case(kind, case_id)
        if found is None:
            raise CaseUnknown(f"{kind.name} {case_id!r} is not here (yet): `yunnao {kind.name} list` shows those that are")
        return found

    def _fact(self, case_id: str, word: str, body: Body, by: str) -> Fact:
        """A fact as it would stand if it were stored now, after everything that is known here."""
        return Fact(
            self.naming(), case_id, word, by.strip(), body, Place(HybridTime(self.clock.wall_us()), self.me.node, 0, 0), self.me.territory
        )

    async def _say(self, kind: Kind, case: Case | None, fact: Fact) -> Case:
        _check(kind, case, fact)
        # An answer must not be read before what it answers, whichever node's clock is ahead.
        for one in case.history if case is not None else ():
            if not one.fault and self.observe(one.fact.place.at) < one.fact.place.at:
                raise ClocksApart(
                    f"{fact.word} refused: {one.fact.origin} said {one.fact.word} by a clock more than a day ahead of the one here, so "
                    "this would count as said before it; `yunnao doctor` on both nodes shows which clock is wrong: set it, and say it again"
                )
        if self.noting is not None:
            await self.noting(kind, fact)
        await self._store(kind, [(fact, self.me.territory)])
        await self.follow()
        return await asyncio.to_thread(self.case, kind, fact.case_id)

    async def _store(self, kind: Kind, facts: Sequence[tuple[Fact, str]]) -> None:
        resource = self.resource(kind.resource)
        if resource is None:
            raise CaseRefused(f"nothing can be said yet: resource {kind.resource} is not in the catalogue here; the province issues it")
        rows = [row_of(fact, bearer=self.me.node, territory=territory, grade=resource.grade) for fact, territory in facts]
        await self.handing_in.store(resource, rows)

    # ---- following

    async def follow(self) -> None:
        """Take what the journal has, pass on what others must hear, and tell the listeners. Raises CaseError, NoRoom, JournalCorrupt."""
        async with self._following:
            self._owed |= await asyncio.to_thread(self.register.catch_up, self.journal)
            while self._owed:
                name, case_id = min(self._owed)
                kind = self.register.kinds[name]
                await self._pass_on(kind, case_id)
                self._owed.discard((name, case_id))
                for tell in self._listeners:
                    tell(kind, case_id)

    async def _pass_on(self, kind: Kind, case_id: str) -> None:
        """Send facts on to parties below that do not get them by themselves."""
        case = await asyncio.to_thread(self.register.case, kind, case_id)
        if case is None:
            return
        sent = await asyncio.to_thread(self.register.sent, kind, case_id)
        wanted = [
            (one.fact, party.territory)
            for one in case.history
            for party in case.parties.values()
            if self._is_between(one.fact, party) and (one.fact.origin, one.fact.id, party.territory) not in sent
        ]
        if wanted:
            await self._store(kind, wanted)

    def _is_between(self, fact: Fact, party: Party) -> bool:
        """True when this node is the lowest one above both: their ways part here."""
        if party.node in (fact.origin, self.me.node) or not code_contains(self.me.territory, party.territory):
            return False
        if fact.origin == self.me.node:
            return True
        both = (fact.territory, party.territory)
        return code_contains(self.me.territory, fact.territory) and not any(
            all(code_contains(child, code) for code in both) for child in self.children()
        )

    async def run(self) -> None:
        """Follow the journal for as long as the node runs. What a life of the process left undone, the next one does."""
        seen, is_new = (-1, -1), True
        while True:
            if (place := (self.journal.last_lsn, self.journal.put_back)) != seen:
                try:
                    if is_new:
                        self._owed |= await asyncio.to_thread(self.register.unsettled)
                    await self.follow()
                    seen, is_new, self.fault = place, False, ""
                except (CaseError, NoRoom) as error:
                    # The register failing must not stop a node that stores records: it is said, and tried again.
                    self.fault = str(error)
                    log.warning("cases not followed: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def stop(self) -> None:
        """Release the file."""
        await asyncio.to_thread(self.register.close)


def _check(kind: Kind, case: Case | None, fact: Fact) -> None:
    if not fact.by or len(fact.by) > BY_CHARS_MAX:
        raise CaseRefused(f"{fact.word} refused: it needs the name of who says it, at most {BY_CHARS_MAX} characters; give --by NAME")
    if len(encoded_body(fact.body)) > BODY_CHARS_MAX:
        raise CaseRefused(
            f"{fact.word} refused: it is longer than {BODY_CHARS_MAX} characters; put long texts into a file and name its hash"
        )
    if fault := fault_of(kind, case, fact):
        raise CaseRefused(f"{fact.word} refused: {fault}")
