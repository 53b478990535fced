"""Whom a node's journal waits for: the children that stand below it today, by admission and by order."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from benchmarks.chain_files import make_chain
from benchmarks.workload import Rules
from node.assembly import Parts, assemble
from node.attachment.orders import ORDER_FORMAT, Order, Place, give_order
from node.clock import SystemClock
from node.config.config import load_config
from node.keeping.storage import storage_of


def moved_up(top: Parts, middle: Parts, bottom: Parts) -> Order:
    """The top takes the node at the bottom below itself."""
    paths = [parts.attachments.own.path for parts in (top, middle, bottom)]
    old, new = (
        Place(paths[1], middle.me.level.word, middle.me.territory),
        Place(paths[0], top.me.level.word, top.me.territory, "127.0.0.1:1"),
    )
    order = Order(
        format=ORDER_FORMAT, node=bottom.me.node, path=paths[2], incarnation=bottom.me.incarnation, old=old, new=new, serial=1,
        issuer=top.me.node, chain_pem=b"",
    )  # fmt: skip
    return give_order(order, top.attachments.signer())


def test_a_child_that_was_moved_away_holds_no_freeing_back_and_one_that_came_does(tmp_path: Path) -> None:
    folders = make_chain(tmp_path, hops=2, rules=Rules.PASS, now_us=SystemClock().wall_us())
    top, middle, bottom = (assemble(load_config(folder / "node.toml"), software="test") for folder in folders)
    with closing(top), closing(middle), closing(bottom):
        assert storage_of(middle)._rules.children() == {bottom.me.node}
        order = moved_up(top, middle, bottom)
        top.attachments.take(order.raw)
        middle.attachments.take(order.raw)
        assert storage_of(middle)._rules.children() == frozenset()
        assert storage_of(top)._rules.children() == {middle.me.node, bottom.me.node}
