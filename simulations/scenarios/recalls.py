"""Hard case 3: records are taken back that were shared before the entry, over three levels, while one node is away for ten days.

The district's authority proposes, a second person there reviews, the city approves with `retroactive = "recall"`. Every holder erases, a
node that was away before anything is read there, and the city's open list goes to the end.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulations.checkers import Copy, Truth
from simulations.checkers.convergence import Presence
from simulations.clock import EPOCH_US
from simulations.faults import DAY_US
from simulations.rooms import Rooms
from simulations.rules import LIMIT_VALUE
from simulations.scenarios.listing import EntryScript
from simulations.scenarios.readings import ABOVE_GRID, RESOURCE, is_high, rows_of
from simulations.scenarios.script import Taken, WaitLonger


class RecalledOverThreeLevels(EntryScript):
    """The city takes high readings back from everybody who was given them."""

    def begin(self) -> None:
        """Propose, review and approve; then look at readers and at the open list."""
        EntryScript.begin(self)
        self.step(8, "p0", self._has_some)
        self.event(8, lambda: self.part("p0", "m1"))
        self.step(8, "d11", self._propose)
        self.step(8, "d11", lambda rooms: self.decide(rooms, "review", "the reviewer"))
        self.step(8, "m1", lambda rooms: self.decide(rooms, "approve", "the authority"))
        self.step(8, "m1", lambda rooms: self._has_answered(rooms, {"s111", "d11", "m1"}))
        self.event(8, lambda: self.leap(10))
        self.event(10, lambda: self.join("p0", "m1"))
        self.step(10, "m1", lambda rooms: self._has_answered(rooms, set(ABOVE_GRID)))
        self._looked: set[tuple[str, int]] = set()
        self._was_open = False
        self.every(0.5, self._look)

    async def _propose(self, rooms: Rooms) -> None:
        await self.propose(rooms, "m1", self.entry(
            resource=RESOURCE, predicate=f"value > {LIMIT_VALUE}", ways=["up"], retroactive="recall", valid_from_us=EPOCH_US - DAY_US,
            valid_to_us=EPOCH_US + 60 * DAY_US,
        ))  # fmt: skip

    async def _has_some(self, rooms: Rooms) -> None:
        if not rows_of(self.world.hosts["p0"], is_high):
            raise WaitLonger("nothing has come to the province yet")

    async def _has_answered(self, rooms: Rooms, wanted: set[str]) -> None:
        """The step is over when the list is closed but for those who are away."""
        lists = rooms.recalls.lists()
        missing = wanted - {node for one in lists.values() for node in one.answered}
        if missing:
            raise WaitLonger(f"no receipt of {', '.join(sorted(missing))}")
        self._was_open = self._was_open or ("p0" not in wanted and any("p0" in one.missing for one in lists.values()))

    def _look(self) -> None:
        """Whoever may be read under the order holds none of its rows any more."""
        for node in ABOVE_GRID:
            host, rooms = self.world.hosts[node], self.rooms(node)
            if rooms is None or not rooms.recalls.due or rooms.recalls.refusal(RESOURCE) or (node, host.lives) in self._looked:
                continue
            self._looked.add((node, host.lives))
            if count := rows_of(host, is_high):
                self.wrong(node, f"{count} recalled records can be read")

    # ---- in the end

    def excused(self, copies: Mapping[str, Copy], truth: Truth) -> Presence:
        """High readings need not be anywhere but where they were made."""
        made = truth.made.get(RESOURCE)
        if made is None:
            return {}
        high = np.asarray(made.rows.column("value").to_numpy() > LIMIT_VALUE)
        return {(node, RESOURCE): high for node in ABOVE_GRID}

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """No holder has one, each says how many it had, and the list was open while one was away."""
        high, taken = self.excused(copies, truth), Taken.of(copies, truth)
        rooms = self.rooms("m1")
        assert rooms is not None, "every node of a healed world is up"
        lists = rooms.recalls.lists()
        for node in ABOVE_GRID:
            if left := int(np.count_nonzero(high[node, RESOURCE] & presence[node, RESOURCE])):
                self.wrong(node, f"{left} recalled records are here")
            self.erases(node, truth, RESOURCE, high[node, RESOURCE])
            said = sum(one.answered[node].receipt.erased for one in lists.values() if node in one.answered)
            if not 0 < said == taken.count(node, RESOURCE):
                self.wrong(node, f"its receipt says {said} erased, its journal {taken.count(node, RESOURCE)}")
        if not self._was_open:
            self.wrong("m1", "the open list was never open while a node was away")
        if "recalls_open" in rooms.recalls.troubles():
            self.wrong("m1", "the open list is open although everybody answered")
