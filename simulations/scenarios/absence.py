"""Hard case 12: a node comes back after tombstones have ended, and must be seeded anew: it cannot bring back what all others erased.

Enterprises came down to a street. While it is off for longer than orders last, the city takes some of them back, and the order ends.
Another entry goes on denying them, or they would be free and the city would give them once more.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from node.fork.absence import AWAY_DAYS_MAX
from simulations.checkers import Copy, Truth
from simulations.checkers.convergence import Presence
from simulations.checkers.records import Flags
from simulations.clock import EPOCH_US
from simulations.faults import DAY_US
from simulations.rooms import Rooms
from simulations.scenarios.listing import EntryScript
from simulations.scenarios.readings import values_of
from simulations.scenarios.script import WaitLonger

RESOURCE = "enterprises"
STREET, DISTRICT, CITY = "s111", "d11", "m1"
MADE = 30
"""Enterprises that are made beside the usual ones: one in four lies in the street."""
LISTED_DAYS = 10
AWAY_DAYS = LISTED_DAYS + AWAY_DAYS_MAX + 20
"""Past the end of the order: no bundle holds it any more."""


class OldNodeComesBack(EntryScript):
    """A street misses a recall from its beginning to its end."""

    entries = 2

    def begin(self) -> None:
        """Give the street something, switch it off, recall, let the order end, and let it come back."""
        EntryScript.begin(self)
        self._named: list[str] = []
        self.event(2, lambda: self.world.produce(CITY, RESOURCE, MADE))
        self.step(6, STREET, self._has_some)
        self.event(6, lambda: self.switch_off(STREET))
        self.step(6, CITY, self._propose)
        self.step(6, CITY, lambda rooms: self.decide(rooms, "review", "the reviewer"))
        self.step(6, CITY, lambda rooms: self.decide(rooms, "approve", "the authority"))
        self.step(6, DISTRICT, self._complied)
        self.event(6, lambda: self.leap(AWAY_DAYS))
        self.step(6, DISTRICT, self._order_is_gone)
        self.event(6, lambda: self.part(STREET, DISTRICT))
        self.event(6, lambda: self.switch_on(STREET))
        self.step(6, STREET, self._reads_nothing)
        self.event(6, lambda: self.join(STREET, DISTRICT))
        self.step(8, STREET, self._is_seeded)

    async def _has_some(self, rooms: Rooms) -> None:
        """Of what came to the street half is to be taken back."""
        here = set(values_of(self.world.hosts[STREET], resource=RESOURCE, column="credit_code"))
        if len(here) < 2:
            raise WaitLonger("no two enterprises have come down to the street")
        self._named = sorted(here)[::2]

    async def _propose(self, rooms: Rooms) -> None:
        wanted = " or ".join(f"credit_code = '{name}'" for name in self._named)
        for days, retroactive in ((LISTED_DAYS, "recall"), (2 * AWAY_DAYS, "none")):
            await self.propose(rooms, CITY, self.entry(
                resource=RESOURCE, predicate=wanted, ways=["return"], retroactive=retroactive, valid_from_us=EPOCH_US - DAY_US,
                valid_to_us=EPOCH_US + days * DAY_US,
            ))  # fmt: skip

    async def _complied(self, rooms: Rooms) -> None:
        if not rooms.recalls.due or not all(rooms.recalls.is_done(order) for order in rooms.recalls.due):
            raise WaitLonger("the district has not complied")

    async def _order_is_gone(self, rooms: Rooms) -> None:
        rooms.recalls.look()
        if rooms.recalls.due:
            raise WaitLonger("the order is in force")

    async def _reads_nothing(self, rooms: Rooms) -> None:
        if not rooms.recalls.eraser.policy.closed(RESOURCE):
            self.wrong(STREET, f"{RESOURCE} could be read before the street had met its parent")

    async def _is_seeded(self, rooms: Rooms) -> None:
        """It was let in, and all that may be here came again."""
        if self.world.hosts[STREET].forks.is_reseed_wanted or not rooms.absence.heard_us:
            raise WaitLonger("the reseed is not done")
        if why := rooms.recalls.eraser.policy.closed(RESOURCE):
            raise WaitLonger(why)

    def _taken(self, truth: Truth) -> Flags:
        names = np.asarray(truth.made[RESOURCE].rows.column("credit_code").to_pylist())
        return np.isin(names, self._named)

    def excused(self, copies: Mapping[str, Copy], truth: Truth) -> Presence:
        """What was taken back need not be anywhere below the city."""
        return {(node, RESOURCE): self._taken(truth) for node in (DISTRICT, STREET)} if RESOURCE in truth.made else {}

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """Neither the street nor the district has it."""
        taken = self._taken(truth)
        for node in (DISTRICT, STREET):
            if left := int(np.count_nonzero(taken & presence[node, RESOURCE])):
                self.wrong(node, f"{left} records are here that everybody had erased")
