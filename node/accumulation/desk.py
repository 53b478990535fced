"""Sets of records that grew past the table: a review is opened, and until it is decided what would pass them on is held.

Owns the way from a count to a provisional hold in this node's bundle: on rows of its territory, toward levels above it, sideways and in the
open, for thirty days; what the authority upholds it holds itself, for a year. Opened by trickle or at once, because what counts is what is
here. Called by the background of the appliance, and by status.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass, replace
from typing import Final

from node.accumulation.counting import Counting, CountingFailed
from node.cases.errors import CaseError
from node.cases.kind import Case
from node.ingest.handing_in import NoRoom
from node.policy.issuing import Issuer, IssueRefused
from node.reviews.desk import CASES_MAX, ReviewDesk
from node.reviews.kind import AUTHORITY, OPENER, REVIEW, About, about
from node.store.journal import SqliteJournal
from policies.bundle import PROVISIONAL_HOLD_US_MAX, Contents
from policies.entry import Basis, Entry
from policies.errors import PolicyError
from policies.scale import scale_for
from policies.words import Verdict, Way
from sync.model import MICROSECONDS, Level

LOOK_EVERY_S = 30.0
PREFIX = "AC-"
TOPIC: Final = "accumulation"
UPHELD_US = 365 * 86_400 * MICROSECONDS
"""How long a hold lasts that the authority upheld."""
AGAIN_FACTOR = 2
"""A set that was released is a candidate again when it is this many times as large."""
HELD = "accumulation_held"
"""Word of the status: records are held because a set grew too large."""

log = logging.getLogger("yunnao.policy")


@dataclass(slots=True)
class AccumulationDesk:
    """One node's counts and what follows."""

    counting: Counting
    journal: SqliteJournal
    issuer: Issuer
    reviews: ReviewDesk
    _held: int = 0

    async def run(self) -> None:
        """Count and settle for as long as the node runs."""
        while True:
            try:
                await self.settle()
            except (CaseError, NoRoom, CountingFailed) as error:
                # The count failing must not stop a node that stores records: it is said, and tried again.
                log.warning("persons are not counted: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def settle(self) -> None:
        """Open a review for each set past the table, and keep the holds as the reviews say. Raises CaseError, NoRoom, CountingFailed."""
        # A life that ended between opening a review and taking it into the register would open it twice.
        await self.reviews.cases.follow()
        known = await asyncio.to_thread(self.reviews.mine, TOPIC)
        for matter in await asyncio.to_thread(self._past_the_table, known):
            log.warning("%s is about %d persons, the table says %d: held, and a review is opened", matter.key, matter.count, matter.persons)
            await self.reviews.open(matter)
        await self._keep_holds()

    def _past_the_table(self, known: list[Case]) -> list[About]:
        rules, here = self.issuer.policy.ruleset, self.journal.counts()
        found = []
        for code, resource in sorted(rules.resources.items()):
            limit = scale_for(rules.scales, resource) if here.get(code) else None
            if limit is None:
                continue
            persons, field = limit
            count = self.counting.persons(self.journal, code, field)
            before = [case for case in known if about(case).key == code]
            is_open = any(case.state != "released" for case in before)
            floor = max([persons, *(about(case).count * AGAIN_FACTOR for case in before)])
            if not is_open and count >= floor:
                found.append(About(topic=TOPIC, key=code, resources=(code,), count=count, persons=persons))
        return found

    async def _keep_holds(self) -> None:
        cases = await asyncio.to_thread(self.reviews.cases.register.cases, REVIEW, states={"open", "upheld"}, limit=CASES_MAX)
        wanted = {entry.id: entry for case in cases if about(case).topic == TOPIC for entry in self._holds(case)}
        self._held = len(wanted)
        held = self.issuer.policy.held(self.issuer.node)
        contents = held.contents if held else Contents()
        changed = _with(contents, wanted)
        if changed.entries == contents.entries:
            return
        try:
            self.issuer.issue(self.issuer.next_bundle(lambda now: _with(now, wanted)))
        except (PolicyError, IssueRefused) as error:
            log.error("holds for sets that grew too large cannot be issued: %s", error)

    def _holds(self, case: Case) -> list[Entry]:
        """This node's part of the holds of a case: while it is open the holder's, once it is upheld the authority's."""
        me, territory = self.issuer.node, case.parties[OPENER].territory
        if case.state == "open" and case.parties[OPENER].node == me:
            return _entries(case, territory, self.issuer.level, case.opened_us, PROVISIONAL_HOLD_US_MAX)
        if case.state == "upheld" and case.parties[AUTHORITY].node == me:
            return _entries(case, territory, Level.GRID, case.since_us, UPHELD_US)
        return []

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [HELD] * bool(self._held)

    async def stop(self) -> None:
        """Release the file."""
        self.counting.close()


def _entries(case: Case, territory: str, level: Level, from_us: int, life_us: int) -> list[Entry]:
    """Holds on rows of the holder's territory: toward levels above it, and on every way that is not up."""
    matter = about(case)
    quote = f"{matter.key}: a set of records about {matter.persons} persons or more is a candidate for important data and is reviewed"
    basis = Basis("the table of scales in the bundles in force", matter.key, quote, hashlib.sha256(quote.encode()).hexdigest())
    said = f"review {case.id}"
    base = Entry(
        id=PREFIX + case.id,
        effect=Verdict.HOLD,
        resource=matter.key,
        territories=(territory,),
        basis=basis,
        proposer=said,
        approver=said,
        valid_from_us=from_us,
        valid_to_us=from_us + life_us,
    )
    above = tuple(one for one in Level if one > level)
    aside = replace(base, id=f"{base.id}-aside", ways=(Way.SIDEWAYS, Way.PEER, Way.OPEN))
    return [replace(base, id=f"{base.id}-up", ways=(Way.UP,), levels=above), aside] if above else [aside]


def _with(contents: Contents, wanted: dict[str, Entry]) -> Contents:
    """The contents with the holds as they should be, and all other entries as they are."""
    others = [entry for entry in contents.entries if not entry.id.startswith(PREFIX)]
    return replace(contents, entries=tuple(others) + tuple(wanted[name] for name in sorted(wanted)))
