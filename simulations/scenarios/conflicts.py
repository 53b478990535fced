"""Hard case 5, the ticket and its clock: entries of two levels contradict each other, both sides and those above see it, and time runs.

The district has two entries that say otherwise than the city's. It shows the law for one of them; the other is void after ten days.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from node.cases.kind import Case
from node.reviews.desk import CASES_MAX
from node.reviews.kind import REVIEW, about
from policies.entry import Basis, Entry
from policies.words import Verdict, Way
from simulations.checkers import Copy, Truth
from simulations.checkers.convergence import Presence
from simulations.clock import EPOCH_US
from simulations.faults import DAY_US
from simulations.rooms import Rooms
from simulations.scenarios.script import Script, WaitLonger

DISTRICT, CITY, PROVINCE = "d11", "m1", "p0"
SHOWN, SILENT = "camera-events", "enterprises"
"""Resources of which the district shows its basis, and of which it does not."""
CLOCK_DAYS = 11
QUOTE = "an invented order of a simulated district"
BASIS = Basis("simulated order", "5", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest())


def entry(node: str, resource: str, effect: Verdict) -> Entry:
    """What a node says of what goes sideways."""
    return Entry(
        f"SIM-{node}-{resource}", effect, resource, ways=(Way.SIDEWAYS,), basis=BASIS, proposer="the proposer", approver="the approver",
        valid_from_us=EPOCH_US - DAY_US, valid_to_us=EPOCH_US + 90 * DAY_US,
    )  # fmt: skip


class TicketClockRuns(Script):
    """Two contradictions, of which one is left open."""

    def begin(self) -> None:
        """Issue at both levels, see both tickets everywhere, show one basis, and let the time pass."""
        Script.begin(self)
        self.step(4, CITY, lambda rooms: self._issue(rooms, CITY, Verdict.DENY))
        self.step(4, DISTRICT, lambda rooms: self._issue(rooms, DISTRICT, Verdict.MASK))
        self.step(4, CITY, self._open)
        for node in (DISTRICT, PROVINCE):
            self.step(4, node, self._both)
        self.step(12, DISTRICT, self._justify)
        self.event(14, lambda: self.leap(CLOCK_DAYS))
        self.step(14, DISTRICT, lambda rooms: rooms.reviews.settle())
        self.step(14, PROVINCE, self._one_has_lapsed)

    async def _issue(self, rooms: Rooms, node: str, effect: Verdict) -> None:
        wanted = tuple(entry(node, resource, effect) for resource in (SHOWN, SILENT))
        held = rooms.issuer.policy.held(node)
        if held is None or not set(wanted) <= set(held.contents.entries):
            rooms.issuer.issue(rooms.issuer.next_bundle(lambda contents: replace(contents, entries=(*contents.entries, *wanted))))

    async def _open(self, rooms: Rooms) -> None:
        await rooms.reviews.settle()
        await self._both(rooms)

    async def _both(self, rooms: Rooms) -> None:
        if len(self._tickets(rooms)) < 2:
            raise WaitLonger("both tickets are not here yet")

    def _tickets(self, rooms: Rooms) -> dict[str, Case]:
        cases = rooms.cases.register.cases(REVIEW, states=frozenset(), limit=CASES_MAX)
        return {about(case).resources[0]: case for case in cases if about(case).topic == "conflict"}

    async def _justify(self, rooms: Rooms) -> None:
        await rooms.cases.follow()
        case = self._tickets(rooms)[SHOWN]
        if "basis" not in case.data:
            await rooms.reviews.justify(case.id, BASIS.encoded(), by="the proposer", why="it is the law")

    async def _one_has_lapsed(self, rooms: Rooms) -> None:
        if self._tickets(rooms)[SILENT].state != "lapsed" or self._held(rooms) != {entry(DISTRICT, SHOWN, Verdict.MASK).id}:
            raise WaitLonger(f"the silent ticket is {self._tickets(rooms)[SILENT].state}, the district's entries here: {self._held(rooms)}")

    def _held(self, rooms: Rooms) -> set[str]:
        held = rooms.issuer.policy.held(DISTRICT)
        return {one.id for one in held.contents.entries} if held is not None else set()

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """The entry that was shown to stand on law is still in force, and its ticket still open."""
        for node in (DISTRICT, CITY, PROVINCE):
            rooms = self.rooms(node)
            assert rooms is not None, "every node of a healed world is up"
            if self._held(rooms) != {entry(DISTRICT, SHOWN, Verdict.MASK).id}:
                self.wrong(node, f"entries of the district in force here: {sorted(self._held(rooms))}")
            if self._tickets(rooms)[SHOWN].state != "open":
                self.wrong(node, "a ticket whose basis was shown is not open any more")
