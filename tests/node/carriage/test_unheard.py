"""Two nodes that only files connect: refusals that no memory holds any more come with the next receipt, each once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from node.carriage.office import Office
from node.carriage.papers import Paper
from node.config.config import NodeConfig
from node.store import heard, queries
from node.store.file import read_meta
from node.store.journal import open_journal
from sync.core import refusals
from sync.core.messages import Message
from sync.model import Direction, Lane, Span
from sync.model.writes import AppendRefusal
from tests.node.carriage.test_renewing import CHILD, PARENT, Pair, pair
from tests.node.station import call

__all__ = ["pair"]

BATCHES = 5


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (heard, queries, refusals):
        monkeypatch.setattr(module, "REFUSALS_KEPT_MAX", 2)


def life(config: NodeConfig) -> tuple[Path, int]:
    path = config.data_dir / "journal.db"
    with closing(sqlite3.connect(path)) as connection:
        return path, int(read_meta(connection, path)["incarnation"])


def refuse(pair: Pair, uptos: range) -> None:
    """The parent refused frames of its child that end there; nobody was told."""
    (path, own), (_, sender) = life(pair.parent), life(pair.child)
    with closing(open_journal(path, node=pair.parent.node.id, incarnation=own)) as journal:
        journal.commit(
            [
                AppendRefusal(
                    CHILD, Direction.UP, Lane.BULK, Span(upto - 1, upto), 0, "air-quality", (), b"h" * 32, "no", b"v" * 32, by_peer=False,
                    incarnation=sender,
                )
                for upto in uptos
            ]
        )  # fmt: skip


def entered(pair: Pair) -> list[int]:
    with closing(sqlite3.connect(life(pair.child)[0])) as connection:
        return [upto for (upto,) in connection.execute("SELECT span_upto FROM refusal WHERE by_peer = 1 ORDER BY id")]


@pytest.mark.slow
async def test_a_receipt_brings_every_refusal_that_was_not_entered_yet(pair: Pair) -> None:
    async with pair.both_running():
        await pair.carry()
        for number in range(BATCHES):
            await pair.put(float(number))
        await pair.carry()
    assert entered(pair) == []
    refuse(pair, range(1, BATCHES + 1))
    async with pair.both_running():
        await pair.carry()
        await pair.carry()
    assert entered(pair) == list(range(1, BATCHES + 1))


@pytest.mark.slow
async def test_data_that_the_engine_sends_while_refusals_are_looked_up_is_in_the_file(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = Office.unheard

    async def slow(office: Office, paper: Paper) -> list[Message]:
        found = await look_up(office, paper)
        for _ in range(3):  # until the job of the link is back and its frames are out
            await office.parts.runtime.wait_for_room(PARENT, 1)
            await office.parts.runtime.ask(lambda engine, now: None)
        return found

    monkeypatch.setattr(Office, "unheard", slow)
    async with pair.both_running():
        await pair.carry()
        await pair.put(1.0)
        await pair.carry()
        found = await call(pair.parent, "readings", resource="air-quality")
    assert len(found["rows"]) == 1  # type: ignore[arg-type]
