"""A node that heard nothing from above for longer than tombstones last, with real processes: it is seeded anew and does not go on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from node.client import ApiError
from node.errors import EXIT_REFUSED
from node.fork.absence import AWAY
from tests.e2e.cluster import CHAIN, Cluster, Node, cli
from tests.e2e.test_clones import RESOURCE, assert_each_once, ids, put

pytestmark = pytest.mark.slow

DAY_US = 86_400_000_000


def make_older(node: Node, days: int) -> None:
    """The journal says that its node heard from above so many days earlier than it did."""
    with closing(sqlite3.connect(node.journal)) as db, db:
        db.execute("UPDATE meta SET value = CAST(value AS INTEGER) - ? WHERE key = 'heard_above_us'", (days * DAY_US,))
        assert db.execute("SELECT changes()").fetchone() == (1,)


def words(node: Node) -> list[str]:
    """The words of a node's state."""
    return list(node.call("status")["node"]["words"])


def test_a_city_that_was_away_for_too_long_reads_nothing_of_others_and_is_seeded_anew(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make(CHAIN[:3])
    cluster.start()
    cluster.wait_linked()
    province, city, district = (cluster[name] for name in ("shandong", "qingdao", "qd-shinan"))
    try:
        own, brought = put(city, ids("city")), put(district, ids("district"))
        cluster.wait_records(RESOURCE, 10, "shandong")
        assert city.stop() == 0
        assert province.stop() == 0
        make_older(city, 91)
        refused = cli(city.folder, "restore")
        assert (refused.returncode, "90" in refused.stderr) == (EXIT_REFUSED, True), refused.stderr
        cluster.start("qingdao")
        assert AWAY in words(city)
        with pytest.raises(ApiError, match="nothing was heard from above"):
            city.call("readings", resource=RESOURCE)
        cluster.start("shandong")
        cluster.wait("the city to be seeded anew", lambda: "batches of others were let go" in city.log)
        cluster.wait("the reseed to end", lambda: not (city.folder / "reseed.wanted").exists())
        cluster.wait_linked()
        later = put(district, ids("later"))
        cluster.wait_records(RESOURCE, 15, "shandong", "qingdao")
        assert AWAY not in words(city)
        assert_each_once(cluster, tmp_path / "ledger", own + brought + later, city=city, province=province)
        assert all(node.call("audit_flow")["first_difference"] is None for node in (province, city, district))
    finally:
        cluster.stop()
