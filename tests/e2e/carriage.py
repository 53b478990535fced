"""A cluster whose nodes have never had a link: a stick carries everything, as a courier would."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from benchmarks.plain_audit import ids, live_batches
from tests.e2e.cluster import Cluster, Node, Place

COLUMNS = ("device", "quantity", "value", "text", "unit")


def make_unlinked(cluster: Cluster, places: tuple[Place, ...]) -> None:
    """Make and join the nodes, then take the parents' addresses out of their files: no node ever dials."""
    cluster.make(places)
    for place in places:
        if place.parent:
            path = cluster[place.id].folder / "node.toml"
            path.write_text(re.sub(r'(?m)^((?:join_)?address) = .*$', r'\1 = ""', path.read_text("utf-8")), "utf-8")


def put_readings(node: Node, first: int, count: int, *, quantity: str = "pm25", note: int = 0) -> list[str]:
    """Hand readings to a node; the ids they carry. `note` characters of noise make each one larger."""
    ids = [f"{node.id}-{number:06}" for number in range(first, first + count)]
    rows = [[_noise(name, note) or "d1", quantity, 1.0, name, "ug/m3"] for name in ids]
    node.call("put", resource="air-quality", columns=list(COLUMNS), rows=rows)
    return ids


def _noise(name: str, chars: int) -> str:
    return hashlib.shake_256(name.encode()).hexdigest(chars // 2)


def ids_at(node: Node) -> list[str]:
    """The ids of the readings that are live in a node's journal, read by the plain auditor's own code; sorted, doubles included."""
    return sorted(name for payload, _, runs in live_batches(node.journal) for name in ids(payload, runs))


def bundle(node: Node, verb: str, **arguments: Any) -> dict[str, Any]:
    """One carriage verb of the local API; raises ApiError."""
    return node.call(f"bundle_{verb}", **arguments)


def make_round(child: Node, parent: Node, stick: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The courier's round: export at the child, import at the parent, receipt back at the child; what export and import said."""
    exported = bundle(child, "export", peer=parent.id, folder=str(stick))
    imported = bundle(parent, "import", paths=exported["files"] or [str(stick)], receipts=str(stick))
    for receipt in imported["receipts"]:
        bundle(child, "receipt", path=receipt)
    return exported, imported


def introduce(child: Node, parent: Node, stick: Path) -> None:
    """The first round of two nodes that never met: who they are, and the parent's policy."""
    exported, imported = make_round(child, parent, stick)
    assert exported["introduction"]
    assert imported["receipts"]
