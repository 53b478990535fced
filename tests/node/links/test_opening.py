"""How a link begins: a peer that ends or babbles in the handshake gets no link, and the reason names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.links.opening import UNKNOWN_AT_FIRST_MAX
from sync.model import LinkError
from sync.transport.mailbox import Group
from sync.wire import yunnao_pb2 as pb
from tests.node.station import until
from tests.node.two_nodes import two_nodes

pytestmark = pytest.mark.slow

FROM_THE_FUTURE = b"\x08\x01\xfa\x3e\x02\x08\x01"
"""An envelope of format 1 whose body is field 1007: a message that a newer program may send."""


def test_the_message_from_the_future_has_no_body_that_is_known_here() -> None:
    assert pb.Envelope.FromString(FROM_THE_FUTURE).WhichOneof("body") is None


async def test_a_session_that_ends_in_the_handshake_is_no_link(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        pair.connect()
        pair.ends[1].cancel()
        for pipe in pair.down.values():
            pipe.put(None)
        with pytest.raises(LinkError):
            await pair.ends[0]
        assert not pair.parent.links.is_linked("city")


async def test_a_peer_that_says_nothing_known_instead_of_a_handshake_is_refused(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        pair.connect()
        pair.ends[1].cancel()
        for _ in range(UNKNOWN_AT_FIRST_MAX):
            pair.down[Group.URGENT].put(FROM_THE_FUTURE)
        with pytest.raises(LinkError, match="instead of a handshake"):
            await pair.ends[0]


async def test_the_engine_learns_of_the_link_with_the_incarnation_of_the_peer(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        pair.connect()
        await until(lambda: pair.parent.runtime.engine.link_peers() == ["city"])
        await until(lambda: pair.child.runtime.engine.link_peers() == ["province"])
