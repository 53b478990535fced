"""A proposal becomes a rule of the approver's bundle and a revoked one leaves it: the bundle says what the cases say, after a crash too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.cases.errors import CaseRefused
from node.cases.kind import Party
from node.identity.bundle_seal import BundleSeal
from node.negative_list.desk import EXPIRING, UNISSUED, ListDesk
from node.negative_list.kind import DAY_US, ENTRY
from node.policy.issuing import Issuer
from node.policy.store import PolicyStore
from policies import BundleError, CompiledGate, PredicateError, Ruleset, Station
from policies.presets import preset_bundle
from sync.model import Level
from tests.node.cases.town import Town
from tests.node.identity.family import CITY, DISTRICT, NOW_US, PROVINCE, StandingClock, make_node
from tests.node.negative_list.test_kind import WRITTEN
from tests.policies.city import city

LISTED: dict[str, Any] = {**WRITTEN, "predicate": "category = 'x'", "valid_from_us": NOW_US - DAY_US, "valid_to_us": NOW_US + 100 * DAY_US}
TO_CITY = Party("qingdao", "3702")


@dataclass
class Hall:
    """The city hall, and a district below it."""

    town: Town
    city: ListDesk
    district: ListDesk
    policy: PolicyStore
    clock: StandingClock

    async def propose(self, **change: object) -> str:
        """The district's proposal, carried to the city."""
        case = await self.district.propose({**LISTED, **change}, TO_CITY, by="li", why="new law")
        await self.town.carry()
        return case.id

    async def approved(self, **change: object) -> str:
        """A proposal that went all the way."""
        case_id = await self.propose(**change)
        await self.city.decide(case_id, "review", by="wang", why="")
        await self.city.decide(case_id, "approve", by="zhao", why="")
        await self.city.settle()
        return case_id

    def entries(self) -> list[str]:
        """Ids in the city's own bundle."""
        held = self.policy.held("qingdao")
        return [entry.id for entry in held.contents.entries] if held else []


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    clock = StandingClock()
    province = make_node(tmp_path, PROVINCE)
    above = make_node(tmp_path, CITY, parent=province)
    below = make_node(tmp_path, DISTRICT, parent=above)
    top = BundleSeal(province).sign(preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=NOW_US * 2))
    (tmp_path / "town").mkdir()
    town = Town(tmp_path / "town", [ENTRY], [city().resources["list-cases"]])
    desks = []
    for place, (node, level, territory, files, parent) in enumerate(
        [("qingdao", Level.MUNICIPAL, "3702", above, ""), (DISTRICT.node, Level.DISTRICT, "370202", below, "qingdao")]
    ):
        policy = PolicyStore(
            tmp_path / f"policy{place}",
            seal=BundleSeal(files),
            compile_gate=partial(_gate, Station(node, level), clock),
            clock=clock,
        )
        policy.install(top)
        desks.append(ListDesk(town.add(node, territory, parent), Issuer(node, level, BundleSeal(files).sign, policy, clock)))
    yield Hall(town, desks[0], desks[1], desks[0].issuer.policy, clock)
    for office in town.offices.values():
        office.shelf.journal.close()


def _gate(station: Station, clock: StandingClock, rules: Ruleset) -> CompiledGate:
    return CompiledGate(rules, station, now_us=clock.wall_us())


async def test_an_approved_entry_is_in_the_next_bundle_and_a_revoked_one_is_not(hall: Hall) -> None:
    case_id = await hall.approved()
    assert hall.entries() == [f"NL-{case_id}"]
    assert hall.policy.held("qingdao").epoch == 1  # type: ignore[union-attr]
    register = {one["id"]: one for one in hall.city.register()}
    assert register[f"NL-{case_id}"]["has_effect"]
    assert register[f"NL-{case_id}"]["approver"] == "zhao (qingdao)"
    await hall.city.decide(case_id, "revoke", by="zhao", why="law repealed")
    await hall.city.settle()
    assert hall.entries() == []
    assert hall.policy.held("qingdao").epoch == 2  # type: ignore[union-attr]


async def test_the_proposer_sees_what_became_of_it(hall: Hall) -> None:
    case_id = await hall.approved()
    await hall.town.carry()
    shown = hall.district.shown(case_id)
    assert (shown["state"], shown["standing"], shown["approver"]) == ("approved", "live", "zhao (qingdao)")
    assert [one["fact"] for one in shown["history"]] == ["propose", "review", "approve"]
    await hall.district.settle()
    assert hall.district.issuer.policy.held(DISTRICT.node) is None


