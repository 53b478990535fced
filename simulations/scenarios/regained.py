"""Hard case 3, its other end: the entry that recalled is revoked, and what everybody had erased comes again, once and as backfill.

The district's authority proposes, a second person there reviews, the city approves with `retroactive = "recall"` and, once every holder has
answered, revokes. Each hop asks the one below; the grid node, which kept its own, gives. While the order is in force nothing comes, though
a street puts whole old batches on the way.
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
from simulations.scenarios.script import WaitLonger
from sync.core.engine import Engine
from sync.model import Instant, Span

GRID, STREET, DISTRICT, CITY, PROVINCE = "g1111", *ABOVE_GRID


class FreedAgain(EntryScript):
    """The city takes high readings back from everybody, and lets them go again."""

    def begin(self) -> None:
        """Recall; put an old batch on the way; revoke, with a restart in between; wait until the province has them."""
        EntryScript.begin(self)
        self._erased: dict[str, int] = {}
        self._is_over = False
        self.step(8, PROVINCE, self._has_some)
        self.step(8, DISTRICT, self._propose)
        self.step(8, DISTRICT, lambda rooms: self.decide(rooms, "review", "the reviewer"))
        self.step(8, CITY, lambda rooms: self.decide(rooms, "approve", "the authority"))
        self.step(8, CITY, self._all_answered)
        self.event(8, self._put_back)
        self.step(14, CITY, self._revoke)
        self.event(14, lambda: self.restart(STREET))
        self.step(16, PROVINCE, self._has_some)
        self.every(0.5, self._look)

    async def _has_some(self, rooms: Rooms) -> None:
        if not rows_of(self.world.hosts[PROVINCE], is_high):
            raise WaitLonger("no high reading has come to the province")

    async def _propose(self, rooms: Rooms) -> None:
        await self.propose(rooms, CITY, self.entry(
            resource=RESOURCE, predicate=f"value > {LIMIT_VALUE}", ways=["up"], retroactive="recall", valid_from_us=EPOCH_US - DAY_US,
            valid_to_us=EPOCH_US + 60 * DAY_US,
        ))  # fmt: skip

    async def _all_answered(self, rooms: Rooms) -> None:
        for one in rooms.recalls.lists().values():
            self._erased |= {node: answer.receipt.erased for node, answer in one.answered.items()}
        if missing := set(ABOVE_GRID) - self._erased.keys():
            raise WaitLonger(f"no receipt of {', '.join(sorted(missing))}")

    def _put_back(self) -> None:
        """Old batches leave the grid node once more, whole, as a requeue for the sake of other records would send them."""
        host = self.world.hosts[GRID]
        if not host.is_up:
            return
        batches = host.journal.find(RESOURCE, Span(0, host.journal.last_lsn), batches_max=4, bytes_max=1 << 20)

        def send(engine: Engine, now: Instant) -> None:
            engine.send_again(batches, now)

        host.post(send)

    async def _revoke(self, rooms: Rooms) -> None:
        await self.decide(rooms, "revoke", "the authority")
        self._is_over = True

    def _look(self) -> None:
        """As long as the order is in force nobody who complied has any."""
        for node in ABOVE_GRID:
            host, rooms = self.world.hosts[node], self.rooms(node)
            if rooms is None or not rooms.recalls.due or rooms.recalls.refusal(RESOURCE):
                continue
            if count := rows_of(host, is_high):
                self.wrong(node, f"{count} recalled records are here while the order is in force")

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """Everybody had erased some, and every high reading that was made is everywhere."""
        high = np.asarray(truth.made[RESOURCE].rows.column("value").to_numpy() > LIMIT_VALUE)
        for node in ABOVE_GRID:
            if not self._erased.get(node):
                self.wrong(node, "nothing was taken back: the day showed nothing")
            if missing := int(np.count_nonzero(high & ~presence[node, RESOURCE])):
                self.wrong(node, f"{missing} records that are free again have not come again")
