"""What a district issues reaches the city and the province merged with theirs, and records of it follow."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from node.catalogue.importing import Present, import_sheets
from node.catalogue.sheets import Row, Sheet
from tests.e2e.cluster import CHAIN, Cluster

HEAD = ("code", "title", "provider", "grade", "share", "period", "provider code")
ROW = ("bus-stops", "公交站点", "市南区交通局", "L1", "unconditional", "每日", "91350100M000100Y43")


@pytest.mark.slow
def test_a_districts_catalogue_merges_upward_over_links(tmp_path: Path) -> None:
    (resource,) = import_sheets([Sheet("s.csv", (Row(1, HEAD), Row(2, ROW)))], Present()).resources
    cluster = Cluster(tmp_path)
    cluster.make(CHAIN[:3])
    try:
        cluster.start()
        cluster.wait_linked()
        district = cluster["qd-shinan"]
        assert district.call("catalogue_import", entries=[resource.encoded()], source="s.csv")["drafted"] == 1
        assert district.call("catalogue_issue")["epoch"] == 1
        for node in ("qingdao", "shandong"):
            cluster.wait(f"{node} has the district's entry", partial(_has_entry, cluster, node))
        district.call("put", resource="bus-stops", columns=["territory"], rows=[["370202001"]])
        cluster.wait_records("bus-stops", 1, "shandong")
    finally:
        cluster.stop()


def _has_entry(cluster: Cluster, node: str) -> bool:
    return [entry["issuer"] for entry in cluster[node].call("catalogue", text="公交站点")["entries"]] == ["qd-shinan"]
