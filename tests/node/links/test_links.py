"""Links of two real nodes: opened, told, replaced, fenced, and closed with a reason."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.links.links import URGENT_BODY_BYTES_MAX
from sync.core.messages import Answer
from sync.transport.mailbox import Group
from tests.node.station import until
from tests.node.two_nodes import Pair, two_nodes

pytestmark = pytest.mark.slow


async def linked(pair: Pair) -> None:
    pair.connect()
    await until(lambda: pair.parent.links.is_linked("city") and pair.child.links.link_status().state == "up")


async def test_a_child_opens_a_link_and_both_ends_know_who_is_there(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        await linked(pair)
        facts = pair.parent.links.facts_of("city")
        assert facts is not None
        assert (facts.incarnation, facts.is_parent, pair.parent.links.children()) == (pair.child.me.incarnation, False, ["city"])


async def test_a_newer_session_of_a_child_ends_the_one_before(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        await linked(pair)
        older, ends = pair.sessions[0], list(pair.ends)
        pair.connect()
        assert "opened a newer session" in await older.closed
        await asyncio.wait(ends)
        await until(lambda: pair.parent.links.is_linked("city"))


async def test_a_long_answer_goes_with_the_bulk_and_a_short_one_before_it(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        await linked(pair)
        long, short = bytes(URGENT_BODY_BYTES_MAX + 1), b"short"
        assert pair.parent.links.tell("city", Answer(1, long))
        assert pair.parent.links.tell("city", Answer(2, short))
        await until(lambda: any(short in data for data in pair.down[Group.URGENT].sent))
        await until(lambda: any(long in data for data in pair.down[Group.BULK].sent))
        assert not any(long in data for data in pair.down[Group.URGENT].sent)


async def test_nothing_is_told_to_a_node_without_a_link(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        assert not pair.parent.links.tell("city", Answer(1, b""))


async def test_renewed_certificates_open_the_uplink_again(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        await linked(pair)
        pair.child.links.renew_uplink()
        await pair.ends[1]
        assert "certificate was renewed" in pair.sessions[1].closed.result()
        assert not pair.child.links.is_linked("province")
