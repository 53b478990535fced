"""Two real nodes: refusals that no memory holds any more reach the sender when its link begins, and each is entered once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.store import heard, queries
from sync.core import refusals
from sync.core.messages import Refused
from sync.model import DEFAULT_LIMITS, Direction, Lane, Span
from sync.model.writes import AppendRefusal
from sync.transport.mailbox import Group
from sync.wire.codec import decode
from tests.node.two_nodes import Pair, two_nodes

MADE = 9


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (heard, queries, refusals):
        monkeypatch.setattr(module, "REFUSALS_KEPT_MAX", 2)


def entered(pair: Pair) -> list[int]:
    statement = "SELECT span_upto FROM refusal WHERE by_peer = 1 ORDER BY id"
    return [upto for (upto,) in pair.child.journal.look("test", lambda db: db.execute(statement).fetchall())]


def told(pair: Pair) -> list[int]:
    messages = [decode(raw, DEFAULT_LIMITS) for raw in pair.down[Group.BULK].sent]
    return [message.span.upto for message in messages if isinstance(message, Refused)]


async def until(pair: Pair, wanted: list[int]) -> None:
    async with asyncio.timeout(10):
        while entered(pair) != wanted:  # noqa: ASYNC110 - the journal tells nobody that it has grown
            await asyncio.sleep(0.01)


async def test_every_refusal_is_heard_once_however_small_the_memory(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        pair.child.runtime.engine._desk.tops[Lane.BULK] = MADE
        refuse(pair, *range(1, MADE))
        pair.connect()
        # The engine began before these rows: what it would remember of them is not told, the rest is.
        await until(pair, list(range(1, MADE - 2)))
        assert told(pair) == list(range(1, MADE - 2))
        pair.sessions[0].end("once more")
        await pair.ended()
        refuse(pair, MADE)
        pair.connect()
        await until(pair, list(range(1, MADE - 1)))
        assert told(pair) == [MADE - 2]


def refuse(pair: Pair, *uptos: int) -> None:
    """The province refused frames of its city that end there."""
    city = pair.child.me
    pair.parent.journal.commit(
        [
            AppendRefusal(
                city.node, Direction.UP, Lane.BULK, Span(upto - 1, upto), 0, "air-quality", (), b"h" * 32, "no", b"v" * 32,
                by_peer=False, incarnation=city.incarnation,
            )
            for upto in uptos
        ]
    )  # fmt: skip
