"""Records that were shared are taken back: real nodes, one of them away, receipts from all, no byte of the value left, until it is free."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.clock import SystemClock
from sync.model import Level
from tests.e2e.cluster import Cluster, Place, cli, cli_json, records

TREE = (
    Place("province", Level.PROVINCIAL, "37"),
    Place("city", Level.MUNICIPAL, "3702", "province"),
    Place("street", Level.STREET, "370202001", "city"),
)
WAIT_S = 30.0
HOUR_US = 3_600_000_000
COLUMNS = ["device", "quantity", "value", "text", "unit"]
CANARY = "kzq7-canary-w0v3n-19x"
FILE = """
effect = "deny"
resource = "air-quality"
predicate = "value > 100"
ways = ["up"]
valid_from = 2020-01-01
valid_to = 2099-01-01
retroactive = "recall"

[basis]
instrument = "an invented order"
article = "article 1"
quote = "High readings stay in the street."
"""


def texts(cluster: Cluster, node: str) -> list[object]:
    answer = cluster[node].call("readings", resource="air-quality")
    place = answer["columns"].index("text") if answer["columns"] else 0
    return sorted(row[place] for row in answer["rows"])


def traces(cluster: Cluster, node: str) -> list[str]:
    """Files of a node that hold the value, however deep."""
    needle = CANARY.encode()
    return [path.name for path in sorted(cluster[node].folder.rglob("*")) if path.is_file() and needle in path.read_bytes()]


def approve(cluster: Cluster, file: Path) -> str:
    top = cluster["province"].folder
    case_id = str(cli_json(top, "entry", "propose", str(file), "--why", "complaints", "--by", "li")["id"])
    cluster["province"].call("entry_decide", id=case_id, fact="review", by="wang")
    cluster["province"].call("entry_decide", id=case_id, fact="approve", by="zhao")
    return f"NL-{case_id}"


@pytest.mark.slow
def test_a_value_is_recalled_from_every_holder_and_one_that_was_away_complies(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make(TREE)
    file = tmp_path / "high.toml"
    file.write_text(FILE, "utf-8")
    try:
        cluster.start()
        cluster.wait_linked()
        cluster.wait("the catalogue at the street", lambda: bool(cluster["street"].call("resources")["resources"]), timeout_s=WAIT_S)
        rows = [["d1", "pm25", 5.0, "low", None], ["d1", "pm25", 150.0, CANARY, None], ["d2", "pm25", 7.0, "low too", None]]
        cluster["street"].call("put", resource="air-quality", columns=COLUMNS, rows=rows)
        cluster.wait("three records at the top", lambda: records(cluster["province"], "air-quality") == 3, timeout_s=WAIT_S)
        now_us = SystemClock().wall_us()
        cluster["province"].call("summary", resource="air-quality", from_us=now_us - HOUR_US, to_us=now_us + HOUR_US)
        assert traces(cluster, "province")
        assert traces(cluster, "city")
        cluster["city"].stop()
        entry = approve(cluster, file)
        cluster.wait("the top without the record", lambda: records(cluster["province"], "air-quality") == 2, timeout_s=WAIT_S)

        def shown() -> dict[str, object]:
            return dict(cluster["province"].call("recall_show", id=entry))

        cluster.wait("the city on the open list", lambda: shown()["missing"] == ["city"], timeout_s=WAIT_S)
        assert cli(cluster["province"].folder, "recall", "list").returncode == 1
        assert "recalls_open" in cluster["province"].call("status")["node"]["words"]
        assert traces(cluster, "province") == []
        cluster["city"].start()
        cluster.wait("every receipt", lambda: (shown()["expected"], shown()["missing"]) == (3, []), timeout_s=WAIT_S)
        assert [(one["node"], one["erased"], one["kept"]) for one in shown()["receipts"]] == [  # type: ignore[attr-defined]
            ("city", 1, 0), ("province", 1, 0), ("street", 0, 1)]  # fmt: skip
        assert traces(cluster, "city") == []
        assert texts(cluster, "province") == texts(cluster, "city") == ["low", "low too"]
        assert texts(cluster, "street") == [CANARY, "low", "low too"]
        assert cli(cluster["province"].folder, "recall", "show", entry).returncode == 0
        for node in ("city", "street"):
            assert cluster[node].call("audit_flow", ask_peers=True)["first_difference"] is None
            assert {hop["proof"] for hop in cluster[node].call("audit_equal", now=True)["hops"]} <= {"proven", "cannot-tell"}
        cluster["province"].call("entry_decide", id=entry.removeprefix("NL-"), fact="revoke", by="zhao", why="the street agrees")
        cluster.wait("the record at the top once more", lambda: texts(cluster, "province") == [CANARY, "low", "low too"], timeout_s=WAIT_S)
        assert texts(cluster, "city") == [CANARY, "low", "low too"]
        for node in ("city", "street"):
            assert cluster[node].call("audit_flow", ask_peers=True)["first_difference"] is None
            assert {hop["proof"] for hop in cluster[node].call("audit_equal", now=True)["hops"]} <= {"proven", "cannot-tell"}
    finally:
        cluster.stop()
