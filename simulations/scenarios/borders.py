"""Hard case 9: two streets become one, and later a part goes back. What returns follows the map, and history keeps its codes.

The city returns enterprises to where they are. Which street may have which, before and after each change, is written down here by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from policies.territories import Change
from simulations.checkers import Copy, Truth
from simulations.checkers.convergence import Presence
from simulations.clock import EPOCH_US
from simulations.faults import DAY_US
from simulations.rooms import Rooms
from simulations.scenarios.readings import values_of
from simulations.scenarios.script import Script, WaitLonger

RESOURCE = "enterprises"
CITY, DISTRICT = "m1", "d11"
EAST, WEST = "370101001", "370101002"
STREETS = {"s111": EAST, "s112": WEST}
PART, PART_BEFORE = "370101002001", "370101001002"
"""The second community of the united street becomes the first of the western one."""
MERGED = Change(WEST, EAST, EPOCH_US - 2 * DAY_US, "an order of a simulated city")
SPLIT = Change(PART_BEFORE, PART, EPOCH_US - DAY_US, "a later order")
MADE = 24


def due(street: str, code: str, changes: int) -> bool:
    """True when a record under `code` is the street's: as written, or after so many of the changes."""
    if code.startswith(street):
        return True
    now = EAST + code[len(WEST) :] if changes > 0 and code.startswith(WEST) else code
    now = PART + now[len(PART_BEFORE) :] if changes > 1 and now.startswith(PART_BEFORE) else now
    return now.startswith(street)


class StreetsMergeAndPart(Script):
    """The western street joins the eastern one, and one community goes back."""

    homes: Mapping[str, tuple[str, ...]] = {"s111": (EAST, WEST), "s112": (EAST, WEST)}

    def begin(self) -> None:
        """Make some before, between and behind the two changes."""
        Script.begin(self)
        self.world.workload.communities = ("001", "002")
        self._from: list[int] = []
        self.event(2, self._make)
        for index, changes in enumerate(((MERGED,), (MERGED, SPLIT)), start=1):
            self._change(5 + 6 * index, changes)

    def _change(self, at_s: float, changes: tuple[Change, ...]) -> None:
        self.step(at_s, CITY, lambda rooms: self._issue(rooms, changes))
        for node in (DISTRICT, *STREETS):
            self.step(at_s, node, lambda rooms: self._is_known(rooms, changes))
        self.event(at_s, self._make)

    def _make(self) -> None:
        made = self.world.workload.made.get(RESOURCE)
        self._from.append(made.count if made is not None else 0)
        self.world.produce(CITY, RESOURCE, MADE)

    async def _issue(self, rooms: Rooms, changes: tuple[Change, ...]) -> None:
        held = rooms.issuer.policy.held(CITY)
        assert held is not None, "a city issues a bundle at its first start"
        if held.contents.successors != changes:
            rooms.issuer.issue(rooms.issuer.next_bundle(lambda contents: replace(contents, successors=changes)))

    async def _is_known(self, rooms: Rooms, changes: tuple[Change, ...]) -> None:
        held = rooms.issuer.policy.held(CITY)
        if held is None or held.contents.successors != changes:
            raise WaitLonger("the change has not come here yet")

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """Each street has what it must, from what was in force when it was made, and nothing it never might have."""
        codes = np.asarray(truth.made[RESOURCE].rows.column("territory").to_pylist(), dtype=str)
        moved = 0
        for node, street in STREETS.items():
            here = presence[node, RESOURCE]
            for number, code in enumerate(codes.tolist()):
                since = sum(number >= first for first in self._from) - 1
                must = all(due(street, code, changes) for changes in range(max(since, 0), 3))
                may = any(due(street, code, changes) for changes in range(3))
                if (here[number] and not may) or (must and not here[number]):
                    self.wrong(node, f"enterprise {number} of {code} is {'here' if here[number] else 'not here'}")
                moved += bool(here[number]) and not code.startswith(street)
            kept = set(values_of(self.world.hosts[node], resource=RESOURCE, column="territory"))
            if kept - set(codes.tolist()):
                self.wrong(node, "a code was rewritten")
        if not moved:
            self.wrong(DISTRICT, "nothing came to a street that took it over: the day showed nothing")
