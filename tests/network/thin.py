"""Two real nodes over one pipe, a child with a backlog and its parent: what the thin-link tests and benchmarks share.

    with TwoNodes(folder, Wire(kbit_s=50, delay_ms=300, loss=0.05, seed=7), batches=400) as pair: ...

Owns: the namespaces, the two processes and the child's backlog, which is in its journal before it starts. Called by tests/network and
benchmarks/thin_link.py.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks import workload
from benchmarks.chain_files import fill
from benchmarks.workload import RESOURCE, Spread
from sync.model import Level
from tests.e2e.cluster import Cluster, Node, Place
from tests.network.plant import PipeProcess, Plant
from tests.network.shaper import Wire

PARENT, CHILD = "shandong", "qingdao"


class TwoNodes:
    """A province and a city below it; the city dials through the pipe. `a` of the pipe is the child's end."""

    def __init__(self, folder: Path, wire: Wire, *, batches: int = 0, rows: int = 50, limits: str = "", child: str = "") -> None:
        """`limits` goes into both node.toml, `child` into the child's; the backlog is `batches` of `rows` air-quality records."""
        self.plant = Plant()
        self.cluster = Cluster(folder)
        self.backlog = batches * rows
        try:
            self._make(wire, limits, child)
            if batches:
                fill(self.child.folder, workload.batches(batches, rows=rows, spread=Spread.TOGETHER))
        except BaseException:
            self.plant.close()
            raise

    def _make(self, wire: Wire, limits: str, child: str) -> None:
        self.pipe: PipeProcess = self.plant.join("child", "parent", wire)
        self.cluster.make(
            (
                Place(PARENT, Level.PROVINCIAL, "37", host=self.pipe.b, prefix=self.plant.inside("parent")),
                Place(CHILD, Level.MUNICIPAL, "3702", PARENT, child, prefix=self.plant.inside("child")),
            ),
            limits=limits,
        )

    def __enter__(self) -> TwoNodes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            for node in self.cluster.nodes.values():
                if node.process is not None:
                    node.kill()
        finally:
            self.plant.close()

    @property
    def parent(self) -> Node:
        """The upper node."""
        return self.cluster[PARENT]

    @property
    def child(self) -> Node:
        """The lower node."""
        return self.cluster[CHILD]

    def status(self, node: Node) -> dict[str, Any]:
        """A node's own status."""
        return dict(node.call("status")["node"])

    def arrived(self) -> int:
        """Records of the backlog that the parent holds."""
        return int(self.status(self.parent)["records"].get(RESOURCE, 0))
