"""What a peer says on an open link: it reaches whom it concerns, at a pace that leaves the others their turn."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.links.hearing import Hearing
from node.links.newer import NewerWords
from node.links.peer import MESSAGES_BURST, MESSAGES_PER_S, Peer
from policies.slice_wire import decode as decode_slice
from sync.core.bearers import Standing
from sync.core.messages import Bundles, Data, Heartbeat, Wants
from sync.model import HybridTime, WireError
from sync.transport.mailbox import Group
from sync.wire.codec import decode, encode
from tests.node.links.test_opening import FROM_THE_FUTURE
from tests.node.station import until
from tests.node.two_nodes import Pair, two_nodes
from tests.sync.wire.samples import sample_frame

pytestmark = pytest.mark.slow


async def linked(pair: Pair) -> None:
    pair.connect()
    await until(lambda: pair.parent.links.is_linked("city") and pair.child.links.is_linked("province"))


async def test_words_of_a_newer_program_are_counted_and_the_link_goes_on(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        await linked(pair)
        pair.down[Group.URGENT].put(FROM_THE_FUTURE)
        await until(lambda: [fact["peer"] for fact in pair.parent.links.newer.facts()] == ["city"])
        assert pair.parent.links.is_linked("city")


async def test_garbage_ends_the_link_with_a_reason(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        await linked(pair)
        pair.down[Group.BULK].put(b"\xff" * 40)
        await pair.ended()
        assert isinstance(pair.ends[0].exception().__cause__, WireError)  # type: ignore[union-attr]


async def test_a_child_that_wants_slices_is_sent_them_on_the_open_link(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        await linked(pair)
        before = len(pair.down[Group.URGENT].sent)
        pair.down[Group.URGENT].put(encode(Wants(("residents",), lacking=True)))
        await until(lambda: any(slices_in(data) for data in pair.down[Group.URGENT].sent[before:]))
        assert pair.parent.links.is_linked("city")


def slices_in(data: bytes) -> list[frozenset[str] | None]:
    message = decode(data)
    return [decode_slice(part, lambda issuer: {}).codes for part in message.slices] if isinstance(message, Bundles) else []


async def test_the_rules_of_what_a_frame_is_of_are_asked_for(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        await linked(pair)
        asked: list[str] = []
        pair.parent.policy.needed = lambda resource: bool(asked.append(resource))  # type: ignore[func-returns-value]
        pair.down[Group.BULK].put(encode(Data(sample_frame())))
        await until(lambda: asked == [sample_frame().batch.header.resource])


async def test_what_a_child_says_of_its_subtree_reaches_the_engine_once(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        await linked(pair)
        await until(lambda: pair.parent.runtime.engine.standing.subtrees.get("city") == frozenset({"city"}))


async def test_a_flood_is_heard_at_the_pace_of_its_budget(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        await linked(pair)
        peer: Peer = pair.parent.links._peers["city"]
        hearing = Hearing(pair.parent.links._context, NewerWords(), lambda name, message: True, lambda name, held_s: None)
        flood = int(MESSAGES_BURST) + 50

        async def messages() -> object:
            for _ in range(flood):
                yield encode(Heartbeat(b"[]", HybridTime(1)))

        began = asyncio.get_running_loop().time()
        await hearing._read_one(peer, messages())  # type: ignore[arg-type]
        assert asyncio.get_running_loop().time() - began >= 40 / MESSAGES_PER_S


async def test_after_an_order_a_child_that_says_what_it_said_before_is_news(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        await linked(pair)
        runtime = pair.parent.runtime
        await until(lambda: runtime.engine.standing.subtrees.get("city") == frozenset({"city"}))
        pair.parent.attachments.on_standing(Standing({}, frozenset()))
        await until(lambda: runtime.engine.standing.subtrees == {})
        await until(lambda: runtime.engine.standing.subtrees.get("city") == frozenset({"city"}))
