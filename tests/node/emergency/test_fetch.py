"""What an emergency gives: rows up to L3 to the node above that two persons signed for, and to nobody who is not above."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cases.errors import CaseRefused
from node.emergency.desk import REVIEW_DUE
from node.emergency.kind import HOUR_US
from node.identity.files import IdentityFiles
from node.requests.envelope import Cursor
from node.requests.errors import FetchRefused
from node.requests.kind import Ask
from node.tree.routes import RouteRefused
from tests.node.emergency.command import desk_of, know_emergencies, opened
from tests.node.requests.borough import PROVIDER, WALL_US, Borough, party

pytestmark = pytest.mark.slow


@pytest.fixture
def borough(tmp_path: Path, papers: dict[str, IdentityFiles]) -> Iterator[Borough]:
    """Six nodes that know emergencies; the street liaoyuan has residents, one of them protected and one of grade L4."""
    found = Borough(tmp_path, papers)
    know_emergencies(found)
    found.store([(f"r{n}", f"周{n}", "1", "1", 1820, "x") for n in range(5)])
    yield found
    found.close()


async def test_the_command_gets_rows_that_the_ceiling_gives_it_as_totals_only(borough: Borough) -> None:
    case_id = await opened(borough)
    rows, facts = await borough.taking["qingdao"].page(case_id, Cursor(), by="li")
    assert rows is not None
    assert (sorted(map(str, rows.column("name").to_pylist())), facts["is_last"]) == ([f"周{n}" for n in range(5)], True)
    assert rows.schema.names == ["grade", "name", "category"]
    assert desk_of(borough, PROVIDER).shown(case_id)["shares"]["rows"] == 5


async def test_one_signature_gives_nothing(borough: Borough) -> None:
    ask = Ask(resource="residents", fields=("name",), purpose="emergency", why="fire", until_us=WALL_US + HOUR_US)
    case = await desk_of(borough, "qingdao").open(ask, by="li", provider=party(PROVIDER), authority=party("shandong"))
    with pytest.raises(CaseRefused, match="another person than li"):
        await desk_of(borough, "qingdao").approve(case.id, by="li")
    with pytest.raises(FetchRefused, match="nothing can be fetched"):
        await borough.taking["qingdao"].page(case.id, Cursor(), by="li")


async def test_a_node_that_is_not_above_the_provider_gets_nothing_whatever_its_territory(borough: Borough) -> None:
    borough.giving[PROVIDER].above = frozenset({"shibei", "shandong"})
    case_id = await opened(borough)
    with pytest.raises(RouteRefused, match="which is not above liaoyuan"):
        await borough.taking["qingdao"].page(case_id, Cursor(), by="li")
    with pytest.raises(CaseRefused, match="only the command chain"):
        await opened(borough, "badaguan")


@pytest.mark.parametrize("end", ["clock", "provider"])
async def test_after_its_end_nothing_is_given_and_the_authority_is_told_to_review(borough: Borough, end: str) -> None:
    case_id = await opened(borough)
    if end == "clock":
        borough.town.clock.wall += 4 * HOUR_US
    else:
        await desk_of(borough, PROVIDER).say(case_id, "end", by="zhao", why="misused")
    await borough.town.carry()
    with pytest.raises((FetchRefused, RouteRefused), match=r"expired|ended"):
        await borough.taking["qingdao"].page(case_id, Cursor(), by="li")
    authority = desk_of(borough, "shandong")
    await authority.settle()
    assert authority.troubles() == [REVIEW_DUE]
    await authority.say(case_id, "review", by="sun", why="fine")
    await authority.settle()
    assert (authority.troubles(), authority.shown(case_id)["state"]) == ([], "reviewed")
