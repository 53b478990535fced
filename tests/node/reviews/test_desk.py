"""A contradiction of two levels becomes one review that both issuers see, opened by the higher one and decided by the authority."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from node.cases.errors import CaseRefused
from node.cases.kind import Party
from node.identity.bundle_seal import BundleSeal
from node.policy.store import PolicyStore
from node.reviews.desk import LAPSED, OPEN, ReviewDesk
from node.reviews.kind import REVIEW, REVIEW_US
from policies import Bundle, CompiledGate, Contents, Entry, Ruleset, Station
from policies.entry import Basis
from policies.presets import preset_bundle
from policies.words import Verdict, Way
from sync.model import Level
from tests.node.cases.town import Town
from tests.node.identity.family import CITY, DISTRICT, NOW_US, PROVINCE, StandingClock, make_node
from tests.policies.city import city

QUOTE = "names stay"
BASIS = Basis("an order", "article 1", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest())
PLACES = {"shandong": "37", "qingdao": "3702", DISTRICT.node: "370202"}


def entry(name: str, effect: Verdict) -> Entry:
    return Entry(
        name,
        effect,
        "residents",
        ways=(Way.SIDEWAYS,),
        basis=BASIS,
        proposer="li",
        approver="wang",
        valid_from_us=1,
        valid_to_us=NOW_US * 2,
    )


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[tuple[Town, dict[str, ReviewDesk]]]:
    clock = StandingClock()
    files = {"shandong": make_node(tmp_path, PROVINCE)}
    files["qingdao"] = make_node(tmp_path, CITY, parent=files["shandong"])
    files[DISTRICT.node] = make_node(tmp_path, DISTRICT, parent=files["qingdao"])
    top = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=NOW_US * 2)
    bundles = [BundleSeal(files["shandong"]).sign(top)]
    for node, level, effect in (("qingdao", Level.MUNICIPAL, Verdict.DENY), (DISTRICT.node, Level.DISTRICT, Verdict.MASK)):
        contents = Contents(entries=(entry(f"NL-{node}", effect),))
        bundles.append(BundleSeal(files[node]).sign(Bundle(node, level, 1, 0, NOW_US * 2, contents)))
    (tmp_path / "town").mkdir()
    town = Town(tmp_path / "town", [REVIEW], [city().resources["reviews"]])
    desks, parent = {}, ""
    for node, level in (("shandong", Level.PROVINCIAL), ("qingdao", Level.MUNICIPAL), (DISTRICT.node, Level.DISTRICT)):
        gate = partial(_gate, Station(node, level), clock)
        policy = PolicyStore(tmp_path / f"policy-{node}", seal=BundleSeal(files[node]), compile_gate=gate, clock=clock)
        policy.take([one.encode() for one in bundles])
        cases = town.add(node, PLACES[node], parent)
        desks[node] = ReviewDesk(cases, policy, clock, lambda: Party("shandong", "37"), PLACES.__getitem__)
        parent = node
    town.clock.wall = NOW_US
    yield town, desks
    for office in town.offices.values():
        office.shelf.journal.close()


def _gate(station: Station, clock: StandingClock, rules: Ruleset) -> CompiledGate:
    return CompiledGate(rules, station, now_us=clock.wall_us())


async def test_both_issuers_and_the_node_above_both_see_one_review_with_its_clock(hall: tuple[Town, dict[str, ReviewDesk]]) -> None:
    town, desks = hall
    for _ in range(2):
        for desk in desks.values():
            await desk.settle()
        await town.carry()
    for desk in desks.values():
        await desk.settle()
    lines = {node: desk.listed(limit=10) for node, desk in desks.items()}
    assert {node: len(found) for node, found in lines.items()} == dict.fromkeys(desks, 1)
    (line,) = lines[DISTRICT.node]
    assert (line["topic"], line["opener"], line["other"], line["authority"]) == ("conflict", "qingdao", DISTRICT.node, "shandong")
    assert line["key"] == f"qingdao/NL-qingdao {DISTRICT.node}/NL-{DISTRICT.node}"
    assert line["due_us"] == line["opened_us"] + REVIEW_US
    assert {node: desk.troubles() for node, desk in desks.items()} == {"shandong": [OPEN], "qingdao": [], DISTRICT.node: []}


async def test_only_the_authority_decides_and_a_settled_contradiction_is_not_opened_again(hall: tuple[Town, dict[str, ReviewDesk]]) -> None:
    town, desks = hall
    await desks["qingdao"].settle()
    await town.carry()
    (line,) = desks["shandong"].listed(limit=10)
    with pytest.raises(CaseRefused, match="said by the authority"):
        await desks["qingdao"].decide(line["id"], "release", by="li", why="settled")
    await desks["shandong"].decide(line["id"], "release", by="sun", why="the district withdraws")
    await town.carry()
    await desks["qingdao"].settle()
    assert [one["state"] for one in desks["qingdao"].listed(limit=10)] == ["released"]


async def test_the_strictest_entry_holds_while_the_review_is_open(hall: tuple[Town, dict[str, ReviewDesk]]) -> None:
    _, desks = hall
    for desk in desks.values():
        plan = desk.policy.gate.book.plan("residents", hops=1, way=Way.SIDEWAYS, level=Level.STREET)
        assert plan.base.verdict is Verdict.DENY


async def opened(hall: tuple[Town, dict[str, ReviewDesk]]) -> tuple[ReviewDesk, list[tuple[str, str]], str]:
    """The district's desk with a review of its entry against the city's, what it withdraws from now on, and the review's id."""
    town, desks = hall
    await desks["qingdao"].settle()
    await town.carry()
    district, withdrawn = desks[DISTRICT.node], list[tuple[str, str]]()

    async def withdraw(entry_id: str, why: str) -> None:
        withdrawn.append((entry_id, why))

    district.withdraw = withdraw
    (line,) = district.listed(limit=10)
    return district, withdrawn, line["id"]


