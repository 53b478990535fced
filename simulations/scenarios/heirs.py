"""Hard case 7: a resource that is made row by row of another is as strict as that one, whatever its own entry says, and wherever it goes.

The city catalogues notes about residents as open to everybody. They go on their way without a single resident beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from policies.catalogue import Resource
from policies.presets import city_bundle_contents
from policies.words import Role
from simulations.checkers import Copy, Truth
from simulations.checkers.convergence import Presence
from simulations.rooms import Rooms
from simulations.scenarios.readings import values_of
from simulations.scenarios.script import Script, WaitLonger
from sync.model import Direction, Level, State

NOTES, SOURCE = "resident-notes", "residents"
STREET, DISTRICT, CITY, PROVINCE = "s111", "d11", "m1", "p0"
MADE = 20


def notes() -> Resource:
    """The entry as a careless author writes it: every field open, and nothing masked."""
    source = next(one for one in city_bundle_contents(Level.PROVINCIAL).catalogue if one.code == SOURCE)
    fields = tuple(replace(item, grade=0, role=Role.PLAIN, mask="") for item in source.fields)
    return replace(source, code=NOTES, grade=1, fields=fields, lineage=(SOURCE,))


class HeirsKeepTheGrade(Script):
    """Notes about residents are made at the street."""

    def begin(self) -> None:
        """Catalogue them, make some, and wait until it is decided how far they go."""
        Script.begin(self)
        self._names = [f"{self.world.rng.getrandbits(90):023x}" for _ in range(MADE)]
        self.step(4, CITY, self._catalogue)
        self.step(4, STREET, self._make)
        self.step(4, DISTRICT, self._some_came)
        self.step(4, DISTRICT, self._all_withheld)

    async def _catalogue(self, rooms: Rooms) -> None:
        held = rooms.issuer.policy.held(CITY)
        assert held is not None, "a city issues a bundle at its first start"
        if NOTES not in {one.code for one in held.contents.catalogue}:
            rooms.issuer.issue(rooms.issuer.next_bundle(lambda contents: replace(contents, catalogue=(*contents.catalogue, notes()))))

    async def _make(self, rooms: Rooms) -> None:
        if NOTES not in rooms.issuer.policy.ruleset.resources:
            raise WaitLonger("the street has not heard of the resource")
        if not rooms.issuer.policy.ruleset.resources[NOTES].grade > 1:
            self.wrong(STREET, "notes about residents count as less than residents")
        wall_us, territory = self.world.hosts[STREET].machine.wall_us(), self.world.hosts[STREET].plan.territory
        rows = [(wall_us, territory, 1, f"note {name}", name, f"id {name}", f"phone {name}", 1820, "ordinary") for name in self._names]
        if not self.world.hosts[STREET].journal.counts().get(NOTES):
            await rooms.inlet.store(NOTES, rows)

    async def _some_came(self, rooms: Rooms) -> None:
        if len(values_of(self.world.hosts[DISTRICT], resource=NOTES, column="category")) < MADE:
            raise WaitLonger("the notes have not come to the district")

    async def _all_withheld(self, rooms: Rooms) -> None:
        lines = self.world.hosts[DISTRICT].journal.flow(CITY, Direction.UP)
        if sum(line.withheld for line in lines if line.stream.resource == NOTES) < MADE:
            raise WaitLonger("the district has not decided about all notes")

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """Masked at the district, counted above it, and in no file above the street by name."""
        for node in (CITY, PROVINCE):
            streams = self.world.hosts[node].journal.recover().streams
            if any(part.state is State.PRESENT for stream, parts in streams.items() if stream.resource == NOTES for part in parts):
                self.wrong(node, "notes about residents are here, record by record")
        for node in (DISTRICT, CITY, PROVINCE):
            self.erased[node] = list(self._names)
