"""The verbs of the local API that move nodes: `attach` gives an order, `attach_order` takes one from a file. Called by node/api.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from node.attachment.desk import AttachmentDesk
from node.attachment.orders import ADDRESS_CHARS_MAX, ORDER_BYTES_MAX, Order

Plain = dict[str, Any]
NodeId = Annotated[str, Meta(max_length=63)]


class Attach(msgspec.Struct, forbid_unknown_fields=True):
    """Give a node another parent."""

    node: NodeId
    old: NodeId
    new: NodeId
    address: Annotated[str, Meta(max_length=ADDRESS_CHARS_MAX)] = ""


class AttachOrder(msgspec.Struct, forbid_unknown_fields=True):
    """An order from a file."""

    order: Annotated[str, Meta(max_length=ORDER_BYTES_MAX)]


class AttachVerbs:
    """Answers the verbs; `desk` is asked for when one is called."""

    def __init__(self, desk: Callable[[], AttachmentDesk]) -> None:
        self._desk = desk
        self.table: dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]] = {
            "attach": (Attach, self._attach),
            "attach_order": (AttachOrder, self._take),
        }

    async def _attach(self, asked: Attach) -> Plain:
        return as_json(self._desk().give(asked.node, old=asked.old, new=asked.new, address=asked.address), is_news=True)

    async def _take(self, asked: AttachOrder) -> Plain:
        raw = asked.order.encode()
        taken = self._desk().take(raw)
        return as_json(taken or msgspec.json.decode(raw, type=Order), is_news=taken is not None)


def as_json(order: Order, *, is_news: bool) -> Plain:
    """An order as the local API and --json show it."""
    return {
        "node": order.node,
        "from": order.old.node,
        "to": order.new.node,
        "address": order.new.address,
        "serial": order.serial,
        "issuer": order.issuer,
        "is_news": is_news,
        "order": order.raw.decode(),
    }
