"""A grid is moved to its grandparent, its old parent is gone for good, and its certificate ends soon: real nodes, nobody joins again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from node.clock import SystemClock
from node.config.config import load_config
from node.identity.certificates import to_pem
from node.identity.files import IdentityFiles
from node.verbs.folder import facts_of_config
from sync.model import Level
from tests.e2e.cluster import Cluster, Place, cli, is_linked, records

LIFE_S = 4
"""Of the last certificate that the street issued: on a slow machine it ends before the grid has a link."""
PATIENCE_S = 60.0
TREE = (
    Place("district", Level.PROVINCIAL, "370202"),
    Place("street", Level.STREET, "370202001", "district"),
    Place("grid", Level.GRID, "370202001001001", "street"),
)
COLUMNS = ["device", "quantity", "value", "text", "unit"]


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("moved"))
    made.make(TREE)
    yield made
    made.stop()


def shorten(cluster: Cluster) -> None:
    """The street issues the grid's CA again, for LIFE_S seconds from now."""
    street, grid = (IdentityFiles(cluster[name].folder) for name in ("street", "grid"))
    facts, now_us = facts_of_config(load_config(grid.folder / "node.toml")), SystemClock().wall_us()
    certificate = street.authority(life_s=LIFE_S).issue(grid.request(facts), level=facts.level, territory=facts.territory, now_us=now_us)
    chain = to_pem(certificate) + street.read(street.certificate("ca"))
    grid.install(facts, ca_chain_pem=chain, root_pem=street.root_pem(), now_us=now_us)


def path_of_grid(cluster: Cluster) -> tuple[str, ...]:
    return IdentityFiles(cluster["grid"].folder).own(now_us=None).path


def goes_on_below_the_district(cluster: Cluster) -> bool:
    """True in the life that begins with the new certificate: the one before it has a link too, and ends when the certificate comes."""
    return bool(cluster["grid"].call("status")["node"]["certified_as"] == "district/grid" and is_linked(cluster["grid"]))


def knows_certifier(cluster: Cluster) -> bool:
    """True once the grid has heard where its new parent certifies."""
    return bool(list((cluster["grid"].folder / "orders").glob("*.certifier")))


@pytest.mark.slow
def test_a_moved_node_is_certified_by_its_new_parent_when_the_old_one_is_gone(cluster: Cluster) -> None:
    cluster.start()
    cluster.wait_linked(timeout_s=PATIENCE_S)
    cluster.wait("the district to know the grid", lambda: len(cluster["district"].call("tree")["nodes"]) == 3, timeout_s=PATIENCE_S)
    given = cli(cluster["district"].folder, "attach", "grid", "--from", "street", "--to", "district")
    assert given.returncode == 0, given.stderr
    cluster.wait("the grid to move", lambda: knows_certifier(cluster), timeout_s=PATIENCE_S)
    cluster["street"].kill()
    cluster["grid"].kill()
    shorten(cluster)
    cluster.start("grid")
    cluster.wait("a certificate of the district", lambda: path_of_grid(cluster) == ("district", "grid"), timeout_s=PATIENCE_S)
    cluster.wait("the link", lambda: goes_on_below_the_district(cluster), timeout_s=PATIENCE_S)
    cluster["grid"].call("put", resource="air-quality", columns=COLUMNS, rows=[["d1", "pm25", 1.0, None, None]])
    cluster.wait("the record", lambda: records(cluster["district"], "air-quality") == 1, timeout_s=PATIENCE_S)
    assert cluster["grid"].call("audit_flow")["first_difference"] is None
