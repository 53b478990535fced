"""The desks of a small city: what one says the others hear, wherever they stand, and each comes to the same case."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.cases.errors import CaseRefused, CaseUnknown, ClocksApart
from node.cases.fact import BODY_CHARS_MAX, row_of
from node.cases.kind import Party
from node.clock import HYBRID_DRIFT_US_MAX, HybridClock
from node.ingest.sink import Row
from policies.catalogue import Resource
from sync.model import HybridTime
from tests.node.cases.loans import LOAN, RESOURCE, TERRITORIES
from tests.node.cases.loans import asked as asked_fact
from tests.node.cases.town import HandClock, Town, put
from tests.node.rot import away
from tests.node.shelf import Shelf


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """p0 > m1 > d1 > s11, and d2 > s21."""
    found = Town(tmp_path, [LOAN], [RESOURCE])
    for node, parent in (("p0", ""), ("m1", "p0"), ("d1", "m1"), ("s11", "d1"), ("d2", "m1"), ("s21", "d2")):
        found.add(node, TERRITORIES[node], parent)
    return found


def to(node: str) -> dict[str, Party]:
    """The lender of a loan."""
    return {"lender": Party(node, TERRITORIES[node])}


async def test_a_request_goes_up_and_its_answer_comes_down(town: Town) -> None:
    asked = await town.offices["s11"].desk.open(LOAN, {"title": "Faust"}, by="li", parties=to("m1"))
    await town.carry()
    await town.offices["m1"].desk.say(LOAN, asked.id, "lend", {}, by="wang")
    await town.carry()
    for node in ("p0", "m1", "d1", "s11"):
        assert town.offices[node].desk.case(LOAN, asked.id).state == "lent", node
    with pytest.raises(CaseUnknown):
        town.offices["d2"].desk.case(LOAN, asked.id)


async def test_a_party_in_another_branch_hears_of_it_through_the_node_above_both(town: Town) -> None:
    asked = await town.offices["s11"].desk.open(LOAN, {"title": "Faust"}, by="li", parties=to("s21"))
    await town.carry()
    lent = await town.offices["s21"].desk.say(LOAN, asked.id, "lend", {}, by="wang")
    await town.carry()
    assert lent.history[0].fact.origin == "s11"
    cases = [town.offices[node].desk.case(LOAN, asked.id) for node in town.offices]
    assert {case.state for case in cases} == {"lent"}
    assert len({tuple((one.fact.place, one.fact.word) for one in case.history) for case in cases}) == 1


async def test_each_fact_is_passed_on_once(town: Town) -> None:
    await town.offices["s11"].desk.open(LOAN, {"title": "Faust"}, by="li", parties=to("s21"))
    await town.carry()
    before = {name: len(office.shelf.batches) for name, office in town.offices.items()}
    for office in town.offices.values():
        office.desk._owed |= office.desk.register.unsettled()
    await town.carry()
    assert {name: len(office.shelf.batches) for name, office in town.offices.items()} == before


async def test_what_the_case_does_not_allow_is_refused_and_not_stored(town: Town) -> None:
    desk = town.offices["s11"].desk
    asked = await desk.open(LOAN, {"title": "Faust"}, by="li", parties=to("m1"))
    stored = len(town.offices["s11"].shelf.batches)
    for word, why in (("lend", "said by the lender"), ("give-back", "takes no give-back"), ("burn", "takes no burn")):
        with pytest.raises(CaseRefused, match=why):
            await desk.say(LOAN, asked.id, word, {}, by="li")
    with pytest.raises(CaseRefused, match="needs the name"):
        await desk.say(LOAN, asked.id, "withdraw", {}, by=" ")
    with pytest.raises(CaseRefused, match="characters"):
        await desk.say(LOAN, asked.id, "withdraw", {"text": "x" * BODY_CHARS_MAX}, by="li")
    with pytest.raises(CaseRefused, match="lacks title"):
        await desk.open(LOAN, {}, by="li", parties=to("m1"))
    assert len(town.offices["s11"].shelf.batches) == stored


async def test_who_answers_is_heard_after_what_is_answered_though_its_clock_is_behind(town: Town) -> None:
    asked = await town.offices["s11"].desk.open(LOAN, {"title": "Faust"}, by="li", parties=to("m1"))
    await town.carry()
    city = town.offices["m1"]
    behind = Behind(city.shelf, HybridClock(HandClock(wall=1)))
    city.desk.handing_in, city.desk.observe = behind, behind.hybrid.observe
    lent = await city.desk.say(LOAN, asked.id, "lend", {}, by="wang")
    assert (lent.state, [one.fact.word for one in lent.history]) == ("lent", ["ask", "lend"])


async def test_an_answer_that_would_be_read_before_what_it_answers_is_refused_and_not_stored(town: Town) -> None:
    town.clock.wall += 2 * HYBRID_DRIFT_US_MAX
    asked = await town.offices["s11"].desk.open(LOAN, {"title": "Faust"}, by="li", parties=to("m1"))
    await town.carry()
    city = town.offices["m1"]
    behind = Behind(city.shelf, HybridClock(HandClock(wall=1)))
    city.desk.handing_in, city.desk.observe = behind, behind.hybrid.observe
    stored = len(city.shelf.batches)
    with pytest.raises(ClocksApart, match="s11 said ask by a clock more than a day ahead"):
        await city.desk.say(LOAN, asked.id, "lend", {}, by="wang")
    assert len(city.shelf.batches) == stored


@dataclass(slots=True)
class Behind:
    """Stores rows under a hybrid clock whose wall clock is long behind."""

    shelf: Shelf
    hybrid: HybridClock

    async def store(self, resource: Resource, rows: Sequence[Row]) -> None:
        put(self.shelf, resource, rows, origin=self.shelf.journal.node, at=self.hybrid.tick())


async def test_two_who_act_at_once_come_to_one_answer(town: Town) -> None:
    reader, lender = town.offices["s11"].desk, town.offices["m1"].desk
    asked = await reader.open(LOAN, {"title": "Faust"}, by="li", parties=to("m1"))
    await town.carry()
    await reader.say(LOAN, asked.id, "withdraw", {}, by="li")
    await lender.say(LOAN, asked.id, "lend", {}, by="wang")
    await town.carry()
    assert {town.offices[node].desk.case(LOAN, asked.id).state for node in ("p0", "m1", "d1", "s11")} == {"over"}
    assert lender.case(LOAN, asked.id).history[-1].fault == "a loan that is over takes no lend"


async def test_a_neighbour_below_cannot_speak_for_others(town: Town) -> None:
    asked = await town.offices["s11"].desk.open(LOAN, {"title": "Faust"}, by="li", parties=to("m1"))
    await town.carry()
    forger = town.offices["s11"].desk
    lend = forger._fact(asked.id, "lend", {}, "wang")
    forged = type(lend)(lend.id, lend.case_id, lend.word, lend.by, {}, type(lend.place)(lend.place.at, "m1", 7, 9), "3702")
    await forger._store(LOAN, [(forged, "370202001")])
    await town.carry()
    assert {town.offices[node].desk.case(LOAN, asked.id).state for node in ("p0", "m1", "d1")} == {"asked"}
    assert town.offices["d1"].desk.register.unreadable == 1


async def test_listeners_hear_of_every_case_that_changes(town: Town) -> None:
    heard: list[tuple[str, str]] = []
    town.offices["m1"].desk.on_change(lambda kind, case_id: heard.append((kind.name, case_id)))
    asked = await town.offices["s11"].desk.open(LOAN, {"title": "Faust"}, by="li", parties=to("m1"))
    await town.carry()
    assert heard == [("loan", asked.id)]


async def test_facts_of_a_batch_that_is_whole_again_are_read_and_those_cases_are_told(town: Town) -> None:
    city = town.offices["m1"]
    known = await town.offices["s11"].desk.open(LOAN, {"title": "Faust"}, by="li", parties=to("m1"))
    await town.carry()
    told: list[str] = []
    city.desk.on_change(lambda kind, case_id: told.append(case_id))
    put(city.shelf, RESOURCE, [row_of(asked_fact(), bearer="s11", territory=TERRITORIES["s11"], grade=2)], origin="s11", at=HybridTime(9))
    with away(city.shelf.journal, city.shelf.journal.last_lsn):
        await city.desk.follow()
    assert told == []
    await city.desk.follow()
    await city.desk.follow()
    assert (told, known.id in told) == (["c1"], False)


async def test_a_desk_in_the_background_hears_of_a_repair_though_the_journal_grew_by_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.cases.desk.LOOK_EVERY_S", 0)
    city, heard = town.offices["m1"], {"c1": asyncio.Event(), "c2": asyncio.Event()}
    city.desk.on_change(lambda kind, case_id: heard[case_id].set())
    for case_id in heard:
        row = row_of(asked_fact(case_id=case_id), bearer="s11", territory=TERRITORIES["s11"], grade=2)
        put(city.shelf, RESOURCE, [row], origin="s11", at=HybridTime(9))
    async with asyncio.timeout(10):
        with away(city.shelf.journal, 2):
            following = asyncio.get_running_loop().create_task(city.desk.run())
            await heard["c1"].wait()
            assert not heard["c2"].is_set()
        await heard["c2"].wait()
    following.cancel()