async def test_a_case_tells_what_it_takes_from_this_node_what_that_needs_and_what_it_is_about(hall: Hall) -> None:
    case_id = await hall.propose()
    at_city, at_district = hall.city.shown(case_id), hall.district.shown(case_id)
    assert at_city["takes"] == {"review": [], "refuse": ["why"]}
    assert at_district["takes"] == {"review": [], "refuse": ["why"], "withdraw": []}
    assert (at_city["selects"], at_city["selects_count"]) == (["residents"], 1)
    assert at_city["parties"] == {"proposer": DISTRICT.node, "approver": "qingdao"}
    await hall.city.decide(case_id, "refuse", by="wang", why="no")
    assert hall.city.shown(case_id)["takes"] == {}


async def test_a_crash_between_approval_and_issue_is_made_good(hall: Hall) -> None:
    case_id = await hall.propose()
    await hall.city.decide(case_id, "review", by="wang", why="")
    await hall.city.decide(case_id, "approve", by="zhao", why="")
    assert hall.entries() == []
    again = ListDesk(hall.city.cases, hall.city.issuer)
    await again.settle()
    await again.settle()
    assert hall.entries() == [f"NL-{case_id}"]
    assert hall.policy.held("qingdao").epoch == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "error", "why"),
    [
        ({"resource": "dragons"}, CaseRefused, "selects no resource"),
        ({"predicate": "categry = 'x'"}, PredicateError, "categry"),
        ({"predicate": "drop table residents"}, PredicateError, "entry"),
        ({"effect": "nothing"}, BundleError, "nothing"),
        ({"basis": {}}, CaseRefused, "legal basis"),
    ],
)
async def test_what_cannot_be_an_entry_is_refused_while_its_author_is_there(
    hall: Hall, change: dict[str, object], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        await hall.propose(**change)
    assert hall.district.listed(states=frozenset(), limit=10) == []


async def test_a_level_that_may_not_withhold_upward_cannot_approve(hall: Hall) -> None:
    case = await hall.district.propose(LISTED, hall.district.cases.me, by="li", why="ours")
    await hall.district.decide(case.id, "review", by="wang", why="")
    with pytest.raises(BundleError, match="may not withhold upward"):
        await hall.district.decide(case.id, "approve", by="zhao", why="")
    assert hall.district.shown(case.id)["state"] == "reviewed"


async def test_the_end_of_an_entry_is_announced(hall: Hall) -> None:
    case_id = await hall.approved()
    await hall.town.carry()
    assert hall.city.troubles() == []
    hall.clock.us = NOW_US + 80 * DAY_US
    for desk in (hall.city, hall.district):
        await desk.settle()
        assert desk.troubles() == [EXPIRING]
        assert desk.shown(case_id)["standing"] == "expiring"
    hall.clock.us = NOW_US + 101 * DAY_US
    await hall.city.settle()
    assert (hall.city.troubles(), hall.entries()) == ([], [f"NL-{case_id}"])
    hall.clock.us = NOW_US + 191 * DAY_US
    await hall.city.settle()
    assert hall.entries() == []


async def test_two_looks_at_once_issue_one_epoch(hall: Hall) -> None:
    case_id = await hall.propose()
    await hall.city.decide(case_id, "review", by="wang", why="")
    await hall.city.decide(case_id, "approve", by="zhao", why="")
    await asyncio.gather(hall.city.settle(), hall.city.settle())
    assert hall.policy.held("qingdao").epoch == 1  # type: ignore[union-attr]


async def test_entries_of_other_hands_stay_in_the_bundle(hall: Hall) -> None:
    shipped = preset_bundle(Level.MUNICIPAL, issuer="qingdao", not_before_us=0, not_after_us=NOW_US * 2)
    hall.city.issuer.issue(shipped)
    case_id = await hall.approved()
    assert hall.entries() == ["NL-DEMO-1", f"NL-{case_id}"]


async def test_an_approved_entry_that_cannot_be_issued_is_said(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    case_id = await hall.propose()
    await hall.city.decide(case_id, "review", by="wang", why="")
    await hall.city.decide(case_id, "approve", by="zhao", why="")
    monkeypatch.setattr("node.policy.issuing.ISSUE_BYTES_MAX", 100)
    await hall.city.settle()
    assert hall.city.troubles() == [UNISSUED]
    assert "KiB" in hall.city.shown(case_id)["fault"]
