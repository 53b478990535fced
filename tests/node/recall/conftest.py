"""A province that signs, a town of cases, holders of records, and a city that holds a street's and its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from node.cases.desk import CaseDesk
from node.identity.bundle_seal import BundleSeal
from node.recall.kind import RECALL
from sync.model import Level
from tests.node.cases.town import Town
from tests.node.identity.family import StandingClock
from tests.node.recall.holder import CANARY, Holder, Issuing, air, new_seal
from tests.policies.city import city


@pytest.fixture(scope="module")
def seal(tmp_path_factory: pytest.TempPathFactory) -> BundleSeal:
    return new_seal(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def province(seal: BundleSeal) -> Issuing:
    return Issuing(seal)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    (tmp_path / "town").mkdir()
    town = Town(tmp_path / "town", [RECALL], [city().resources["recalls"]])
    yield town
    for office in town.offices.values():
        office.shelf.journal.close()


@pytest.fixture
def holder(tmp_path: Path, province: Issuing, town: Town, clock: StandingClock) -> Iterator[Callable[..., Holder]]:
    made: list[Holder] = []

    def make(node: str, level: Level, cases: CaseDesk) -> Holder:
        made.append(Holder(tmp_path / "nodes", node, level, province, cases, clock=clock))
        return made[-1]

    yield make
    for one in made:
        one.shelf.journal.close()


@pytest_asyncio.fixture
async def qingdao(holder: Callable[..., Holder], town: Town) -> AsyncIterator[Holder]:
    town.add("shandong", "37")
    city = holder("qingdao", Level.MUNICIPAL, town.add("qingdao", "3702", "shandong"))
    city.hold(air(5.0, 150.0, 7.0, text=CANARY), origin="badaguan", distance=2)
    city.hold(air(200.0), origin="qingdao", distance=0)
    yield city
