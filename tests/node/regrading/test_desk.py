"""A change of grades becomes part of the approver's bundle and leaves it when two persons lift it; who may not, is told why."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.cases.errors import CaseRefused
from node.cases.kind import Case, Party
from node.identity.bundle_seal import BundleSeal
from node.policy.issuing import Issuer
from node.policy.store import PolicyStore
from node.regrading.desk import UNISSUED, RegradeDesk, Wish
from node.regrading.finding import KEYS_MAX
from node.regrading.kind import REGRADE
from policies import BundleError, CompiledGate, PredicateError, Ruleset, Station
from policies.presets import preset_bundle
from sync.model import HybridTime, Level
from tests.node.cases.town import Town, put
from tests.node.identity.family import CITY, DISTRICT, NOW_US, PROVINCE, StandingClock, make_node
from tests.policies.city import city

QUOTE = "the persons named"
BASIS = {"instrument": "an order", "article": "article 1", "quote": QUOTE, "sha256": hashlib.sha256(QUOTE.encode()).hexdigest()}
RAISE = Wish("residents", 4, True, BASIS, "witnesses", condition="category = 'x'")
LOWER = Wish("residents", 3, False, BASIS, "no longer protected", condition="category = 'x'")
RESIDENTS = city().resources["residents"]


@dataclass
class Hall:
    """The city hall, and a district below it that made some residents and holds one of another node."""

    town: Town
    city: RegradeDesk
    district: RegradeDesk

    async def proposed(self, wish: Wish = RAISE, *, at: Party | None = None) -> Case:
        """A proposal of the district, carried to the city."""
        case = await self.district.propose(wish, at or self.district.cases.me, by="li")
        await self.town.carry()
        return case

    def held(self, desk: RegradeDesk) -> list[tuple[str, int, int]]:
        """Id, grade and records of each change in a node's own bundle."""
        bundle = desk.issuer.policy.held(desk.issuer.node)
        return [(one.id, one.grade, one.count) for one in bundle.contents.regrades] if bundle else []


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    clock = StandingClock()
    province = make_node(tmp_path, PROVINCE)
    above = make_node(tmp_path, CITY, parent=province)
    below = make_node(tmp_path, DISTRICT, parent=above)
    top = BundleSeal(province).sign(preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=NOW_US * 2))
    (tmp_path / "town").mkdir()
    town = Town(tmp_path / "town", [REGRADE], [city().resources["regrade-cases"], RESIDENTS])
    desks = []
    for node, level, territory, files, parent in (
        ("qingdao", Level.MUNICIPAL, "3702", above, ""),
        (DISTRICT.node, Level.DISTRICT, "370202", below, "qingdao"),
    ):
        gate = partial(_gate, Station(node, level), clock)
        policy = PolicyStore(tmp_path / f"policy-{node}", seal=BundleSeal(files), compile_gate=gate, clock=clock)
        policy.install(top)
        desks.append(RegradeDesk(town.add(node, territory, parent), Issuer(node, level, BundleSeal(files).sign, policy, clock)))
    town.add("other", "370202001", DISTRICT.node)
    shelf = town.offices[DISTRICT.node].shelf
    for origin, count in ((DISTRICT.node, 6), ("other", 1)):
        rows: list[Any] = [(NOW_US, "370202", 3, f"{origin}{n}", "周", "1", "1", 1820, "xy"[n % 2]) for n in range(count)]
        put(shelf, RESIDENTS, rows, origin=origin, at=HybridTime(NOW_US))
    yield Hall(town, *desks)
    for office in town.offices.values():
        office.shelf.journal.close()


def _gate(station: Station, clock: StandingClock, rules: Ruleset) -> CompiledGate:
    return CompiledGate(rules, station, now_us=clock.wall_us())


async def test_a_raise_of_own_records_is_in_force_when_another_person_approved_it(hall: Hall) -> None:
    case = await hall.proposed()
    with pytest.raises(CaseRefused, match="another person than li"):
        await hall.district.decide(case.id, "approve", by="li", why="")
    await hall.district.decide(case.id, "approve", by="wang", why="")
    await hall.district.settle()
    assert hall.held(hall.district) == [(f"RG-{case.id}", 4, 3)]
    shown = hall.district.shown(case.id)
    assert (shown["in_force"], shown["origins"], shown["approver"]) == (True, [DISTRICT.node], f"wang ({DISTRICT.node})")


