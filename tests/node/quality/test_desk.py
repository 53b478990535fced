"""Tickets between nodes: opened once, heard by the source, verified by judging again, disputed, and never opened about the same twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.cases.errors import CaseRefused, CaseUnknown
from node.cases.kind import Party
from node.quality import desk as desk_module
from node.quality.desk import FAULT, HOLDER_WAIT_S, OVERDUE, REOPEN_AFTER_US, QualityDesk
from node.quality.errors import NotTheSource
from node.quality.kind import DAY_US, TICKET, Word
from node.quality.projection import Projection
from node.quality.store import FILE_NAME, QualityStore
from policies.catalogue import Resource
from sync.model import MICROSECONDS, HybridTime
from tests.node.cases.town import Town, put
from tests.node.quality.school import AGES, NOW_US, pupils
from tests.policies.city import city

TERRITORIES = {"city": "3702", "street": "370202001"}


@dataclass
class District:
    """A city and a street below it, each with its quality desk."""

    town: Town
    resource: Resource
    desks: dict[str, QualityDesk] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)

    def add(self, node: str, parent: str = "", *, rules: bool = True) -> None:
        """A node, which may not know the rules yet."""
        cases = self.town.add(node, TERRITORIES[node], parent)
        journal = self.town.offices[node].shelf.journal
        store = QualityStore(self.town.folder / node / FILE_NAME)
        known = {"pupils": self.resource if rules else pupils()}
        self.desks[node] = QualityDesk(
            cases, Projection(store, journal, lambda: known, lambda: 7), store, self._find, self.town.clock, lambda: known
        )

    async def _find(self, node: str, territory: str) -> Party:
        if node in self.unknown:
            raise CaseRefused(f"{node} was not found")
        return Party(node, TERRITORIES[node])

    def put(self, *ages: int, node: str = "street") -> None:
        """Records of a node, numbered by their place: the same place again is a new version."""
        self.town.clock.wall += 1
        rows = [(NOW_US, TERRITORIES[node], 2, f"p{place}", "周某", age, "x", "north") for place, age in enumerate(ages)]
        put(self.town.offices[node].shelf, self.resource, rows, origin=node, at=HybridTime(self.town.clock.wall))

    async def look(self, *nodes: str, later_s: float = 0.0) -> None:
        """Let the desks look, and carry what they say."""
        self.town.clock.wall += round(later_s * MICROSECONDS)
        for node in nodes or tuple(self.desks):
            await self.town.carry()
            await self.desks[node].look()
        await self.town.carry()

    def tickets(self, node: str) -> list[dict[str, Any]]:
        """All tickets as a node knows them."""
        return self.desks[node].listed(states=frozenset(), limit=100)

    async def wait_holder(self) -> None:
        """Until a holder opens a ticket by itself."""
        await self.look("city")
        await self.look("city", later_s=HOLDER_WAIT_S + 1)


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    resource = pupils(AGES, key=["number"])
    found = District(Town(tmp_path, [TICKET], [city().resources["quality-tickets"], resource]), resource)
    yield found
    for desk in found.desks.values():
        desk.store.close()
    for office in found.town.offices.values():
        office.shelf.journal.close()


@pytest.fixture
def holder(district: District) -> District:
    """The street does not know the rules, so that the city finds what is bad."""
    district.add("city")
    district.add("street", "city", rules=False)
    return district


async def opened(holder: District, *ages: int) -> str:
    holder.put(*ages)
    await holder.wait_holder()
    (ticket,) = holder.tickets("street")
    return str(ticket["id"])


async def test_a_holder_opens_one_ticket_and_the_source_hears_of_it(holder: District) -> None:
    await opened(holder, 3, 9, 99)
    await holder.look("city", later_s=60)
    (ticket,) = holder.tickets("street")
    assert (ticket["state"], ticket["resource"], ticket["rule"], ticket["source"]) == ("open", "pupils", "ages", "street")
    assert (ticket["bad"], ticket["judged"], ticket["samples"]) == (2, 3, ["0000000000000007:1", "0000000000000007:3"])
    assert ticket["takes"] == {"accept": [], "correct": [], "dispute": ["why"]}


async def test_a_holder_waits_for_the_ticket_of_the_source_itself(district: District) -> None:
    district.add("city")
    district.add("street", "city")
    district.put(3)
    await district.town.carry()
    await district.look("city")
    await district.look("street", later_s=2)
    await district.look("city", later_s=60)
    (ticket,) = district.tickets("city")
    assert (ticket["holder"], ticket["source"]) == ("street", "street")


async def test_a_correction_closes_the_ticket_when_every_newest_version_passes(holder: District) -> None:
    case_id = await opened(holder, 3, 9, 99)
    street = holder.desks["street"]
    await street.decide(case_id, Word.ACCEPT, by="li", why="")
    holder.town.clock.wall += 5 * MICROSECONDS
    await street.decide(case_id, Word.CORRECT, by="li", why="typing error")
    await holder.look("city")
    assert holder.tickets("city")[0]["state"] == "corrected"
    holder.put(8, 9, 99)
    await holder.look("city")
    assert holder.tickets("city")[0]["state"] == "corrected"
    holder.put(8, 9, 19)
    await holder.look("city")
    await holder.look("street")
    (ticket,) = holder.tickets("street")
    assert ticket["state"] == "closed"
    (score,) = holder.desks["city"].scores(resource="pupils", origin="")
    assert (score["records"], score["bad"], score["tickets"], score["open"]) == (9, 3, 1, 0)
    assert score["correct_s"] == 5.0
    await holder.look("city", later_s=60)
    assert len(holder.tickets("city")) == 1


async def test_new_bad_records_after_the_end_open_another_ticket(holder: District) -> None:
    case_id = await opened(holder, 3)
    await holder.desks["city"].decide(case_id, Word.CLOSE, by="wang", why="it is known")
    await holder.look("city", later_s=60)
    assert len(holder.tickets("city")) == 1
    holder.put(9, 3)
    await holder.wait_holder()
    assert [one["state"] for one in holder.tickets("street")] == ["open", "closed"]


async def test_what_is_not_corrected_in_time_is_opened_again(holder: District) -> None:
    case_id = await opened(holder, 3)
    await holder.desks["street"].decide(case_id, Word.CORRECT, by="li", why="")
    await holder.look("city", later_s=REOPEN_AFTER_US / MICROSECONDS + 1)
    shown = holder.desks["city"].shown(case_id)
    assert (shown["state"], shown["history"][-1]["why"]) == ("open", "1 records still break ages")


async def test_only_the_source_corrects_and_only_the_holder_verifies(holder: District) -> None:
    case_id = await opened(holder, 3)
    city, street = holder.desks["city"], holder.desks["street"]
    with pytest.raises(CaseRefused, match="said by the source, and city is not"):
        await city.decide(case_id, Word.CORRECT, by="wang", why="")
    await street.decide(case_id, Word.CORRECT, by="li", why="")
    with pytest.raises(CaseRefused, match="said by the holder, and street is not"):
        await street.decide(case_id, Word.VERIFY, by="li", why="")
    with pytest.raises(CaseUnknown, match="quality tickets"):
        await street.decide("nope", Word.ACCEPT, by="li", why="")


async def test_disputes_of_either_side_stand_in_the_score_of_the_source(holder: District) -> None:
    first = await opened(holder, 3)
    city, street = holder.desks["city"], holder.desks["street"]
    await street.decide(first, Word.DISPUTE, by="li", why="he is three")
    await holder.town.carry()
    await city.decide(first, Word.CLOSE, by="wang", why="he is indeed")
    second = (await city.report("pupils", "street", territory="", samples=["7:1"], by="wang", why="wrong name")).id
    await holder.town.carry()
    await street.decide(second, Word.CORRECT, by="li", why="")
    await holder.town.carry()
    await city.decide(second, Word.DISPUTE, by="wang", why="still wrong")
    await holder.town.carry()
    assert {one["id"]: one["state"] for one in holder.tickets("street")}[second] == "contested"
    await street.decide(second, Word.ACCEPT, by="li", why="")
    await holder.town.carry()
    (score,) = city.scores(resource="", origin="street")
    assert (score["tickets"], score["disputed"], score["disputes_upheld"], score["wrong_corrections"]) == (2, 2, 1, 1)


async def test_growth_is_said_when_there_are_twice_as_many(holder: District) -> None:
    case_id = await opened(holder, 3)
    for _ in range(3):
        holder.put(3)
        await holder.look("city")
    history = [one["fact"] for one in holder.desks["city"].shown(case_id)["history"]]
    assert history == ["report", "note", "note"]
    assert holder.tickets("city")[0]["bad"] == 4


async def test_the_source_hears_when_a_ticket_waits_too_long(holder: District) -> None:
    await opened(holder, 3)
    street = holder.desks["street"]
    assert street.troubles() == []
    await holder.look("street", later_s=3 * DAY_US / MICROSECONDS)
    assert street.troubles() == [OVERDUE]
    assert holder.desks["city"].troubles() == []
    assert holder.tickets("street")[0]["overdue"]


async def test_a_source_that_is_not_found_is_asked_for_again_later(holder: District) -> None:
    holder.unknown.add("street")
    holder.put(3)
    await holder.wait_holder()
    assert holder.desks["city"].troubles() == [FAULT]
    assert "street was not found" in holder.desks["city"].fault
    holder.unknown.clear()
    await holder.look("city", later_s=desk_module.RETRY_S + 1)
    assert (len(holder.tickets("city")), holder.desks["city"].troubles()) == (1, [])


async def test_open_tickets_are_bounded(holder: District, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "OPEN_MAX", 0)
    holder.put(3)
    await holder.wait_holder()
    assert (holder.tickets("city"), holder.desks["city"].troubles()) == ([], [FAULT])


async def test_a_put_of_another_node_is_refused_with_the_way_out(holder: District) -> None:
    await opened(holder, 3)
    row = (NOW_US, "3702", 2, "p0", "周某", 9, "x", "north")
    with pytest.raises(NotTheSource, match=r"that of a record of street.*quality report pupils --source street"):
        await holder.desks["city"].check_put(holder.resource, [row])
    await holder.desks["city"].check_put(holder.resource, [(*row[:3], "p77", *row[4:])])
    with pytest.raises(NotTheSource, match="put by hall alone"):
        await holder.desks["city"].check_put(pupils(source="hall"), [row])


async def test_nothing_is_reported_about_an_unknown_resource(holder: District) -> None:
    with pytest.raises(CaseRefused, match="not in the catalogue"):
        await holder.desks["city"].report("nope", "street", territory="", samples=[], by="wang", why="x")
    with pytest.raises(CaseRefused, match="a record is named by"):
        await holder.desks["city"].report("pupils", "street", territory="", samples=["x" * 41], by="wang", why="x")
