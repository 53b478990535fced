"""What this node knows of the nodes above and below it: their newest statuses, received along the links.

Upward a node sends its own status and its subtree's, downward its own and its ancestors'. Everything from a peer is checked: sizes are
capped, and a peer may
only speak for nodes on its own side of the link.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from node.untrusted import UNREADABLE
from sync.core.bearers import Standing
from sync.model import MICROSECONDS, Level, ModelError, WireError, check_node_id

STALE_AFTER_S = 10.0
"""Age at which a status no longer counts as the truth."""

NODES_MAX = 4_096
"""Statuses one heartbeat may carry."""

TEXT_CHARS_MAX = 200
"""Characters kept of a name or word a peer sent."""


CERTIFIED_CHARS_MAX = 512
"""Characters of a certification path: seven node ids."""

ENTRIES_MAX = 256
"""Entries of one table (queues, records, cameras) in a status."""

Count = Annotated[int, Meta(ge=0, le=1 << 53)]
Seconds = Annotated[float, Meta(ge=0.0, le=1e10)]
Word = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
Counts = Annotated[dict[Word, Count], Meta(max_length=ENTRIES_MAX)]


class QueueStatus(msgspec.Struct, frozen=True):
    """The backlog of one lane toward the parent."""

    batches: Count = 0
    records: Count = 0
    bytes: Count = 0
    oldest_s: Seconds = 0.0


class LinkStatus(msgspec.Struct, frozen=True):
    """The link to the parent."""

    state: Word = "none"
    since_us: Count = 0
    rtt_ms: Seconds | None = None


class DoorStatus(msgspec.Struct, frozen=True):
    """Messages the sensor door took and refused since the node started."""

    accepted: Count = 0
    refused: Count = 0


class NodeStatus(msgspec.Struct, frozen=True):
    """One node as it describes itself; shape in docs/api.md."""

    id: str
    name: str
    level: str
    territory: str
    parent: str
    incarnation: Word
    state: str
    words: list[str]
    as_of_us: Count
    software: str
    policy: str
    lag_s: Seconds = 0.0
    queues: Annotated[dict[Word, QueueStatus], Meta(max_length=ENTRIES_MAX)] = {}
    records: Counts = {}
    link: LinkStatus = LinkStatus()
    cameras: Counts = {}
    devices: Count = 0
    door: DoorStatus = DoorStatus()
    rss_mb: Count = 0
    link_address: Word = ""
    """HOST:PORT at which children link to it; empty when it takes none."""
    join_address: Word = ""
    """HOST:PORT at which it certifies children; empty when it does not, or does not say so yet."""
    certified_as: Annotated[str, Meta(max_length=CERTIFIED_CHARS_MAX)] = ""
    """The nodes that certify each other down to it, the provincial one first, separated by `/`; empty when it does not say so yet."""
    age_s: Seconds = 0.0


@dataclass(slots=True)
class _Heard:
    status: NodeStatus
    received_us: int
    """Own wall clock at arrival: ages never trust the peer's clock."""


