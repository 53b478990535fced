"""Nodes that get another parent: the province gives an attachment order, and the order does the rest.

The order is given by the product's own desk and travels down the tree as any other; where no link brought it in the end, an operator
hands it over, as `yunnao attach --order FILE` does. Called by simulations/inject.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from node.attachment.orders import AttachmentError, Order
from simulations.world import World
from sync.model import Level


@dataclass(slots=True)
class MoveFaults:
    """Who stands where, by the orders that were given in one world."""

    world: World
    on_moved: Callable[[str, list[str]], None] = lambda node, line: None
    """(node, its ancestors, the parent first): told of every node whose way up has changed."""
    parents: dict[str, str] = field(default_factory=dict)
    former: dict[str, set[str]] = field(default_factory=dict)
    """By node that was moved: the parents it had before."""
    strayed: set[str] = field(default_factory=set)
    """Nodes that were moved, and all below them."""
    _orders: list[Order] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parents = {plan.id: plan.parent for plan in self.world.plans}

    def move(self, node: str, parent: str) -> bool:
        """Order `node` below `parent`; False while the province cannot give the order."""
        ruler, old = self.world.hosts[self.world.plans[0].id], self.parents[node]
        if not ruler.is_up or old == parent or node in self.line(parent):
            return False
        try:
            order = ruler.tree.desk.give(node, old=old, new=parent, address=f"{parent}:1")
        except AttachmentError:
            return False  # it has not heard of one of them since it started
        self._orders.append(order)
        self.former.setdefault(node, set()).add(old)
        self.parents[node] = parent
        for lower in self.parents:
            if node in (lower, *self.line(lower)):
                self.strayed.add(lower)
                self.on_moved(lower, self.line(lower))
        return True

    def has_left(self, city: str) -> bool:
        """True when a node was moved away from below `city`; False for a node that is no city."""
        is_city = self.world.hosts[city].plan.level is Level.MUNICIPAL
        return is_city and any(city in parents for parents in self.former.values())

    def line(self, node: str) -> list[str]:
        """The ancestors of a node by the orders given so far, its parent first."""
        found: list[str] = []
        while parent := self.parents[found[-1] if found else node]:
            found.append(parent)
        return found

    def hand_over(self) -> None:
        """Bring every order by hand to those whom it concerns and no link brought it; the newest first: older ones find it there."""
        for order in reversed(self._orders):
            for node in (self.world.plans[0].id, order.old.node, order.new.node, order.node):
                if self.world.hosts[node].is_up:
                    self.world.hosts[node].tree.desk.take(order.raw)
