"""A resource that a later bundle brings: running nodes below take it from their devices and pass it up, without a restart.

The district holds the bundle whole; the grid holds a slice of it, and asks for the new resource's when somebody names it.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import aiomqtt
import pytest

from node.client import ApiError
from node.identity.bundle_seal import BundleSeal
from node.identity.files import IdentityFiles
from policies.bundle import decode_signed
from sync.model import Level
from tests.e2e.cluster import HOST, Cluster, Node, Place

PARENT, CHILD, GRID = "shandong", "qd-shinan", "qd-grid"
TREE = (
    Place(PARENT, Level.PROVINCIAL, "37"),
    Place(CHILD, Level.DISTRICT, "370202", PARENT),
    Place(GRID, Level.GRID, "370202001001001", CHILD),
)
COLUMNS = ["device", "quantity", "value", "text", "unit"]
NEW = "street-noise"
WAIT_S = 30.0


def issue_next_epoch(node: Node) -> None:
    """The province catalogues one more resource, laid out as air quality is; signed with its own key, while it is stopped."""
    path = node.folder / "policy" / f"{node.id}.json"
    held = decode_signed(path.read_bytes()).bundle
    air = next(entry for entry in held.contents.catalogue if entry.code == "air-quality")
    catalogue = (*held.contents.catalogue, replace(air, code=NEW, title_zh="街道噪声", title_en="Street noise"))
    contents = replace(held.contents, catalogue=tuple(sorted(catalogue, key=lambda entry: entry.code)))
    path.write_bytes(BundleSeal(IdentityFiles(node.folder)).sign(replace(held, epoch=held.epoch + 1, contents=contents)).encode())


def put(node: Node) -> None:
    node.call("put", resource=NEW, columns=COLUMNS, rows=[["n1", "dB", 61.5, None, "dB"]])


async def publish(node: Node) -> None:
    """A device says it through the sensor door."""
    reading = {"device": "n2", "time": 1_760_000_000, "quantity": "dB", "value": 60.0}
    async with aiomqtt.Client(HOST, node.ports["door"]) as client:
        await client.publish(f"{NEW}/reading/n2", json.dumps(reading), qos=1, timeout=WAIT_S)


def ask_and_put(cluster: Cluster, grid: Node) -> None:
    """The first call asks for the slice, a later one finds it."""
    with pytest.raises(ApiError, match=f"the rules of '{NEW}' are not in the slice that this node holds"):
        put(grid)
    cluster.wait("the slice", lambda: NEW in {entry["code"] for entry in grid.call("resources")["resources"]}, timeout_s=WAIT_S, watch=grid)
    put(grid)


def files_of(node: Node) -> set[str]:
    return {path.suffix for path in (node.folder / "policy").iterdir()}


@pytest.mark.slow
def test_a_resource_of_a_later_bundle_needs_no_restart_of_the_nodes_below(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make(TREE)
    try:
        cluster.start()
        cluster.wait_linked(timeout_s=WAIT_S)
        with pytest.raises(ApiError, match=f"resource '{NEW}' is not in the catalogue in force here"):
            put(cluster[CHILD])
        assert cluster[PARENT].stop() == 0
        issue_next_epoch(cluster[PARENT])
        cluster.start(PARENT)

        def has_come() -> bool:
            return NEW in {entry["code"] for entry in cluster[CHILD].call("resources")["resources"]}

        cluster.wait("the new bundle", has_come, timeout_s=WAIT_S, watch=cluster[CHILD])
        put(cluster[CHILD])
        asyncio.run(publish(cluster[CHILD]))
        ask_and_put(cluster, cluster[GRID])
        cluster.wait_records(NEW, 3, PARENT, timeout_s=WAIT_S)
        assert cluster[CHILD].lives == cluster[GRID].lives == 1
        assert files_of(cluster[CHILD]) == {".json", ".root"}
        assert files_of(cluster[GRID]) == {".slice"}
        assert cluster[PARENT].call("quarantine")["refusals"] == []
    finally:
        cluster.stop()