def let_ten_days_pass(town: Town, desk: ReviewDesk) -> None:
    cast(StandingClock, desk.clock).us += REVIEW_US + 1_000_000
    town.clock.wall += REVIEW_US + 1_000_000


async def test_an_entry_whose_issuer_shows_no_basis_in_time_is_void(hall: tuple[Town, dict[str, ReviewDesk]]) -> None:
    district, withdrawn, case_id = await opened(hall)
    await district.settle()
    assert withdrawn == []
    let_ten_days_pass(hall[0], district)
    await district.settle()
    assert withdrawn == [(f"NL-{DISTRICT.node}", LAPSED)]
    assert district.shown(case_id)["state"] == "lapsed"
    await district.settle()
    assert len(withdrawn) == 1


async def test_an_entry_whose_basis_was_shown_waits_for_the_authority(hall: tuple[Town, dict[str, ReviewDesk]]) -> None:
    district, withdrawn, case_id = await opened(hall)
    with pytest.raises(CaseRefused, match="instrument, the article"):
        await district.justify(case_id, {"instrument": "an order", "article": "1", "quote": QUOTE, "sha256": "0" * 64}, by="li", why="law")
    with pytest.raises(CaseRefused, match="said by the other"):
        await hall[1]["qingdao"].justify(case_id, BASIS.encoded(), by="li", why="law")
    await district.justify(case_id, BASIS.encoded(), by="li", why="law")
    let_ten_days_pass(hall[0], district)
    await district.settle()
    assert withdrawn == []
    assert district.shown(case_id)["state"] == "open"


async def test_nobody_makes_a_review_lapse_before_its_time(hall: tuple[Town, dict[str, ReviewDesk]]) -> None:
    district, _, case_id = await opened(hall)
    with pytest.raises(CaseRefused, match="left open for ten days"):
        await district.cases.say(REVIEW, case_id, "lapse", {"why": "now"}, by="li")
