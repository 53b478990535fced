"""One flipped bit on disk, with real processes: found, given back by the neighbour, or declared lost, and equality proven again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sync.model import Level
from tests.e2e.cluster import Cluster, Node, Place, cli, cli_json, records

PAIR = (Place("shandong", Level.PROVINCIAL, "37"), Place("qingdao", Level.MUNICIPAL, "3702", "shandong"))
MOVING = (
    Place("shinan", Level.PROVINCIAL, "370202"),
    Place("old-street", Level.STREET, "370202001", "shinan"),
    Place("new-street", Level.STREET, "370202001", "shinan"),
    Place("grid", Level.GRID, "370202001001001", "old-street"),
)
RESOURCE = "air-quality"
ROWS = 40


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    cluster.make(PAIR)
    yield cluster
    cluster.stop()


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    cluster.make(MOVING)
    yield cluster
    cluster.stop()


def put(node: Node, first: int) -> None:
    """One batch of rows made at `node`."""
    columns = ["event_time", "territory", "device", "quantity", "value", "text", "unit"]
    rows = [[1_777_622_400_000_000 + n, node.place.territory, f"dev-{n}", "pm2_5", 1.5 * n, None, "ug"] for n in range(first, first + ROWS)]
    node.call("put", resource=RESOURCE, columns=columns, rows=rows)


def flip(node: Node, lsn: int) -> None:
    """One bit of a stored payload, as a bad sector would: the hash and everything else stay."""
    with closing(sqlite3.connect(node.journal, isolation_level=None)) as connection:
        (payload,) = connection.execute("SELECT payload FROM batch WHERE lsn = ? AND resource = ?", (lsn, RESOURCE)).fetchone()
        middle = len(payload) // 2
        damaged = payload[:middle] + bytes((payload[middle] ^ 4,)) + payload[middle + 1 :]
        connection.execute("UPDATE batch SET payload = ? WHERE lsn = ?", (damaged, lsn))


def lsns(node: Node) -> list[int]:
    """The node's batches of readings."""
    with closing(sqlite3.connect(f"file:{node.journal}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT lsn FROM batch WHERE resource = ? AND row_count > 0 ORDER BY lsn", (RESOURCE,))
        return [lsn for (lsn,) in rows.fetchall()]


def damage(node: Node) -> dict[str, Any]:
    return dict(node.call("status")["damage"])


@pytest.mark.slow
def test_flipped_bits_at_the_parent_and_at_the_child_are_found_and_mended_by_the_other(pair: Cluster) -> None:
    child, parent = pair["qingdao"], pair["shandong"]
    pair.start()
    pair.wait_linked()
    for batch in range(3):
        put(child, batch * ROWS)
        pair.wait_records(RESOURCE, (batch + 1) * ROWS, "shandong")
    pair.stop()
    flip(parent, lsns(parent)[1])
    flip(child, lsns(child)[0])
    pair.start()
    pair.wait_linked()
    cli(child.folder, "audit", "equal", "--now")  # reads every row at both ends, so it meets what the start has not met
    pair.wait("the parent to be whole", lambda: "is whole again, from qingdao" in parent.log)
    pair.wait("the child to be whole", lambda: "is whole again, from shandong" in child.log)
    pair.wait("equality", lambda: cli(child.folder, "audit", "equal", "--now").returncode == 0)
    assert [(damage(node)["asked"], damage(node)["lost"]) for node in (parent, child)] == [(0, 0), (0, 0)]
    assert records(parent, RESOURCE) == records(child, RESOURCE) == 3 * ROWS
    flow = cli_json(child.folder, "audit", "flow", "--stream", f"qingdao/{RESOURCE}")
    assert [hop["proof"] for hop in flow["hops"]] == ["proven"]
    assert [(line["produced"], line["delivered"], line["lost"]) for line in flow["hops"][0]["streams"]] == [(3 * ROWS, 3 * ROWS, 0)]


@pytest.mark.slow
def test_a_flipped_bit_before_anybody_else_has_the_records_is_declared_lost_and_the_rest_goes_on(pair: Cluster) -> None:
    child, parent = pair["qingdao"], pair["shandong"]
    pair.start()
    pair.wait_linked()  # the policy arrives with the link
    parent.stop()
    for batch in range(3):
        put(child, batch * ROWS)
    child.stop()
    flip(child, lsns(child)[1])
    pair.start()
    pair.wait_linked()
    pair.wait("the loss to be declared", lambda: damage(child)["lost"] == 1)
    pair.wait_records(RESOURCE, 2 * ROWS, "shandong")
    pair.wait("equality", lambda: cli(child.folder, "audit", "equal", "--now").returncode == 0)
    assert "records_lost" in child.call("status")["node"]["words"]
    (missing,) = damage(child)["missing"]
    assert (missing["resource"], missing["records"], missing["is_lost"], missing["said"]) == (RESOURCE, ROWS, True, {"shandong": "nothing"})
    flow = cli_json(child.folder, "audit", "flow", "--stream", f"qingdao/{RESOURCE}")
    (line,) = flow["hops"][0]["streams"]
    assert (line["produced"], line["delivered"], line["lost"], line["pending"]) == (3 * ROWS, 2 * ROWS, ROWS, 0)
    assert (flow["hops"][0]["proof"], line["reasons"]) == ("proven", {"damaged": ROWS})
    assert records(parent, RESOURCE) == records(child, RESOURCE) == 2 * ROWS
    assert child.lives == 2


@pytest.mark.slow
def test_what_only_a_former_parent_and_those_above_it_had_comes_back_through_the_new_one(moving: Cluster) -> None:
    grid, top = moving["grid"], moving["shinan"]
    moving.start()
    moving.wait_linked()
    for batch in range(2):
        put(grid, batch * ROWS)
        moving.wait_records(RESOURCE, (batch + 1) * ROWS, "shinan")
    moved = cli(top.folder, "attach", "grid", "--from", "old-street", "--to", "new-street")
    assert moved.returncode == 0, moved.stderr
    moving.wait("the grid below the new street", lambda: stands_below(grid, "new-street"))
    moving["old-street"].kill()
    grid.stop()
    flip(grid, lsns(grid)[0])
    moving.start("grid")
    moving.wait("the link", lambda: stands_below(grid, "new-street"))
    moving.wait("the grid to be whole", lambda: "is whole again, from new-street" in grid.log)
    assert (damage(grid)["asked"], damage(grid)["lost"], records(grid, RESOURCE)) == (0, 0, 2 * ROWS)


def stands_below(node: Node, parent: str) -> bool:
    own = node.call("status")["node"]
    return bool(own["parent"] == parent and own["link"]["state"] == "up")
