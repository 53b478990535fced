"""Bad records from their rule to the corrected version at every holder, and a query at either end, with real nodes and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.client import ApiError
from sync.model import Level
from tests.e2e.cluster import Cluster, Place, cli, cli_json

TREE = (Place("province", Level.PROVINCIAL, "37"), Place("street", Level.STREET, "370202001", "province"))
WAIT_S = 60.0
COLUMNS = ["device", "quantity", "value", "text", "unit"]
RULES = """
key = ["device", "quantity"]

[[rules]]
id = "in-range"
check = "range"
fields = ["value"]
range = { low = 0, high = 500 }
"""


def states(cluster: Cluster, node: str) -> list[str]:
    return [str(one["state"]) for one in cluster[node].call("quality_tickets")["tickets"]]


def judged(cluster: Cluster, node: str) -> int:
    return sum(int(one["records"]) for one in cluster[node].call("quality_scores")["scores"])


@pytest.mark.slow
def test_a_bad_record_is_found_corrected_by_its_source_and_asked_for(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make(TREE)
    rules, fixed = tmp_path / "rules.toml", tmp_path / "fixed.csv"
    rules.write_text(RULES, "utf-8")
    fixed.write_text(f"{','.join(COLUMNS)}\nd2,pm25,7,,ug\n", "utf-8")
    try:
        cluster.start()
        cluster.wait_linked()
        province, street = cluster["province"].folder, cluster["street"].folder
        cli_json(province, "quality", "rules", "air-quality", str(rules))
        cluster["province"].call("catalogue_issue")
        cluster.wait("rules at the street", lambda: bool(cluster["street"].call("quality_rules", resource="air-quality")["quality"]))
        rows = [["d1", "pm25", 5.0, None, "ug"], ["d2", "pm25", 999.0, None, "ug"]]
        cluster["street"].call("put", resource="air-quality", columns=COLUMNS, rows=rows)
        cluster.wait("the ticket at the province", lambda: states(cluster, "province") == ["open"], timeout_s=WAIT_S)
        cluster.wait("the records judged at the province", lambda: judged(cluster, "province") == 2, timeout_s=WAIT_S)
        with pytest.raises(ApiError, match="that of a record of street, and only its source corrects"):
            cluster["province"].call("put", resource="air-quality", columns=COLUMNS, rows=rows[1:])
        (ticket,) = cluster["street"].call("quality_tickets")["tickets"]
        done = cli(street, "quality", "correct", ticket["id"], "--file", str(fixed), "--by", "li")
        assert (done.returncode, "corrected" in done.stdout) == (0, True)
        cluster.wait("the ticket's end at the province", lambda: states(cluster, "province") == ["closed"], timeout_s=WAIT_S)
        cluster.wait_records("air-quality", 3, "province", timeout_s=WAIT_S)
        shown = cli(province, "sql", "select device, value from air_quality order by event_time, device", "--csv")
        assert shown.stdout.splitlines() == ["device,value", "d1,5.0", "d2,999.0", "d2,7.0"]
        refused = cli(province, "sql", "select * from read_csv('/etc/passwd')")
        assert (refused.returncode, "character 15" in refused.stderr) == (4, True)
    finally:
        cluster.stop()
