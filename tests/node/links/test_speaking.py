"""What an open link does by itself: heartbeats, an end with the peer's certificate, and an end when nothing can be sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.links.speaking import _rate_bytes_s
from sync.core.messages import Answer, Heartbeat
from sync.core.outbox import LinkPace
from sync.core.window import RATE_ASSUMED_BYTES_S
from sync.transport.mailbox import Group
from sync.wire.codec import decode
from tests.node.station import until
from tests.node.two_nodes import two_nodes


@pytest.mark.slow
async def test_both_ends_say_that_they_live_and_what_they_know(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        pair.connect()
        for pipes in (pair.up, pair.down):
            await until(lambda pipes=pipes: any(isinstance(decode(data), Heartbeat) for data in pipes[Group.URGENT].sent))  # type: ignore[misc]
        await until(lambda: pair.parent.directory.subtree("city") == {"city"})


@pytest.mark.slow
async def test_a_session_ends_with_the_certificate_that_the_peer_showed(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        pair.connect(not_after_us=1)
        assert "certificate that city showed has ended" in await pair.ended()


@pytest.mark.slow
async def test_a_message_that_cannot_be_encoded_ends_the_link_instead_of_silencing_it(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        pair.connect()
        await until(lambda: pair.parent.links.is_linked("city"))
        pair.parent.links.tell("city", Answer(-1, b""))
        assert "nothing more can be sent" in await pair.ended()


@pytest.mark.parametrize(
    ("pace", "counted"),
    [
        (None, 0.0),
        (LinkPace(0, 16_384, 0, 0.0, ()), 0.0),
        (LinkPace(0, 16_384, 4_000, 0.0, ()), RATE_ASSUMED_BYTES_S),
        (LinkPace(90_000, 16_384, 4_000, 0.1, ()), 90_000),
    ],
)
def test_heartbeats_trust_an_unmeasured_link_that_is_busy_to_be_a_thin_one(pace: LinkPace | None, counted: float) -> None:
    assert _rate_bytes_s(pace) == counted
