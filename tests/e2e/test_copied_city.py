"""A restored city between a province and a district, with real processes: who has its records by former numbers has them once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.city.people import ENTERPRISE_COLUMNS
from tests.e2e.cluster import CHAIN, Cluster, Node, is_linked, records

pytestmark = pytest.mark.slow

PROVINCE, CITY, DISTRICT = "shandong", "qingdao", "qd-shinan"
RETURNED = "enterprises"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Cluster]:
    """A province, a city and a district, linked."""
    cluster = Cluster(tmp_path)
    cluster.make(CHAIN[:3])
    cluster.start()
    cluster.wait_linked()
    yield cluster
    cluster.stop()


def put(node: Node, name: str, count: int) -> None:
    """Factories in the district, each in a batch of its own; durable when this returns."""
    for number in range(count):
        node.call("put", resource=RETURNED, columns=ENTERPRISE_COLUMNS, rows=[["370202", f"{name}-{number}", name, "trade", "open"]])


def use(cluster: Cluster, folder: Path, *others: str) -> Node:
    """Run the city from `folder`, with others that were stopped."""
    city = cluster.nodes[CITY]
    cluster.nodes[CITY] = Node(city.place, folder, city.ports)
    cluster.start(CITY, *others)
    return cluster.nodes[CITY]


def stop(cluster: Cluster, *names: str) -> None:
    assert [cluster[name].stop() for name in names] == [0] * len(names)


def stored(node: Node) -> int:
    return records(node, RETURNED)


def test_a_restored_city_that_wrote_to_one_neighbour_before_it_met_the_other(line: Cluster, tmp_path: Path) -> None:
    city = line[CITY]
    put(city, "shared", 2)
    line.wait_records(RETURNED, 2, PROVINCE, DISTRICT)
    stop(line, CITY)
    backup = tmp_path / "backup"
    shutil.copytree(city.folder, backup, ignore=shutil.ignore_patterns("*.sock"))
    stop(line, DISTRICT)
    put(use(line, city.folder), "after-the-backup", 3)
    line.wait_records(RETURNED, 5, PROVINCE)
    stop(line, CITY, PROVINCE)
    restored = use(line, backup, DISTRICT)
    put(restored, "after-the-restore", 4)
    line.wait_records(RETURNED, 6, DISTRICT)
    line.start(PROVINCE)
    line.wait_records(RETURNED, 9, PROVINCE)
    put(restored, "in-the-end", 1)
    line.wait_records(RETURNED, 10, PROVINCE)
    line.wait_records(RETURNED, 7, DISTRICT)
    assert "goes on under a new incarnation" in restored.log
    assert (stored(line[PROVINCE]), stored(line[DISTRICT]), stored(restored)) == (10, 7, 7)
    line.wait("the city to be linked", lambda: is_linked(restored))
    assert restored.call("audit_flow")["first_difference"] is None
