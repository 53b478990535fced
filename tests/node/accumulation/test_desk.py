"""A set that grows past the table by trickle is held and reviewed; the authority upholds or releases, and a released one may grow on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.accumulation.counting import FILE_NAME, Counting
from node.accumulation.desk import HELD, AccumulationDesk
from node.cases.kind import Party
from node.identity.bundle_seal import BundleSeal
from node.policy.issuing import Issuer
from node.policy.store import PolicyStore
from node.reviews.desk import OPEN, ReviewDesk
from node.reviews.kind import REVIEW
from policies import CompiledGate, Ruleset, Station
from policies.presets import preset_bundle
from policies.scale import Scale
from policies.words import Verdict, Way
from sync.model import HybridTime, Level
from tests.node.cases.town import HandClock, Town, put
from tests.node.identity.family import CITY, DISTRICT, NOW_US, PROVINCE, make_node
from tests.node.shelf import open_shelf
from tests.policies.city import city

RESIDENTS = city().resources["residents"]
TO_CITY = Party("qingdao", "3702")


@dataclass
class Hall:
    """A city whose table says forty persons, and a district below it that gets residents."""

    town: Town
    city: AccumulationDesk
    district: AccumulationDesk
    stored: int = 0

    def store(self, count: int) -> None:
        """So many more residents at the district."""
        rows: list[Any] = [(NOW_US, "370202001", 3, f"r{self.stored + n}", "周", "1", "1", 1820, "x") for n in range(count)]
        put(self.town.offices[DISTRICT.node].shelf, RESIDENTS, rows, origin=DISTRICT.node, at=HybridTime(NOW_US))
        self.stored += count

    async def settled(self) -> None:
        """Everybody looks, and facts are carried."""
        for desk in (self.district, self.city, self.district):
            await desk.settle()
            await desk.reviews.settle()
            await self.town.carry()

    def holds(self, desk: AccumulationDesk) -> list[tuple[tuple[Way, ...], int]]:
        """Ways and life in days of the holds in a node's own bundle."""
        held = desk.issuer.policy.held(desk.issuer.node)
        return [(one.ways, (one.valid_to_us - one.valid_from_us) // 86_400_000_000) for one in held.contents.entries] if held else []

    def verdict(self, way: Way, level: Level) -> list[Verdict]:
        """What the district's plan makes of rows of its territory."""
        plan = self.district.issuer.policy.gate.book.plan("residents", hops=1, way=way, level=level)
        return [rule.verdict for rule in plan.rows]


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    province = make_node(tmp_path, PROVINCE)
    above = make_node(tmp_path, CITY, parent=province)
    below = make_node(tmp_path, DISTRICT, parent=above)
    preset = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=NOW_US * 2)
    top = BundleSeal(province).sign(replace(preset, contents=replace(preset.contents, scales=(Scale("residents", 40),))))
    (tmp_path / "town").mkdir()
    town = Town(tmp_path / "town", [REVIEW], [city().resources["reviews"], RESIDENTS])
    clock, town.clock.wall = town.clock, NOW_US
    (tmp_path / "empty").mkdir()
    desks, empty = [], open_shelf(tmp_path / "empty", node="qingdao")
    for node, level, territory, files, parent in (
        ("qingdao", Level.MUNICIPAL, "3702", above, ""),
        (DISTRICT.node, Level.DISTRICT, "370202", below, "qingdao"),
    ):
        gate = partial(_gate, Station(node, level), clock)
        policy = PolicyStore(tmp_path / f"policy-{node}", seal=BundleSeal(files), compile_gate=gate, clock=clock)
        policy.install(top)
        reviews = ReviewDesk(town.add(node, territory, parent), policy, clock, lambda: TO_CITY, lambda issuer: "370202")
        counting = Counting(tmp_path / "town" / node / FILE_NAME, b"key")
        issuer = Issuer(node, level, BundleSeal(files).sign, policy, clock)
        # The city is no holder here: it counts an empty journal.
        journal = empty.journal if node == "qingdao" else reviews.cases.journal
        desks.append(AccumulationDesk(counting, journal, issuer, reviews))
    yield Hall(town, desks[0], desks[1])
    empty.journal.close()
    for desk in desks:
        desk.counting.close()
    for office in town.offices.values():
        office.shelf.journal.close()


def _gate(station: Station, clock: HandClock, rules: Ruleset) -> CompiledGate:
    return CompiledGate(rules, station, now_us=clock.wall_us())


async def test_a_trickle_past_the_table_is_held_and_reviewed_once(hall: Hall) -> None:
    for _ in range(9):
        hall.store(4)
        await hall.settled()
        assert hall.holds(hall.district) == []
    for _ in range(3):
        hall.store(4)
        await hall.settled()
    (line,) = hall.district.reviews.listed(limit=10)
    assert (line["topic"], line["key"], line["persons"], line["count"] >= 40) == ("accumulation", "residents", 40, True)
    assert hall.holds(hall.district) == [((Way.SIDEWAYS, Way.PEER, Way.OPEN), 30), ((Way.UP,), 30)]
    assert hall.verdict(Way.UP, Level.MUNICIPAL) == [Verdict.HOLD]
    assert hall.verdict(Way.SIDEWAYS, Level.STREET) == [Verdict.HOLD]
    assert hall.verdict(Way.UP, Level.DISTRICT) == []
    assert (hall.district.troubles(), hall.city.reviews.troubles()) == ([HELD], [OPEN])


async def test_what_is_released_flows_and_is_a_candidate_again_at_twice_its_size(hall: Hall) -> None:
    hall.store(45)
    await hall.settled()
    (line,) = hall.city.reviews.listed(limit=10)
    await hall.city.reviews.decide(line["id"], "release", by="sun", why="one district")
    await hall.town.carry()
    hall.store(20)
    await hall.settled()
    assert hall.holds(hall.district) == []
    hall.store(40)
    await hall.settled()
    assert [one["state"] for one in hall.district.reviews.listed(limit=10)] == ["open", "released"]
    assert len(hall.holds(hall.district)) == 2


async def test_what_is_upheld_the_authority_holds_itself(hall: Hall) -> None:
    hall.store(45)
    await hall.settled()
    (line,) = hall.city.reviews.listed(limit=10)
    await hall.city.reviews.decide(line["id"], "uphold", by="sun", why="it is")
    await hall.town.carry()
    await hall.settled()
    assert hall.holds(hall.district) == []
    assert [days for _, days in hall.holds(hall.city)] == [365, 365]
