"""Receipts follow the share ledgers along a chain of four levels until everybody answered."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from node.recall.closure import open_lists
from node.recall.desk import OPEN
from node.recall.errors import RecallUnknown
from node.recall.kind import RECALL
from node.recall.views import RecallViews
from sync.model import Direction, Lane, Level, Span
from sync.model.writes import OutMark, SetOutMark
from tests.contracts.batches import entry as ledger_entry
from tests.contracts.batches import run
from tests.node.cases.town import Town
from tests.node.recall.holder import RESOURCE, Holder, Issuing, air, entry

PARENTS = {"badaguan": "shinan", "shinan": "qingdao", "qingdao": "shandong"}


@pytest.mark.slow
async def test_receipts_follow_the_ledgers_until_everybody_answered(
    holder: Callable[..., Holder], town: Town, province: Issuing
) -> None:
    desks = {"shandong": town.add("shandong", "37")}
    for node, territory, parent in (("qingdao", "3702", "shandong"), ("shinan", "370202", "qingdao"), ("badaguan", "370202006", "shinan")):
        desks[node] = town.add(node, territory, parent)
    levels = {"shandong": Level.PROVINCIAL, "qingdao": Level.MUNICIPAL, "shinan": Level.DISTRICT, "badaguan": Level.STREET}
    nodes = {node: holder(node, level, desks[node]) for node, level in levels.items()}
    for distance, node in enumerate(reversed(levels)):
        stored = nodes[node].hold(air(5.0, 150.0), origin="badaguan", distance=distance)
        source = [*levels, "badaguan"][[*levels].index(node) + 1]
        parent = PARENTS.get(node, "")
        _as_sent(nodes[node], source, parent, last=2, lsn=stored.lsn)
    province.list(entry())
    async with AsyncExitStack() as stack:
        rooms = {node: await stack.enter_async_context(one.running()) for node, one in nodes.items()}
        for node in ("shandong", "badaguan", "qingdao"):
            nodes[node].take(province)
            await rooms[node].round()
        await town.carry()
        top = rooms["shandong"]
        await top.round()
        shown = RecallViews(top).shown("NL-1")
        assert (shown["expected"], shown["answered"], shown["missing"]) == (4, 3, ["shinan"])
        assert top.troubles() == [OPEN]
        assert (shown["is_open"], RecallViews(rooms["badaguan"]).shown("NL-1")["is_open"]) == (True, False)
        nodes["shinan"].take(province)
        await rooms["shinan"].round()
        await town.carry()
        await top.round()
        shown = RecallViews(top).shown("NL-1")
        assert (shown["share"], shown["missing"], top.troubles()) == (1.0, [], [])
        assert {one["node"]: (one["erased"], one["kept"], one["onward"]) for one in shown["receipts"]} == {
            "shandong": (1, 0, {}), "qingdao": (1, 0, {"shandong": 1}), "shinan": (1, 0, {"qingdao": 1}), "badaguan": (0, 1, {"shinan": 1}),
        }  # fmt: skip
        with pytest.raises(RecallUnknown, match="NL-2"):
            RecallViews(top).shown("NL-2")
    assert list(open_lists(top.cases.register.cases(RECALL, limit=10))) == [shown["order"]]


def _as_sent(one: Holder, source: str, parent: str, *, last: int, lsn: int) -> None:
    """Let a holder's books say that its batch came from `source` and went to `parent`."""
    journal = one.shelf.journal
    journal.enter("test", lambda db: db.execute("UPDATE batch SET source = ? WHERE lsn = ?", (source, lsn)))
    if not parent:
        return
    made = ledger_entry(Span(0, lsn), [replace(run(1, last, origin="badaguan"), incarnation=7)], peer=parent)
    mark = SetOutMark(parent, Direction.UP, Lane.BULK, OutMark(lsn, 0, lsn))
    journal.commit([replace(made, entry=replace(made.entry, resource=RESOURCE)), mark])