async def test_it_ends_when_two_persons_say_so(hall: Hall) -> None:
    case = await hall.proposed()
    await hall.district.decide(case.id, "approve", by="wang", why="")
    await hall.district.decide(case.id, "lift", by="wang", why="over")
    await hall.district.settle()
    assert len(hall.held(hall.district)) == 1
    with pytest.raises(CaseRefused, match="another person than wang"):
        await hall.district.decide(case.id, "end", by="wang", why="")
    await hall.district.decide(case.id, "end", by="li", why="")
    await hall.district.settle()
    assert hall.held(hall.district) == []


async def test_a_lower_grade_is_the_municipalitys_to_approve(hall: Hall) -> None:
    case = await hall.proposed(LOWER, at=Party("qingdao", "3702"))
    with pytest.raises(CaseRefused, match="approve is said by the approver"):
        await hall.district.decide(case.id, "approve", by="wang", why="")
    await hall.city.decide(case.id, "approve", by="zhao", why="")
    await hall.city.settle()
    assert hall.held(hall.city) == [(f"RG-{case.id}", 3, 4)]
    with pytest.raises(BundleError, match="have the municipality approve it"):
        await hall.proposed(LOWER)


async def test_a_crash_between_approval_and_issue_is_made_good(hall: Hall) -> None:
    case = await hall.proposed()
    await hall.district.decide(case.id, "approve", by="wang", why="")
    later = RegradeDesk(hall.district.cases, hall.district.issuer)
    await later.settle_soon()
    assert len(hall.held(later)) == 1
    assert later.troubles() == []


async def test_what_cannot_be_issued_is_a_word_of_the_status(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    case = await hall.proposed()
    await hall.district.decide(case.id, "approve", by="wang", why="")
    monkeypatch.setattr("node.policy.issuing.ISSUE_BYTES_MAX", 10)
    await hall.district.settle()
    assert hall.district.troubles() == [UNISSUED]
    assert "at most" in hall.district.shown(case.id)["fault"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"resource": "ghosts"}, "not in the catalogue"),
        ({"resource": "regrade-cases"}, "what people say about cases"),
        ({"grade": 3}, "count as that or higher already"),
        ({"raises": False, "grade": 2}, "no record of it counts as less"),
        ({"condition": ""}, "either by a condition or by a key"),
        ({"key": "name", "keys": ("a",)}, "either by a condition or by a key"),
        ({"condition": "", "key": "birth_year", "keys": ("1",)}, "no text field 'birth_year'"),
        ({"condition": "", "key": "name", "keys": ("a",) * (KEYS_MAX + 1)}, "at most"),
        ({"condition": "category = 'z'"}, "no record of residents here is meant"),
        ({"basis": {}}, "needs its legal basis"),
        ({"basis": {**BASIS, "quote": "another"}}, "does not match its hash"),
        ({"why": ""}, "lacks why"),
    ],
)
async def test_a_proposal_without_effect_or_sense_is_refused_before_it_is_said(hall: Hall, change: dict[str, Any], why: str) -> None:
    with pytest.raises(CaseRefused, match=why):
        await hall.proposed(replace(RAISE, **change))
    assert hall.district.listed(limit=10) == []


async def test_a_condition_that_does_not_fit_names_the_place(hall: Hall) -> None:
    with pytest.raises(PredicateError, match="no column 'ghost'"):
        await hall.proposed(replace(RAISE, condition="ghost = 1"))


async def test_keys_name_records_of_others_too_where_the_municipality_approves(hall: Hall) -> None:
    wish = replace(RAISE, condition="", key="resident_id", keys=("other0", f"{DISTRICT.node}5", "nobody"))
    own = await hall.proposed(wish)
    assert hall.district.shown(own.id)["records"] == 1
    all_of_them = await hall.proposed(wish, at=Party("qingdao", "3702"))
    assert hall.city.shown(all_of_them.id)["origins"] == ["other", DISTRICT.node]
