"""An entry of the negative list from a street's proposal to its effect and its end, with real nodes and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.model import Level
from tests.e2e.cluster import Cluster, Place, cli, cli_json, records

TREE = (
    Place("province", Level.PROVINCIAL, "37"),
    Place("city", Level.MUNICIPAL, "3702", "province"),
    Place("street", Level.STREET, "370202001", "city"),
)
WAIT_S = 60.0
COLUMNS = ["device", "quantity", "value", "text", "unit"]
FILE = """
effect = "deny"
resource = "air-quality"
predicate = "value > 100"
ways = ["up"]
valid_from = 2020-01-01
valid_to = 2099-01-01
appeal = "city hall, room 9"

[basis]
instrument = "an invented order"
article = "article 1"
quote = "High readings stay in the street."
"""


def put(cluster: Cluster, *values: float) -> None:
    rows = [["d", "pm25", value, None, None] for value in values]
    cluster["street"].call("put", resource="air-quality", columns=COLUMNS, rows=rows)


def state(cluster: Cluster, node: str, case_id: str) -> str:
    found = {one["id"]: one for one in cluster[node].call("entry_list")["entries"]}
    return str(found[case_id]["state"]) if case_id in found else ""


@pytest.mark.slow
def test_an_entry_is_proposed_approved_obeyed_and_revoked(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make(TREE)
    entry = tmp_path / "high.toml"
    entry.write_text(FILE, "utf-8")
    street, city = cluster["street"].folder, cluster["city"].folder
    try:
        cluster.start()
        cluster.wait_linked()
        cluster.wait("the city known at the street", lambda: len(cluster["street"].call("tree")["nodes"]) == 3, timeout_s=WAIT_S)
        case_id = str(cli_json(street, "entry", "propose", str(entry), "--why", "complaints", "--by", "li")["id"])
        alone = cli(street, "entry", "review", case_id, "--by", "li")
        assert (alone.returncode, "needs another person than li" in alone.stderr) == (4, True)
        cli_json(street, "entry", "review", case_id, "--by", "wang")
        cluster.wait("the review at the city", lambda: state(cluster, "city", case_id) == "reviewed", timeout_s=WAIT_S)
        assert cli_json(city, "entry", "approve", case_id, "--by", "zhao")["standing"] == "live"
        cluster.wait("the approval at the street", lambda: state(cluster, "street", case_id) == "approved", timeout_s=WAIT_S)
        put(cluster, 5.0, 150.0, 7.0)
        cluster.wait("two records at the city", lambda: records(cluster["city"], "air-quality") == 2, timeout_s=WAIT_S)
        shown = cli(street, "entry", "register")
        assert f"NL-{case_id}" in shown.stdout
        assert "city hall, room 9" in shown.stdout
        cli_json(city, "entry", "revoke", case_id, "--by", "zhao", "--why", "repealed")
        cluster.wait("the high record at the city", lambda: records(cluster["city"], "air-quality") == 3, timeout_s=WAIT_S)
        cluster.wait("the end at the street", lambda: state(cluster, "street", case_id) == "revoked", timeout_s=WAIT_S)
    finally:
        cluster.stop()
