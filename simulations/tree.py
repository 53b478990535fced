"""Where a simulated node stands: its directory of the nodes around it and its attachment orders, kept by the product's own desks.

Heartbeats are told when they say something new: between nodes that lose none, what was said stays known. Statuses carry no ages, because
nothing that is simulated asks for them. Called by simulations/host.py; orders are given by the injected moves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from node.attachment.desk import AttachmentDesk
from node.attachment.orders import OrderBook, Signer, order_folder
from node.clock import Clock
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.verify import PeerIdentity
from node.tree.directory import Directory, NodeStatus
from simulations.clock import EPOCH_US
from simulations.topology import NodePlan
from sync.core.bearers import Standing
from sync.core.messages import Heartbeat
from sync.model import Level, Territory

PROVINCE_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Crown:
    """What the province signs orders with, and the root that every node pins."""

    signer: Signer
    root_pem: bytes


def crown_of(plan: NodePlan) -> Crown:
    """The crown of the province in which a top node stands."""
    code = plan.territory[:PROVINCE_DIGITS]
    return _crown(plan.id if plan.level is Level.PROVINCIAL else f"above-{plan.id}", code)


@cache
def _crown(node: str, code: str) -> Crown:
    # Keys and certificates are chance of the real kind, so nothing that is traced may depend on their bytes.
    with tempfile.TemporaryDirectory(prefix="yunnao-crown-") as folder:
        files = IdentityFiles(Path(folder))
        files.make(NodeFacts(node, Level.PROVINCIAL, Territory(code)), now_us=EPOCH_US)
        return Crown(Signer(files.own(now_us=None), files.tls().chain_pem, files.manifest_key()), files.root_pem())


def identity_of(plan: NodePlan, path: tuple[str, ...]) -> PeerIdentity:
    """A node as its certificate would show it; `path` leads from the province to it."""
    return PeerIdentity(plan.id, plan.level, Territory(plan.territory), b"", path, "", 0)


@dataclass(slots=True)
class HostTree:
    """One life of a node: what it knows of the tree, and what it told whom."""

    own: NodeStatus
    desk: AttachmentDesk
    directory: Directory
    _heard: dict[str, bytes] = field(default_factory=dict)
    _told: dict[str, bytes] = field(default_factory=dict)
    _stood: dict[str, frozenset[str]] = field(default_factory=dict)
    is_news: bool = True
    """True when some peer may lack something."""

    def opened(self, peer: str) -> None:
        """A link begins: its other end knows nothing yet."""
        self._told.pop(peer, None)
        self.is_news = True

    def heard(self, peer: str, beat: Heartbeat, *, is_parent: bool) -> Standing | None:
        """Take a heartbeat; where nodes stand now, when that changed. Raises WireError for one that speaks for others."""
        if is_parent:
            self.directory.heard_from_parent(beat.statuses, 0)
        else:
            self.directory.heard_from_child(peer, beat.statuses, 0)
        self.is_news = self.is_news or self._heard.get(peer) != beat.statuses
        self._heard[peer] = beat.statuses
        stands = self.directory.ancestors() if is_parent else self.directory.subtree(peer)
        if self._stood.get(peer) == stands:
            return None
        self._stood[peer] = stands
        return self.directory.standing()

    def ordered(self, standing: Standing) -> Standing:
        """As Hearing.ordered of node/links/hearing.py: what heartbeats say counts as news after an order, which made others forget.

        So what was told is told again, as by the heartbeats of a real node, which do not stop when nothing changes.
        """
        for said in (self._stood, self._told, self._heard):
            said.clear()
        self.is_news = True
        return standing

    def news(self, peers: Mapping[str, bool]) -> dict[str, bytes]:
        """Heartbeat bodies for those of `peers` (True: the parent) whom this would tell something new."""
        if not self.is_news:
            return {}
        self.is_news = False
        bodies = {peer: self._body(is_parent=is_parent) for peer, is_parent in sorted(peers.items())}
        found = {peer: body for peer, body in bodies.items() if self._told.get(peer) != body}
        self._told |= found
        return found

    @property
    def body_below(self) -> bytes:
        """What every child is told."""
        return self._body(is_parent=False)

    def _body(self, *, is_parent: bool) -> bytes:
        return self.directory.upward(self.own, 0) if is_parent else self.directory.downward(self.own, 0)


def open_tree(
    plan: NodePlan,
    path: tuple[str, ...],
    folder: Path,
    *,
    incarnation: int,
    crown: Crown,
    clock: Clock,
    on_moved: Callable[[Exception], None],
) -> HostTree:
    """What the node in `folder` knows of the tree when it starts: its orders, and that it has a parent."""
    book = OrderBook(order_folder(folder), crown.root_pem)
    order = book.of(plan.id)
    parent = plan.parent if order is None else order.new.node
    directory = Directory(plan.id, own_address=f"{plan.id}:1")
    own = NodeStatus(
        plan.id, plan.id, plan.level.word, plan.territory, parent, f"{incarnation:016x}", "OK", [], 0, "", "", link_address=f"{plan.id}:1"
    )
    desk = AttachmentDesk(
        own=identity_of(plan, path), parent=parent, book=book, directory=directory, clock=clock, signer=lambda: crown.signer,
        on_moved=on_moved,
    )  # fmt: skip
    return HostTree(own, desk, directory)
