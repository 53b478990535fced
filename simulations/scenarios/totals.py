"""Hard case 3b: totals were published before records they count were taken back. They stay, are marked, and an open window counts anew.

The district counts residents for those above, who may not have them one by one. The city takes the older ones back.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from node.store.journal import SqliteJournal
from policies.words import Verdict
from simulations.checkers import Copy, Truth
from simulations.checkers.convergence import Presence
from simulations.checkers.records import decode_rows
from simulations.clock import EPOCH_US
from simulations.faults import DAY_US
from simulations.rooms import Rooms
from simulations.scenarios.listing import EntryScript
from simulations.scenarios.readings import values_of
from simulations.scenarios.script import WaitLonger
from sync.model import Span

RESIDENTS, SUMMARY = "residents", "residents-summary"
STREET, DISTRICT, CITY, PROVINCE = "s111", "d11", "m1", "p0"
MADE = 120
"""Residents beside the usual ones: enough of each decade to be told."""
YEAR = 1830
"""Who was born before is taken back."""


class TotalsAreMarked(EntryScript):
    """Totals at the province say that they contain withdrawn input."""

    def begin(self) -> None:
        """Wait for totals at the top, take their input back, look at the mark, and at the next window."""
        EntryScript.begin(self)
        self.event(2, lambda: self.world.produce(STREET, RESIDENTS, MADE))
        self.step(15, PROVINCE, self._has_totals)
        self.step(15, CITY, self._propose)
        self.step(15, CITY, lambda rooms: self.decide(rooms, "review", "the reviewer"))
        self.step(15, CITY, lambda rooms: self.decide(rooms, "approve", "the authority"))
        self.step(15, PROVINCE, self._is_marked)
        self.step(15, DISTRICT, self._complied)
        self.event(15, lambda: self.world.produce(STREET, RESIDENTS, MADE // 2))
        self.step(15, PROVINCE, self._is_counted_anew)

    async def _has_totals(self, rooms: Rooms) -> None:
        told = _told(self.world.hosts[PROVINCE].journal)
        if not any(count for decade, count in told.items() if decade < YEAR):
            raise WaitLonger(f"no totals of those who are taken back have come: {told}")
        if marks := rooms.recalls.withdrawn(SUMMARY):
            self.wrong(PROVINCE, f"totals are marked before anything was taken back: {marks}")
        self._before = told

    async def _propose(self, rooms: Rooms) -> None:
        entry = self.entry(
            resource=RESIDENTS, predicate=f"birth_year < {YEAR}", ways=["up"], retroactive="recall", valid_from_us=EPOCH_US - DAY_US,
            valid_to_us=EPOCH_US + 60 * DAY_US,
        )  # fmt: skip
        await self.propose(rooms, CITY, {**entry, "effect": Verdict.DENY.word})

    async def _is_marked(self, rooms: Rooms) -> None:
        if not rooms.recalls.withdrawn(SUMMARY):
            raise WaitLonger("the totals are not marked")

    async def _complied(self, rooms: Rooms) -> None:
        if not rooms.recalls.due or not all(rooms.recalls.is_done(order) for order in rooms.recalls.due):
            raise WaitLonger("the district has not complied")

    async def _is_counted_anew(self, rooms: Rooms) -> None:
        """A later window tells of more of the others; what was told of those who are gone is final and grows no more."""
        told = _told(self.world.hosts[PROVINCE].journal)
        if not any(count > self._before.get(decade, 0) for decade, count in told.items() if decade >= YEAR):
            raise WaitLonger(f"the totals still are {told}, they were {self._before}")
        if any(count > self._before.get(decade, 0) for decade, count in told.items() if decade < YEAR):
            self.wrong(PROVINCE, f"totals of who was taken back grew from {self._before} to {told}")

    def excused(self, copies: Mapping[str, Copy], truth: Truth) -> Presence:
        """Who is taken back need not be above the street."""
        if RESIDENTS not in truth.made:
            return {}
        years = np.asarray(truth.made[RESIDENTS].rows.column("birth_year").to_numpy() < YEAR)
        return {(DISTRICT, RESIDENTS): years}

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """The district holds none of them."""
        years = values_of(self.world.hosts[DISTRICT], resource=RESIDENTS, column="birth_year")
        if left := sum(year is not None and year < YEAR for year in years):
            self.wrong(DISTRICT, f"{left} residents who were taken back are here")


def _told(journal: SqliteJournal) -> dict[int, int]:
    """The newest count of each decade over all places that a node was told; what is suppressed counts as none."""
    newest: dict[tuple[str, int], int] = {}
    after = 0
    while batches := journal.find(SUMMARY, Span(after, journal.last_lsn), batches_max=256, bytes_max=32 << 20):
        for stored in batches:
            for run in stored.live_runs:
                rows = decode_rows(stored.batch.payload).slice(run.row_offset, run.count) if run.state.has_rows else None
                for row in rows.to_pylist() if rows is not None else ():
                    newest[row["place"], row["decade"]] = row["count"] or 0
        after = batches[-1].lsn
    found: dict[int, int] = {}
    for (_, decade), count in newest.items():
        found[decade] = found.get(decade, 0) + count
    return found
