"""The attachment orders of a running node: gives them, takes them, spreads them to its children, and acts on those that concern it.

An order goes down the tree from whoever gave it. The old parent fences the node that moved, the new parent lets it in, the node itself
starts again below its new parent. Refuses to judge an order: that is node/attachment/orders.py. Called by links, assembly and the local
API.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from node.attachment.orders import ORDER_FORMAT, AttachmentError, Order, OrderBook, Place, Reattached, Signer, give_order
from node.clock import Clock
from node.identity.verify import CHAIN_LENGTH_MAX, PeerIdentity
from node.tree.directory import Directory, NodeStatus
from sync.core.bearers import Standing
from sync.core.messages import Orders, Stop
from sync.core.ready import PeerFacts
from sync.model import Level, LinkError
from sync.wire.bounds import ORDERS_MAX as ORDERS_PER_MESSAGE

log = logging.getLogger("yunnao.attachment")


class MovedAway(LinkError):
    """A node that an order put elsewhere opens a link here; `order` is what it may not have heard."""

    def __init__(self, order: Order) -> None:
        super().__init__(order.fence())
        self.order = order


@dataclass(slots=True)
class AttachmentDesk:
    """Who stands where, by order."""

    own: PeerIdentity
    parent: str
    """The present parent; empty at the top."""
    book: OrderBook
    directory: Directory
    clock: Clock
    signer: Callable[[], Signer]
    on_moved: Callable[[Reattached], None]
    on_spread: Callable[[Orders], None] = field(default=lambda orders: None)
    """Tell every child."""
    on_standing: Callable[[Standing], None] = field(default=lambda standing: None)
    """Where nodes stand by an order that is news here: frames that were refused without it may come."""
    on_fenced: Callable[[str, str], None] = field(default=lambda node, reason: None)
    """(node, reason): a child that was moved away may stay no longer."""

    def __post_init__(self) -> None:
        for order in self.book:
            self.directory.reattach(order.node, order.new.node, old=order.old.node)

    @property
    def former(self) -> str:
        """The parent that this node had before an order moved it; empty when none did."""
        order = self.book.of(self.own.node)
        return order.old.node if order is not None else ""

    def messages(self) -> list[Orders]:
        """Every order known here, as a new child is told them."""
        raw = [order.raw for order in self.book]
        return [Orders(tuple(raw[start : start + ORDERS_PER_MESSAGE])) for start in range(0, len(raw), ORDERS_PER_MESSAGE)]

    def admits(self, peer: PeerIdentity) -> bool:
        """True when an order puts `peer` below this node, False when no order speaks of it; raises MovedAway when it stands elsewhere."""
        order = self.book.of(peer.node)
        if order is None or not _speaks_of(order, peer):
            return False
        if order.new.path != self.own.path:
            raise MovedAway(order)
        return True

    def stands_here(self, peer: PeerIdentity) -> bool:
        """True when an order put `peer`, as certified elsewhere, below this node."""
        order = self.book.of(peer.node)
        return order is not None and _speaks_of(order, peer) and order.new.path == self.own.path

    def fosters(self, peer: PeerFacts) -> bool:
        """True when an order put nodes below a child that may lie outside its territory. What stood there once counts too: the child may
        hold records of theirs that came before they were moved on."""
        once = peer.subtree | peer.formerly
        return any(order.new.node in once or order.node in peer.formerly for order in self.book)

    def certifier(self) -> tuple[str, tuple[str, ...]] | None:
        """Where the parent that an order gave this node certifies (HOST:PORT), and its path; None without an order, or until it says so.

        What it said last is kept: a node whose certificate ended hears nothing over its link.
        """
        order, status = self.book.of(self.own.node), self.directory.above(self.parent)
        if order is None:
            return None
        if status is not None and status.join_address:
            self.book.note_certifier(order, status.join_address)
        address = self.book.certifier(order)
        return (address, order.new.path) if address else None

    def take(self, raw: bytes) -> Order | None:
        """Keep an order, pass it on and obey it; None when it is no news. Raises AttachmentError."""
        order = self.book.take(raw)
        if order is None:
            return None
        log.info("%s", order.fence())
        self.directory.reattach(order.node, order.new.node, old=order.old.node)
        self.on_standing(self.directory.standing())
        self.on_spread(Orders((order.raw,)))
        if order.node == self.own.node and order.new.node != self.parent:
            self.on_moved(Reattached(order.fence()))
        elif order.new.path != self.own.path:
            self.on_fenced(order.node, order.fence())
        return order

    def dismissed(self, stop: Stop) -> None:
        """The parent refuses this node the link; the order that goes with it is taken like any other."""
        if stop.order:
            self.take_all(Orders((stop.order,)))

    def take_all(self, orders: Orders) -> None:
        """What the parent passes on; one bad order does not keep the others out."""
        for raw in orders.orders:
            try:
                self.take(raw)
            except AttachmentError as error:
                log.warning("%s", error)

    def give(self, node: str, *, old: str, new: str, address: str) -> Order:
        """Move `node` from `old` to `new`, whose links are reached at `address` (empty: as it says itself). Raises AttachmentError."""
        status = self._status(node)
        if status.parent != old:
            raise AttachmentError(f"{node} is below {status.parent}, not below {old}: `yunnao status --tree` shows who stands where")
        target = self._place(new, address)
        if Level.from_word(target.level) <= Level.from_word(status.level):
            raise AttachmentError(f"{node} ({status.level}) cannot stand below {new} ({target.level}): a parent is of a higher level")
        if not target.address:
            raise AttachmentError(f"where the links of {new} are reached is not known here: give --address HOST:PORT")
        known = self.book.of(node)
        order = Order(
            format=ORDER_FORMAT,
            node=node,
            path=self._path(node),
            incarnation=int(status.incarnation, 16),
            old=Place(self._path(old), self._place(old, "").level, self._place(old, "").territory),
            new=target,
            serial=max(self.clock.wall_us(), known.serial + 1 if known else 0),
            issuer=self.own.node,
            chain_pem=b"",
        )
        given = give_order(order, self.signer())
        self.take(given.raw)
        return given

    def _status(self, node: str) -> NodeStatus:
        status = self.directory.below(node)
        if status is None:
            raise AttachmentError(f"{node} is not known below {self.own.node}: it must have been heard of since this node started")
        return status

    def _place(self, node: str, address: str) -> Place:
        if node == self.own.node:
            return Place((*self.own.path,), self.own.level.word, self.own.territory.code, address or self.directory.own_address)
        status = self._status(node)
        return Place(self._path(node), status.level, status.territory, address or status.link_address)

    def _path(self, node: str) -> tuple[str, ...]:
        """How `node` is certified: as it says itself, or an order, else through the parents it reports."""
        names: list[str] = []
        while node != self.own.node:
            if told := self._told_path(node):
                return (*told, *reversed(names))
            if (order := self.book.of(node)) is not None:
                return (*order.path, *reversed(names))
            if len(names) == CHAIN_LENGTH_MAX:
                raise AttachmentError(f"the parents of {names[0]} lead nowhere: {' < '.join(names)}")
            names.append(node)
            node = self._status(node).parent
        return (*self.own.path, *reversed(names))

    def _told_path(self, node: str) -> tuple[str, ...]:
        """The certification path that a node reports; empty when it reports none that could be."""
        path = tuple(self._status(node).certified_as.split("/"))
        is_possible = path[-1] == node and path[: len(self.own.path)] == self.own.path and len(path) <= CHAIN_LENGTH_MAX
        return path if is_possible else ()


def _speaks_of(order: Order, peer: PeerIdentity) -> bool:
    """True when `peer` is the node of the order: certified as it was then, or by one of the two parents since."""
    return peer.path in (order.path, (*order.old.path, order.node), (*order.new.path, order.node))
