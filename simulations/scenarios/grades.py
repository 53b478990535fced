"""Hard cases 1 and 1b: some of many records are graded up, then down again.

Up: a grid proposes, the city approves, and every holder erases those records and touches no other. Down: what its origin withheld because
of a raise goes once, marked backfill, when two persons have ended it, whatever starts again meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from node.cases.errors import CaseRefused
from node.cases.kind import Case
from node.regrading.desk import CASES_MAX, Wish
from node.regrading.kind import REGRADE, regrade_of
from policies.regrade import Regrade
from simulations.checkers import Copy, Truth
from simulations.checkers.convergence import Presence
from simulations.checkers.excuses import mark
from simulations.checkers.records import Flags, Ints
from simulations.rooms import Rooms
from simulations.scenarios.readings import ABOVE_GRID, RESOURCE, is_high, rows_of
from simulations.scenarios.script import Script, Taken, WaitLonger
from simulations.world import World
from sync.model import State

QUOTE = "an invented order: these readings tell where somebody hides"
BASIS = {"instrument": "simulated order", "article": "1", "quote": QUOTE, "sha256": hashlib.sha256(QUOTE.encode()).hexdigest()}
GRADE = 4
"""Which no level above the origin may have as a record."""
GRID, CITY = "g1111", "m1"


class GradesScript(Script):
    """What both have in common."""

    def __init__(self, world: World) -> None:
        Script.__init__(self, world)
        self.regrade: Regrade | None = None

    def case(self, rooms: Rooms) -> Case:
        """The one change; raises WaitLonger while it is not here."""
        found = rooms.cases.register.cases(REGRADE, states=frozenset(), limit=CASES_MAX)
        if not found:
            raise WaitLonger("the proposal has not come yet")
        return found[0]

    async def propose(self, rooms: Rooms, approver: str, keys: Sequence[str]) -> None:
        """Propose a raise of the readings of these names, unless that was done."""
        if not rooms.cases.register.cases(REGRADE, states=frozenset(), limit=CASES_MAX):
            wish = Wish(RESOURCE, GRADE, True, dict(BASIS), "somebody is protected", key="text", keys=keys)
            await rooms.regrades.propose(wish, rooms.party(approver), by="the proposer")

    async def decide(self, rooms: Rooms, word: str, by: str) -> None:
        """Say a word about the change, unless it was said."""
        await rooms.cases.follow()
        case = self.case(rooms)
        if not any(one.fact.word == word and not one.fault for one in case.history):
            await rooms.regrades.decide(case.id, word, by=by, why="said at the table")
            case = self.case(rooms)
        self.regrade = regrade_of(case)

    def made(self, column: str) -> list[Any]:
        """A column of all readings that were made so far."""
        made = self.world.workload.made.get(RESOURCE)
        return [value for part in made.parts for value in part.column(column).to_pylist()] if made is not None else []

    def named(self, truth: Truth) -> Flags:
        """Which of the readings made the change names."""
        flags = np.zeros(truth.made[RESOURCE].count, np.bool_)
        for stretch in self.regrade.stretches if self.regrade is not None else ():
            for stream in truth.numbered:
                if (stream.origin, stream.incarnation, stream.resource) == (stretch.origin, stretch.incarnation, RESOURCE):
                    mark(flags, truth, stream, stretch.first, stretch.last)
        return flags


class ReclassifiedUp(GradesScript):
    """High readings that everybody holds are graded up by name; all others stay everywhere."""

    def begin(self) -> None:
        """Wait until the province has some, then propose below, approve in the city, and wait for the last receipt."""
        GradesScript.begin(self)
        self.step(7, "p0", self._has_some)
        self.step(7, GRID, lambda rooms: self.propose(rooms, CITY, self._names()))
        self.step(7, CITY, lambda rooms: self.decide(rooms, "approve", "the authority"))
        self.step(7, CITY, self._all_complied)

    def _names(self) -> list[str]:
        """Of every other high reading that was made so far."""
        return [name for name, value in zip(self.made("text"), self.made("value"), strict=True) if is_high(value)][::2]

    async def _has_some(self, rooms: Rooms) -> None:
        if not rows_of(self.world.hosts["p0"], is_high):
            raise WaitLonger("nothing has come to the province yet")

    async def _all_complied(self, rooms: Rooms) -> None:
        lists = rooms.recalls.lists()
        missing = set(ABOVE_GRID) - {node for one in lists.values() for node in one.answered}
        if missing:
            raise WaitLonger(f"no receipt of {', '.join(sorted(missing))}")

    def excused(self, copies: Mapping[str, Copy], truth: Truth) -> Presence:
        """What is named need not be anywhere but where it was made."""
        return {(node, RESOURCE): self.named(truth) for node in ABOVE_GRID} if RESOURCE in truth.made else {}

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """No holder has a named record, each took some back, and no other."""
        named, taken = self.named(truth), Taken.of(copies, truth)
        for node in ABOVE_GRID:
            if left := int(np.count_nonzero(named & presence[node, RESOURCE])):
                self.wrong(node, f"{left} records of a higher grade are here")
            gone = taken.flags.get((node, RESOURCE), np.zeros(len(named), np.bool_))
            if not gone.any():
                self.wrong(node, "nothing was taken back: the day showed nothing")
            if other := int(np.count_nonzero(gone & ~named)):
                self.wrong(node, f"{other} records that nobody named were taken back")
            self.erases(node, truth, RESOURCE, named)


class ReclassifiedDown(GradesScript):
    """A grid raises what it has not sent yet; when two persons end that, it goes once."""

    def begin(self) -> None:
        """Keep the grid apart while it raises, let it link and send the rest, then end the raise and restart twice."""
        GradesScript.begin(self)
        self._first, self._sent_before = 0, 0
        self.event(3, self._part)
        self.step(8, GRID, lambda rooms: self.propose(rooms, GRID, self._names()))
        self.step(8, GRID, lambda rooms: self.decide(rooms, "approve", "the second"))
        self.event(8, lambda: self.join(GRID, "s111"))
        self.step(9, "s111", self._others_came)
        self.step(9, GRID, lambda rooms: self.decide(rooms, "lift", "the proposer"))
        self.step(9, GRID, self._one_person_is_not_enough)
        self.event(9, self._none_went)
        self.step(9, GRID, lambda rooms: self.decide(rooms, "end", "the second"))
        self.event(9, lambda: self.restart(GRID))
        self.event(12, lambda: self.restart("s111"))

    def _part(self) -> None:
        self.part(GRID, "s111")
        self._first = self.world.workload.made[RESOURCE].count if RESOURCE in self.world.workload.made else 0

    def _names(self) -> list[str]:
        names = self.made("text")
        return names[self._first :: 2]

    async def _others_came(self, rooms: Rooms) -> None:
        """The rest of what was made apart has come, so the gate has decided about what is named, too."""
        if not rows_of(self.world.hosts["s111"], lambda name: name in self._others(), column="text"):
            raise WaitLonger("nothing of what was made apart has come")

    def _others(self) -> set[str]:
        return set(self.made("text")[self._first :]) - set(self._names())

    async def _one_person_is_not_enough(self, rooms: Rooms) -> None:
        case = self.case(rooms)
        if case.state != "lifting":
            return
        try:
            await rooms.regrades.decide(case.id, "end", by="the proposer", why="alone")
        except CaseRefused:
            return
        self.wrong(GRID, "one person alone lowered a grade")

    def _none_went(self) -> None:
        named = set(self._names_raised())
        for node in ABOVE_GRID:
            if self.world.hosts[node].is_up and (count := rows_of(self.world.hosts[node], lambda name: name in named, column="text")):
                self.wrong(node, f"{count} records of a higher grade came here")

    def _names_raised(self) -> list[str]:
        numbered, made = self.world.numbered, self.made("text")
        found: list[str] = []
        for stretch in self.regrade.stretches if self.regrade is not None else ():
            for stream, entries in numbered.items():
                if (stream.origin, stream.incarnation, stream.resource) != (stretch.origin, stretch.incarnation, RESOURCE):
                    continue
                for entry in entries:
                    low, high = max(entry.first, stretch.first), min(entry.last, stretch.last)
                    found += made[entry.id + low - entry.first : entry.id + high - entry.first + 1]
        return found

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """Each named record lies at each holder once, as backfill; at its origin twice: as made, and as put back."""
        named = self.named(truth)
        if not named.any():
            self.wrong(GRID, "no record was named: the day showed nothing")
        for node in (GRID, *ABOVE_GRID):
            times, backfill = _times(copies[node], truth, backfill=False), _times(copies[node], truth, backfill=True)
            due = 1 if node == GRID else 0
            if wrong := int(np.count_nonzero(named & ((times != due) | (backfill != 1)))):
                self.wrong(node, f"{wrong} of {int(named.sum())} records do not lie here {due} times as new and once as backfill")


def _times(copy: Copy, truth: Truth, *, backfill: bool) -> Ints:
    """How often each reading lies in a journal with its row, duplicates counted."""
    runs = copy.runs
    found = np.zeros(truth.made[RESOURCE].count, np.int64)
    for row in np.flatnonzero((runs.backfill == backfill) & (runs.state == State.PRESENT)):
        stream = copy.streams[runs.stream[row]]
        if stream.resource == RESOURCE:
            flags = np.zeros(len(found), np.bool_)
            mark(flags, truth, stream, int(runs.first[row]), int(runs.last[row]))
            found += flags
    return found
