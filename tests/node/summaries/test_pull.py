"""A summary over the tree: each record once, silent children named, hostile ones shut out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from node.store.marts import Marts
from node.summaries.errors import SummaryError
from node.summaries.keying import SketchKey, SketchKeys
from node.summaries.partial import Cell, CellState, pack
from node.summaries.pull import KEYED_VERB, PULL_VERB, Missing, SummaryDesk, TreeAnswer
from node.summaries.spec import SummarySpec
from node.tree.directory import Directory
from node.tree.queries import QueryDesk
from node.tree.routes import RouteDesk
from sync.core.messages import Answer, Query
from tests.node.shelf import Shelf

SPEC = SummarySpec("air-quality", 0, 3_600_000_000)
SUBTREES = {"grid-1": frozenset({"grid-1"}), "grid-2": frozenset({"grid-2", "post-2"})}


def cells(*values: float) -> list[CellState]:
    return pack({(0, "370202001", "pm25"): Cell.of(np.array(values), ["d1"], SketchKey(b"k" * 32))})


def answer(*values: float, contributed: Sequence[str], missing: Sequence[Missing] = ()) -> bytes:
    return msgspec.msgpack.encode(TreeAnswer(cells(*values), list(contributed), {}, list(missing)))


def keys_of(node: str, queries: QueryDesk) -> SketchKeys:
    """Keys of a node below `district` that is its own keeper: no other is asked."""
    routes = RouteDesk(node, "district", Directory(node), queries)
    return SketchKeys(node, "district", lambda: ("district", node), b"s" * 32, routes, cast("Any", None), lambda: bytes(16))


class Tree:
    """A street with two children whose answers are scripted; None is silence."""

    def __init__(self, shelf: Shelf, folder: Path, replies: Mapping[str, bytes | None], *, refusal: str = "") -> None:
        self.queries = QueryDesk(tell=self._tell)
        self.marts = Marts(folder / "marts", shelf.journal)
        self._replies = replies
        self.desk = SummaryDesk(
            node="street",
            depth=2,
            queries=self.queries,
            marts=self.marts,
            children=lambda: sorted(replies),
            subtree=SUBTREES.__getitem__,
            may_release=lambda resource: refusal,
            grade_max=lambda resource: 4,
            linked=lambda: sorted(replies),
            sketch_least=lambda resource, grade: 0,
            keys=keys_of("street", self.queries),
        )

    def _tell(self, child: str, query: Query) -> bool:
        reply = self._replies[child]
        if reply is None:
            return False
        asyncio.get_running_loop().call_soon(self.queries.answered, child, Answer(query.id, reply))
        return True

    async def pull(self) -> dict[str, object]:
        try:
            return await self.desk.pull(SPEC)
        finally:
            self.marts.close()


def own(shelf: Shelf, value: float, *, origin: str = "street") -> None:
    shelf.add(
        "air-quality", [{"event_time": 0, "territory": "370202001001", "device": "d9", "quantity": "pm25", "value": value}], origin=origin
    )


def counts(found: dict[str, object]) -> list[int]:
    rows = found["rows"]
    assert isinstance(rows, list)
    return [row[3] for row in rows]


async def test_children_and_own_records_are_added(shelf: Shelf, tmp_path: Path) -> None:
    own(shelf, 9.0)
    replies = {"grid-1": answer(1.0, 2.0, contributed=["grid-1"]), "grid-2": answer(3.0, contributed=["grid-2", "post-2"])}
    found = await Tree(shelf, tmp_path, replies).pull()
    assert counts(found) == [4]
    assert found["contributed"] == ["grid-1", "grid-2", "post-2", "street"]
    assert (found["missing"], found["stood_in"]) == ([], {})


async def test_what_a_child_counted_is_not_counted_here_again(shelf: Shelf, tmp_path: Path) -> None:
    own(shelf, 1.0, origin="grid-1")
    found = await Tree(shelf, tmp_path, {"grid-1": answer(1.0, contributed=["grid-1"])}).pull()
    assert counts(found) == [1]


async def test_a_silent_child_is_stood_in_for_by_name(shelf: Shelf, tmp_path: Path) -> None:
    own(shelf, 1.0, origin="grid-1")
    found = await Tree(shelf, tmp_path, {"grid-1": None}).pull()
    assert counts(found) == [1]
    assert found["stood_in"] == {"grid-1": "street"}
    assert found["missing"] == []


async def test_nodes_of_which_nothing_is_here_are_named_as_missing(shelf: Shelf, tmp_path: Path) -> None:
    found = await Tree(shelf, tmp_path, {"grid-2": None}).pull()
    assert found["missing"] == [
        {"node": "grid-2", "why": "grid-2 has no link"},
        {"node": "post-2", "why": "below grid-2: grid-2 has no link"},
    ]


async def test_what_a_child_missed_is_passed_on(shelf: Shelf, tmp_path: Path) -> None:
    replies = {"grid-2": answer(1.0, contributed=["grid-2"], missing=[Missing("post-2", "down")])}
    found = await Tree(shelf, tmp_path, replies).pull()
    assert found["missing"] == [{"node": "post-2", "why": "down"}]


@pytest.mark.parametrize("claimed", ["street", "grid-1"])
async def test_a_child_that_answers_for_others_keeps_none_of_their_records_out(shelf: Shelf, tmp_path: Path, claimed: str) -> None:
    own(shelf, 5.0)
    replies = {"grid-1": answer(1.0, contributed=["grid-1"]), "grid-2": answer(1e9, contributed=["grid-2", claimed])}
    found = await Tree(shelf, tmp_path, replies).pull()
    assert counts(found) == [2]
    assert {entry["node"] for entry in found["missing"]} == {"grid-2", "post-2"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("body", [b"", b"\xc1", b"not a summary", b"\x91" * 100_000])
async def test_one_child_that_answers_nonsense_does_not_spoil_the_whole(shelf: Shelf, tmp_path: Path, body: bytes) -> None:
    replies = {"grid-1": answer(1.0, contributed=["grid-1"]), "grid-2": body}
    found = await Tree(shelf, tmp_path, replies).pull()
    assert counts(found) == [1]
    assert len(found["missing"]) == 2  # type: ignore[arg-type]


async def test_a_damaged_sketch_makes_a_child_silent(shelf: Shelf, tmp_path: Path) -> None:
    (cell,) = cells(1.0)
    damaged = msgspec.structs.replace(cell, values=cell.values[:-1])
    replies = {"grid-1": msgspec.msgpack.encode(TreeAnswer([damaged], ["grid-1"], {}, []))}
    found = await Tree(shelf, tmp_path, replies).pull()
    assert counts(found) == []
    assert "sketch refused" in found["missing"][0]["why"]  # type: ignore[index]


async def test_the_parent_is_refused_with_the_reason_policy_gives(shelf: Shelf, tmp_path: Path) -> None:
    tree = Tree(shelf, tmp_path, {}, refusal="its outcome is aggregate")
    for verb, question in ((PULL_VERB, SPEC), (KEYED_VERB, {"spec": SPEC, "puller": "district", "keeper": "street"})):
        with pytest.raises(SummaryError, match="air-quality refused: its outcome is aggregate"):
            await tree.queries.handlers[verb](msgspec.json.encode(question))
    tree.marts.close()


async def test_a_parent_gets_the_partial_states(shelf: Shelf, tmp_path: Path) -> None:
    own(shelf, 4.0)
    tree = Tree(shelf, tmp_path, {})
    body = await tree.desk.answer_parent(msgspec.json.encode({"spec": SPEC, "puller": "district", "keeper": "street"}))
    tree.marts.close()
    found = msgspec.msgpack.decode(body, type=TreeAnswer)
    assert ([cell.count for cell in found.cells], found.contributed) == ([1], ["street"])
