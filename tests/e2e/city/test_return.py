"""A resource held at the city returns to each node below exactly its own territory's records (issue 2, item 8)."""

from __future__ import annotations

import pytest

from sync.model import code_contains
from tests.e2e.city.people import enterprises
from tests.e2e.cluster import Cluster, cli

pytestmark = pytest.mark.slow

ALL = [(str(row[0]), str(row[1])) for row in enterprises()]


def held(city: Cluster, node: str) -> set[tuple[str, str]]:
    """Territory and credit code of every enterprise at a node."""
    answer = city[node].call("readings", resource="enterprises", limit=100)
    places, codes = answer["columns"].index("territory"), answer["columns"].index("credit_code")
    return {(row[places], row[codes]) for row in answer["rows"]}


@pytest.mark.parametrize(("node", "count"), [("qingdao", 5), ("qd-shinan", 4), ("qd-street", 3)])
def test_each_level_holds_exactly_its_own_enterprises(city: Cluster, node: str, count: int) -> None:
    territory = city[node].place.territory
    own = {entry for entry in ALL if code_contains(territory, entry[0])}
    assert len(own) == count
    city.wait_records("enterprises", count, node)
    assert held(city, node) == own


def test_the_province_gets_them_all_upward(city: Cluster) -> None:
    city.wait_records("enterprises", len(ALL), "shandong")
    assert held(city, "shandong") == set(ALL)


def test_nobody_else_may_hand_them_in(city: Cluster) -> None:
    file = city.folder / "enterprises.csv"
    file.write_text("territory,credit_code,name,industry,status\n370202001,X,X,X,X\n", "utf-8")
    done = cli(city["qd-street"].folder, "put", str(file), "--resource", "enterprises")
    assert done.returncode != 0
    assert "its source is the municipal level and this node is street: put it there" in done.stderr
