"""Hard case 8: a set of records grows past the table by a trickle. It is held and reviewed, and what was held goes once it is released.

The city's table says from how many persons on a street's residents are a candidate for important data. No single batch comes near it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from node.accumulation.desk import PREFIX, TOPIC
from node.cases.kind import Case
from node.reviews.desk import CASES_MAX
from node.reviews.kind import OPENER, REVIEW, about
from policies.scale import Scale
from simulations.checkers import Copy, Truth
from simulations.checkers.convergence import Presence
from simulations.rooms import Rooms
from simulations.scenarios.script import Script, WaitLonger
from sync.model import State

RESIDENTS = "residents"
STREET, DISTRICT, CITY = "s111", "d11", "m1"
PERSONS = 12
"""From which on the set is a candidate."""
TRICKLE = 4
"""Persons of one batch at most."""
LATER = 5
"""Residents made while the hold is in force."""


class ThresholdByTrickle(Script):
    """The street's residents grow past the table; the city looks and releases them."""

    def begin(self) -> None:
        """Set the table, let the set grow, look at what is held, and release it."""
        Script.begin(self)
        self._held_from = 0
        self.step(4, CITY, self._set_table)
        self.event(13, lambda: self.restart(STREET))
        self.step(14, CITY, self._is_opened)
        self.step(14, STREET, self._is_held)
        self.event(14, self._make_more)
        self.step(24, DISTRICT, self._nothing_came)
        self.step(24, CITY, self._release)

    async def _set_table(self, rooms: Rooms) -> None:
        line = Scale(RESIDENTS, PERSONS)
        held = rooms.issuer.policy.held(CITY)
        assert held is not None, "a city issues a bundle at its first start"
        if line not in held.contents.scales:
            rooms.issuer.issue(rooms.issuer.next_bundle(lambda contents: replace(contents, scales=(*contents.scales, line))))

    def _review(self, rooms: Rooms) -> Case:
        cases = rooms.cases.register.cases(REVIEW, states=frozenset(), limit=CASES_MAX)
        mine = [case for case in cases if about(case).topic == TOPIC and case.parties[OPENER].node == STREET]
        if not mine:
            raise WaitLonger("the street has opened no review")
        return mine[0]

    async def _is_opened(self, rooms: Rooms) -> None:
        matter = about(self._review(rooms))
        if matter.persons != PERSONS or matter.count < PERSONS:
            self.wrong(CITY, f"the review speaks of {matter.count} persons, the table of {matter.persons}")

    async def _is_held(self, rooms: Rooms) -> None:
        held = rooms.issuer.policy.held(STREET)
        if held is None or not any(entry.id.startswith(PREFIX) for entry in held.contents.entries):
            raise WaitLonger("the street does not hold its residents")

    def _make_more(self) -> None:
        self._held_from = self.world.workload.made[RESIDENTS].count
        self.world.produce(STREET, RESIDENTS, LATER)

    async def _nothing_came(self, rooms: Rooms) -> None:
        """What was made under the hold is accounted for as held at the next hop, and none of it is there."""
        streams = self.world.hosts[DISTRICT].journal.recover().streams
        made = [(stream, one) for stream, entries in self.world.numbered.items() if stream.resource == RESIDENTS for one in entries]
        later = [(stream, one) for stream, one in made if one.id >= self._held_from]
        if sum(one.last - one.first + 1 for _, one in later) < LATER:
            raise WaitLonger("what was made under the hold is not stored yet")
        for stream, one in later:
            known = [part for part in streams.get(stream, ()) if part.first <= one.last and part.last >= one.first]
            if not known:
                raise WaitLonger("the district has not heard of what is held")
            if any(part.state is State.PRESENT for part in known):
                self.wrong(DISTRICT, f"residents {one.first} to {one.last} came although they were held")

    async def _release(self, rooms: Rooms) -> None:
        case = self._review(rooms)
        if case.state == "open":
            await rooms.reviews.decide(case.id, "release", by="the authority", why="the purpose is known")

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """No batch was near the table; that what was held went in the end, the other checkers say."""
        parts = self.world.workload.made[RESIDENTS].parts
        if max(part.num_rows for part in parts) > LATER:
            self.wrong(STREET, "a batch came near the table: this was no trickle")
        if self._held_from < PERSONS:
            self.wrong(STREET, f"the set was held at {self._held_from} persons, before the table")
