"""A grid moves between two streets, by word of the district and by a file, with real nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.model import Level
from tests.e2e.cluster import Cluster, Place, cli

TREE = (
    Place("district", Level.PROVINCIAL, "370202"),
    Place("old-street", Level.STREET, "370202001", "district"),
    Place("new-street", Level.STREET, "370202002", "district"),
    Place("grid", Level.GRID, "370202001001001", "old-street"),
)
COLUMNS = ["device", "quantity", "value", "text", "unit"]
WAIT_S = 60.0


CANARY = "zebra-of-the-old-street"


def put(cluster: Cluster, count: int, text: str | None = None) -> None:
    rows = [[f"d{number}", "pm25", float(number), text, None] for number in range(count)]
    cluster["grid"].call("put", resource="air-quality", columns=COLUMNS, rows=rows)


def records(cluster: Cluster, node: str) -> int:
    found = {entry["resource"]: entry["records"] for entry in cluster[node].call("status")["resources"]}
    return int(found.get("air-quality", 0))


def stands_below(cluster: Cluster, parent: str) -> bool:
    own = cluster["grid"].call("status")["node"]
    return bool(own["parent"] == parent and own["link"]["state"] == "up")


@pytest.mark.slow
def test_a_grid_moves_and_every_record_counts_once(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make(TREE)
    order = tmp_path / "grid.order"
    try:
        cluster.start()
        cluster.wait_linked()
        put(cluster, 50)
        cluster.wait("50 records at the district", lambda: records(cluster, "district") == 50, timeout_s=WAIT_S)
        refused = cli(cluster["district"].folder, "attach", "grid", "--from", "new-street", "--to", "old-street")
        assert (refused.returncode, "grid is below old-street" in refused.stderr) == (4, True)
        moved = cli(cluster["district"].folder, "attach", "grid", "--from", "old-street", "--to", "new-street", "--out", str(order))
        assert moved.returncode == 0, moved.stderr
        cluster.wait("the grid below the new street", lambda: stands_below(cluster, "new-street"), timeout_s=WAIT_S)
        put(cluster, 7, CANARY)
        cluster.wait("57 records at the district", lambda: records(cluster, "district") == 57, timeout_s=WAIT_S)
        assert cluster["grid"].call("audit_flow")["first_difference"] is None
        _goes_past_the_new_street_sealed(cluster)
        _moves_back_by_file(cluster, order)
    finally:
        cluster.stop()


def _goes_past_the_new_street_sealed(cluster: Cluster) -> None:
    """The new street is no part of the grid's territory chain: it passes envelopes on, and cannot read them."""
    (made,), (opened,) = cluster["grid"].call("sealed")["sealed"], cluster["district"].call("sealed")["opened"]
    assert (made["target"], opened["sealer"]) == ("district", "grid")
    # What the old street had not secured at the time of the move may go once more.
    assert made["records"] == opened["records"] >= 7
    held = cluster["new-street"].call("status")["node"]["records"]
    assert (held.get("air-quality", 0), held["sealed-envelopes"] >= 1) == (0, True)
    files = [path for path in cluster["new-street"].folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if CANARY.encode() in path.read_bytes()] == []


def _moves_back_by_file(cluster: Cluster, order: Path) -> None:
    """The street in which the grid stands dies; the order to the other one is carried to the grid, which is down as well."""
    back = order.with_name("back.order")
    cluster["new-street"].kill()
    cluster["grid"].kill()
    given = cli(cluster["district"].folder, "attach", "grid", "--from", "new-street", "--to", "old-street", "--out", str(back))
    assert given.returncode == 0, given.stderr
    stale = cli(cluster["grid"].folder, "attach", "--order", str(order))
    assert (stale.returncode, "nothing new" in stale.stdout) == (0, True)
    damaged = order.with_name("damaged.order")
    damaged.write_bytes(back.read_bytes().replace(b"127.0.0.1", b"127.0.0.2"))
    refused = cli(cluster["grid"].folder, "attach", "--order", str(damaged))
    assert (refused.returncode, "did not sign it" in refused.stderr) == (5, True)
    taken = cli(cluster["grid"].folder, "attach", "--order", str(back))
    assert taken.returncode == 0, taken.stderr
    cluster["grid"].start()
    cluster.wait("the grid below the old street", lambda: stands_below(cluster, "old-street"), timeout_s=WAIT_S)
    put(cluster, 3)
    cluster.wait("60 records at the district", lambda: records(cluster, "district") == 60, timeout_s=WAIT_S)
    assert cluster["grid"].call("audit_flow")["first_difference"] is None


@pytest.mark.slow
def test_a_grid_that_was_off_its_link_when_it_was_moved_hears_of_it_from_the_parent_that_refuses_it(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make(TREE)
    try:
        cluster.start()
        cluster.wait_linked()
        put(cluster, 5)
        cluster.wait("5 records at the district", lambda: records(cluster, "district") == 5, timeout_s=WAIT_S)
        cluster["grid"].kill()
        moved = cli(cluster["district"].folder, "attach", "grid", "--from", "old-street", "--to", "new-street")
        assert moved.returncode == 0, moved.stderr
        cluster.wait("the order at the old street", lambda: "was moved to new-street" in cluster["old-street"].log, timeout_s=WAIT_S)
        cluster["grid"].start()
        cluster.wait("the grid below the new street", lambda: stands_below(cluster, "new-street"), timeout_s=WAIT_S)
        put(cluster, 3)
        cluster.wait("8 records at the district", lambda: records(cluster, "district") == 8, timeout_s=WAIT_S)
        assert cluster["grid"].call("audit_flow")["first_difference"] is None
        assert "stands elsewhere by order and was told so" in str(cluster["old-street"].call("status")["offences"])
    finally:
        cluster.stop()