@dataclass(slots=True)
class Directory:
    """The newest status of every node heard of, by side of the tree."""

    own_id: str
    _above: dict[str, _Heard] = field(default_factory=dict)
    _below: dict[str, dict[str, _Heard]] = field(default_factory=dict)
    """By the child that reported them."""
    own_address: str = ""
    """HOST:PORT at which children link to this node."""
    _left: dict[str, frozenset[str]] = field(default_factory=dict)
    """Parents that a node had before orders moved it."""
    _moved: dict[str, str] = field(default_factory=dict)
    """The parent that an attachment order gave a node: reports that still say another are old."""

    def heard_from_parent(self, body: bytes, now_us: int) -> None:
        """Take the ancestors' statuses; raises WireError when `body` is not a list of statuses or names a node below."""
        statuses = decode_statuses(body)
        if below := {status.id for status in statuses} & self._ids_below():
            raise WireError(f"the parent reports a status of {min(below)}, which is below this node")
        self._above = {status.id: _Heard(status, _arrival(status, now_us)) for status in statuses if status.id != self.own_id}

    def heard_from_child(self, child: str, body: bytes, now_us: int) -> None:
        """Take a child's subtree; raises WireError when it names this node or another child's nodes."""
        statuses = self._without_moved(child, decode_statuses(body))
        for status in statuses:
            self._refuse_foreign(child, status.id)
        self._disprove_claims_on(child)
        self._below[child] = {status.id: _Heard(status, _arrival(status, now_us)) for status in statuses}

    def subtree(self, child: str) -> frozenset[str]:
        """Node ids at or below `child` as far as known."""
        return frozenset(self._below.get(child, ())) | {child}

    def below(self, node: str) -> NodeStatus | None:
        """The newest status of a node at or below a child; None when it was never heard of."""
        return next((nodes[node].status for nodes in self._below.values() if node in nodes), None)

    def all_below(self) -> list[NodeStatus]:
        """The newest status of every node below that was heard of, by id."""
        return sorted((heard.status for heard in self._all_below()), key=lambda status: status.id)

    def standing(self) -> Standing:
        """Where nodes are known to stand, and where those stood that an order moved."""
        subtrees = {child: self.subtree(child) for child in self._below}
        formerly = {child: frozenset().union(*self._gone_from(nodes)) for child, nodes in subtrees.items()} if self._left else {}
        return Standing(subtrees, self.ancestors(), formerly)

    def _gone_from(self, nodes: frozenset[str]) -> list[frozenset[str]]:
        """Each node that was moved away from one of `nodes`, with what is below it."""
        return [self._with_below(node) for node, parents in self._left.items() if parents & nodes]

    def _with_below(self, node: str) -> frozenset[str]:
        known = [heard.status for nodes in self._below.values() for heard in nodes.values()]
        found = {node}
        for _ in range(len(Level)):
            found |= {status.id for status in known if status.parent in found}
        return frozenset(found)

    def above(self, node: str) -> NodeStatus | None:
        """The newest status of an ancestor; None when it was never heard of."""
        heard = self._above.get(node)
        return None if heard is None else heard.status

    def ancestors(self) -> frozenset[str]:
        """Node ids above this node as far as known."""
        return frozenset(self._above)

    def reattach(self, node: str, parent: str, *, old: str) -> None:
        """An order moved `node` from `old` to `parent`: where it stood before it counts no longer, nor do those below it."""
        self._moved[node] = parent
        self._left[node] = self._left.get(node, frozenset()) | {old}
        for child, nodes in list(self._below.items()):
            kept = {status.id for status in self._without_moved(child, [heard.status for heard in nodes.values()])}
            self._below[child] = {name: heard for name, heard in nodes.items() if name in kept}
            if not self._below[child]:
                del self._below[child]

    def children(self) -> list[str]:
        """Children heard of, sorted."""
        return sorted(self._below)

    def upward(self, own: NodeStatus, now_us: int) -> bytes:
        """The heartbeat body for the parent: this node and its subtree."""
        return encode_statuses([own, *self._aged(self._all_below(), now_us)])

    def downward(self, own: NodeStatus, now_us: int) -> bytes:
        """The heartbeat body for a child: this node and its ancestors."""
        return encode_statuses([own, *self._aged(self._above.values(), now_us)])

    def tree(self, own: NodeStatus, now_us: int) -> list[NodeStatus]:
        """Ancestors, this node and its subtree in tree order, with ages; old ones are STALE."""
        known = [*self._aged(self._above.values(), now_us), own, *self._aged(self._all_below(), now_us)]
        return _tree_order([_stale_if_old(status) for status in known])

    def _all_below(self) -> list[_Heard]:
        return [heard for nodes in self._below.values() for heard in nodes.values()]

    def _aged(self, heard: Iterable[_Heard], now_us: int) -> list[NodeStatus]:
        return [msgspec.structs.replace(entry.status, age_s=max(0, now_us - entry.received_us) / MICROSECONDS) for entry in heard]

    def _ids_below(self) -> set[str]:
        return {node for nodes in self._below.values() for node in nodes}

    def _without_moved(self, child: str, statuses: list[NodeStatus]) -> list[NodeStatus]:
        """`statuses` without nodes that report a parent they were moved away from, and without those below them."""
        gone = {status.id for status in statuses if self._moved.get(status.id, status.parent) != status.parent}
        by_parent: dict[str, list[str]] = {}
        for status in statuses:
            by_parent.setdefault(status.parent, []).append(status.id)
        waiting = list(gone)
        while waiting:
            below = [node for node in by_parent.get(waiting.pop(), ()) if node not in gone]
            gone.update(below)
            waiting.extend(below)
        return [status for status in statuses if status.id not in gone]

    def _disprove_claims_on(self, child: str) -> None:
        """Whoever reported `child` as below itself spoke for a neighbour: the child's own certificate opened this link."""
        for other, nodes in self._below.items():
            if other != child:
                nodes.pop(child, None)

    def _refuse_foreign(self, child: str, node: str) -> None:
        owner = next((other for other, nodes in self._below.items() if other != child and node in nodes), None)
        if node == child:
            return
        if node in self._below or node == self.own_id or node in self._above or owner is not None:
            raise WireError(f"{child} reports a status of {node}, which is not below it")


def _arrival(status: NodeStatus, now_us: int) -> int:
    return now_us - round(max(0.0, status.age_s) * MICROSECONDS)


def _stale_if_old(status: NodeStatus) -> NodeStatus:
    return msgspec.structs.replace(status, state="STALE") if status.age_s > STALE_AFTER_S else status


def _tree_order(statuses: list[NodeStatus]) -> list[NodeStatus]:
    by_parent: dict[str, list[NodeStatus]] = {}
    ids = {status.id for status in statuses}
    for status in statuses:
        by_parent.setdefault(status.parent if status.parent in ids else "", []).append(status)
    ordered: list[NodeStatus] = []
    waiting = sorted(by_parent.get("", []), key=lambda status: status.id, reverse=True)
    while waiting:
        status = waiting.pop()
        ordered.append(status)
        waiting.extend(sorted(by_parent.pop(status.id, []), key=lambda child: child.id, reverse=True))
    # Who names itself or a descendant as parent is shown all the same, after the tree: nobody can hide a node.
    placed = {status.id for status in ordered}
    return ordered + sorted((status for status in statuses if status.id not in placed), key=lambda status: status.id)


def encode_statuses(statuses: list[NodeStatus]) -> bytes:
    """Statuses as a heartbeat body."""
    return msgspec.json.encode(statuses[:NODES_MAX])


def decode_statuses(body: bytes) -> list[NodeStatus]:
    """A heartbeat body as statuses, texts cut to their bound; raises WireError."""
    try:
        statuses = msgspec.json.decode(body, type=list[NodeStatus])
        for status in statuses:
            check_node_id(status.id)
    except (*UNREADABLE, ModelError) as error:
        raise WireError(f"heartbeat refused: {error}") from None
    if len(statuses) > NODES_MAX:
        raise WireError(f"heartbeat refused: {len(statuses)} statuses, at most {NODES_MAX}")
    return [_bounded(status) for status in statuses]


def _bounded(status: NodeStatus) -> NodeStatus:
    cut = {
        name: getattr(status, name)[:TEXT_CHARS_MAX]
        for name in ("id", "name", "level", "territory", "parent", "state", "software", "policy")
    }
    return msgspec.structs.replace(status, **cut, words=[word[:TEXT_CHARS_MAX] for word in status.words[:32]])
