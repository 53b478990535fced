"""Hard case 13: a correction is wrong. Only the source writes; who holds the records disputes, and a verified dispute is in the score.

The city is the one source of enterprises. The district, which holds some that came down to it, may not write any, tells the city of one,
disputes what the city calls corrected, and is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from node.cases.errors import CaseRefused
from node.cases.kind import Case
from node.quality.errors import NotTheSource
from node.quality.kind import TICKET, Word
from policies.presets import city_bundle_contents
from policies.quality import QualityRules
from simulations.checkers import Copy, Truth
from simulations.checkers.convergence import Presence
from simulations.rooms import Rooms
from simulations.scenarios.readings import values_of
from simulations.scenarios.script import Script, WaitLonger
from sync.model import Level

RESOURCE = "enterprises"
DISTRICT, CITY, PROVINCE = "d11", "m1", "p0"
WAY = ((CITY, Word.CORRECT), (DISTRICT, Word.DISPUTE), (CITY, Word.ACCEPT), (CITY, Word.CORRECT), (DISTRICT, Word.CLOSE))
"""What is said about the ticket, by whom."""
MADE = 12


class SourceAloneCorrects(Script):
    """One ticket between a district and the city that made the records."""

    def begin(self) -> None:
        """Make the city the source, try to write elsewhere, report, and go through the dispute."""
        Script.begin(self)
        self._has_tried = False
        self.event(2, lambda: self.world.produce(CITY, RESOURCE, MADE))
        self.step(3, CITY, self._catalogue)
        self.step(4, DISTRICT, self._write)
        self.step(4, DISTRICT, self._report)
        self.step(4, DISTRICT, self._correct_in_its_place)
        for count, (node, word) in enumerate(WAY, start=1):
            self.step(4 + count, node, lambda rooms, word=word, count=count: self._say(rooms, word, count))  # type: ignore[misc]
        self.step(10, CITY, self._has_ended)

    async def _catalogue(self, rooms: Rooms) -> None:
        held = rooms.issuer.policy.held(CITY)
        assert held is not None, "a city issues a bundle at its first start"
        if RESOURCE in {one.code for one in held.contents.catalogue if one.quality.source}:
            return
        shipped = next(one for one in city_bundle_contents(Level.PROVINCIAL).catalogue if one.code == RESOURCE)
        ruled = replace(shipped, quality=QualityRules(source=CITY))
        rooms.issuer.issue(rooms.issuer.next_bundle(lambda contents: replace(contents, catalogue=(*contents.catalogue, ruled))))

    async def _write(self, rooms: Rooms) -> None:
        """What an operator of the district tries, as node/api.py takes it."""
        resource = rooms.issuer.policy.ruleset.resources[RESOURCE]
        if resource.quality.source != CITY:
            raise WaitLonger("the district has not heard who the source is")
        if not (known := values_of(self.world.hosts[DISTRICT], resource=RESOURCE, column="credit_code")):
            raise WaitLonger("no enterprise has come to the district")
        host = self.world.hosts[DISTRICT]
        rows = [(host.machine.wall_us(), host.plan.territory, 1, known[0], "another name", "trade", "closed")]
        try:
            await rooms.quality.check_put(resource, rows)
        except NotTheSource:
            self._has_tried = True
            return
        await rooms.inlet.store(RESOURCE, rows)
        self.wrong(DISTRICT, "another node than the source wrote a record")

    async def _report(self, rooms: Rooms) -> None:
        if not rooms.cases.register.cases(TICKET, states=frozenset(), limit=1):
            why, city = "the factory has moved", rooms.party(CITY)
            await rooms.quality.report(RESOURCE, CITY, territory=city.territory, samples=[], by="a clerk", why=why)

    async def _correct_in_its_place(self, rooms: Rooms) -> None:
        """Nobody says in the source's place that a record is corrected."""
        try:
            await rooms.quality.decide((await self._ticket(rooms)).id, Word.CORRECT, by="a clerk", why="")
        except CaseRefused:
            return
        self.wrong(DISTRICT, "another node than the source said that a record is corrected")

    async def _say(self, rooms: Rooms, word: Word, count: int) -> None:
        case = await self._ticket(rooms)
        said = _words(case)[1:]
        if len(said) < count - 1:
            raise WaitLonger(f"only {', '.join(said) or 'nothing'} has come of what was said")
        if len(said) < count:
            await rooms.quality.decide(case.id, word, by="a clerk", why="said at the counter")

    async def _has_ended(self, rooms: Rooms) -> None:
        if (await self._ticket(rooms)).state != "closed":
            raise WaitLonger("the ticket is open at its source")

    async def _ticket(self, rooms: Rooms) -> Case:
        await rooms.cases.follow()
        found = rooms.cases.register.cases(TICKET, states=frozenset(), limit=1)
        if not found:
            raise WaitLonger("the ticket has not come yet")
        return found[0]

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """Both sides tell the same story, the wrong correction is in the score, and nobody but the city has made a record."""
        if not self._has_tried:
            self.wrong(DISTRICT, "nobody was refused: the day showed nothing")
        for node in (CITY, DISTRICT):
            rooms = self.rooms(node)
            assert rooms is not None, "every node of a healed world is up"
            (case,) = rooms.cases.register.cases(TICKET, states=frozenset(), limit=2)
            if _words(case) != ["report", *(word.value for _, word in WAY)]:
                self.wrong(node, f"the ticket tells another story: {', '.join(_words(case))}")
            (score,) = rooms.quality.scores(resource=RESOURCE, origin=CITY)
            if (score["tickets"], score["disputed"], score["wrong_corrections"]) != (1, 1, 1):
                self.wrong(node, f"the score says {score}")
        for node, host in self.world.hosts.items():
            origins = {stream.origin for stream in host.journal.recover().streams if stream.resource == RESOURCE}
            if origins - {CITY}:
                self.wrong(node, f"enterprises of {', '.join(sorted(origins - {CITY}))} are here")


def _words(case: Case) -> list[str]:
    return [one.fact.word for one in case.history if not one.fault]
