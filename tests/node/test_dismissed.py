"""A node that an order moved away opens its old link: it hears the order and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.attachment.desk import MovedAway
from node.attachment.orders import ORDER_FORMAT, Order, Place, Reattached, give_order
from sync.core.messages import Stop
from sync.model import DEFAULT_LIMITS
from sync.transport.mailbox import Group
from sync.wire.codec import decode, encode
from tests.node.two_nodes import Pair, two_nodes


def order_away(pair: Pair) -> Order:
    """The province puts its city below a node that it has never met."""
    top, city = pair.parent, pair.child
    old = Place(top.attachments.own.path, top.me.level.word, top.me.territory)
    new = Place((*old.path, "elsewhere"), top.me.level.word, top.me.territory, "127.0.0.1:9")
    order = Order(
        format=ORDER_FORMAT, node=city.me.node, path=city.attachments.own.path, incarnation=city.me.incarnation, old=old, new=new, serial=1,
        issuer=top.me.node, chain_pem=b"",
    )  # fmt: skip
    return give_order(order, top.attachments.signer())


async def test_the_order_comes_with_the_refusal_and_is_obeyed(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        order = order_away(pair)
        pair.parent.attachments.take(order.raw)
        moved: asyncio.Future[Reattached] = asyncio.get_running_loop().create_future()
        pair.child.attachments.on_moved = moved.set_result
        with pytest.raises(MovedAway):
            pair.parent.authorise_child(pair.child.tls().chain_pem, pair.child.me.node)
        pair.connect()
        assert "elsewhere (127.0.0.1:9)" in str(await moved)
        assert "stands elsewhere by order and was told so" in await pair.ended()
        assert pair.child.attachments.book.of(pair.child.me.node) == order
        (told,) = pair.down[Group.URGENT].sent
        assert decode(told, DEFAULT_LIMITS) == Stop(order.fence(), order.raw)
        assert pair.down[Group.BULK].sent == []


async def test_a_forged_order_that_comes_with_a_refusal_changes_nothing(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        raw = order_away(pair).raw.replace(b"127.0.0.1", b"127.0.0.2")
        pair.child.attachments.on_moved = lambda error: pytest.fail("a forged order was obeyed")
        pair.connect(dismissal=encode(Stop("go away", raw)))
        await pair.ended()
        with pytest.raises(Exception, match="refused the link: go away"):
            pair.ends[1].result()
        assert pair.child.attachments.book.of(pair.child.me.node) is None
