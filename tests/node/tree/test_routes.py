"""Questions through the tree: each finds its way or ends with the name of the node that is away, whatever neighbours send."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from random import Random

import msgspec
import pytest

from node.errors import NodeError
from node.tree.directory import Directory, NodeStatus, encode_statuses
from node.tree.queries import QueryDesk, QueryError
from node.tree.routes import HOPS_MAX, PASSED_ON_AT_ONCE_MAX, ROUTE, Reply, Routed, RouteDesk, RouteRefused
from sync.core.messages import Answer, Query
from tests.node.station import until

TREE = {"p0": "", "m1": "p0", "m2": "p0", "d1": "m1", "d2": "m1", "s1": "d1", "s2": "d2", "s3": "m2"}


class Town:
    """Desks joined by calls; a link is down when both its ends are in `cut`."""

    def __init__(self) -> None:
        self.cut: set[frozenset[str]] = set()
        self.hops: list[tuple[str, str]] = []
        self.queries = {node: QueryDesk(tell=partial(self._tell, node)) for node in TREE}
        self.routes = {node: RouteDesk(node, TREE[node], directory(node), self.queries[node]) for node in TREE}
        for node, routes in self.routes.items():
            routes.answering["echo"] = partial(self._echo, node)

    async def _echo(self, node: str, body: bytes) -> bytes:
        return node.encode() + b" heard " + body

    def _tell(self, source: str, target: str, message: object) -> bool:
        if frozenset((source, target)) in self.cut:
            return False
        assert isinstance(message, Query)
        self.hops.append((source, target))

        def reply(answer: Answer) -> None:
            self.queries[source].answered(target, answer)

        self.queries[target].asked_by(source, message, reply)
        return True

    async def ask(self, source: str, target: str, verb: str = "echo") -> bytes:
        return await self.routes[source].ask(target, verb, b"hi", timeout_s=20.0)


def line_of(node: str) -> list[str]:
    """The nodes above."""
    return [] if not TREE[node] else [TREE[node], *line_of(TREE[node])]


def directory(node: str) -> Directory:
    """What a node knows: those above, and below each child."""
    found = Directory(node)
    found.heard_from_parent(encode_statuses([status(name) for name in line_of(node)]), 0)
    for child in (name for name, parent in TREE.items() if parent == node):
        below = [status(name) for name in TREE if name == child or child in line_of(name)]
        found.heard_from_child(child, encode_statuses(below), 0)
    return found


def status(node: str) -> NodeStatus:
    return NodeStatus(node, node, "street", "37", TREE[node], "1", "OK", [], 0, "test", "")


async def test_every_node_reaches_every_other() -> None:
    town = Town()
    for source in TREE:
        for target in TREE:
            assert await town.ask(source, target) == f"{target} heard hi".encode()


async def test_a_question_takes_the_shortest_way() -> None:
    town = Town()
    await town.ask("s1", "s2")
    assert town.hops == [("s1", "d1"), ("d1", "m1"), ("m1", "d2"), ("d2", "s2")]


@pytest.mark.parametrize(
    ("cut", "why"),
    [
        (("s2", "d2"), "d2: s2 cannot be reached, s2 is away"),
        (("m1", "d2"), "m1: s2 cannot be reached, d2 is away"),
        (("s1", "d1"), "s1: s2 cannot be reached, d1 is away"),
    ],
)
async def test_a_node_that_is_away_is_named_by_its_neighbour(cut: tuple[str, str], why: str) -> None:
    town = Town()
    town.cut = {frozenset(cut)}
    with pytest.raises(RouteRefused, match=why):
        await town.ask("s1", "s2")


async def test_a_node_that_nobody_knows_ends_at_the_top() -> None:
    with pytest.raises(RouteRefused, match="p0: no node s9 is known"):
        await Town().ask("s1", "s9")


async def test_a_refusal_says_who_refused() -> None:
    town = Town()

    async def refuse(_: bytes) -> bytes:
        raise NodeError("not for you")

    town.routes["s2"].answering["echo"] = refuse
    with pytest.raises(RouteRefused, match="s2: not for you"):
        await town.ask("s1", "s2")
    with pytest.raises(RouteRefused, match="s2: question 'dance' is not known"):
        await town.ask("s1", "s2", "dance")


async def test_a_question_never_goes_in_circles() -> None:
    """A node that believes another's child to be its own neighbour's would send questions back and forth."""
    town = Town()
    town.routes["d1"].directory = Directory("d1")
    with pytest.raises(RouteRefused, match="d1: no node s1 is known"):
        await town.ask("s2", "s1")
    assert len(town.hops) == 4 - 1
    town.hops.clear()
    with pytest.raises(RouteRefused, match="m1: no node s1 is known"):
        await town.ask("d1", "s1")
    assert town.hops == [("d1", "m1")]


@pytest.mark.parametrize("hops", [0, 1])
async def test_hops_and_time_are_bounded(hops: int) -> None:
    town = Town()
    spent = Routed("s2", "echo", hops, 20_000, b"")
    reply = await town.routes["m1"]._heard("d1", msgspec.msgpack.encode(spent))
    assert ("too far" in msgspec.msgpack.decode(reply, type=Reply).error) == (hops < 2)
    late = Routed("s2", "echo", HOPS_MAX, 10, b"")
    reply = await town.routes["m1"]._heard("d1", msgspec.msgpack.encode(late))
    assert "too far" in msgspec.msgpack.decode(reply, type=Reply).error


async def test_one_neighbour_cannot_take_every_place() -> None:
    town = Town()
    town.queries["m1"].tell = lambda peer, message: True
    asked = Routed("s2", "echo", HOPS_MAX, 60_000, b"")
    waiting = [asyncio.create_task(town.routes["m1"]._heard("d1", msgspec.msgpack.encode(asked))) for _ in range(4)]
    await until(lambda: town.routes["m1"]._passing["d1"] == PASSED_ON_AT_ONCE_MAX // 2)
    reply = await town.routes["m1"]._heard("d1", msgspec.msgpack.encode(asked))
    assert "busy" in msgspec.msgpack.decode(reply, type=Reply).error
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert town.routes["m1"]._passing.total() == 0


async def test_what_does_not_parse_is_refused() -> None:
    town, rng = Town(), Random(1)
    good = msgspec.msgpack.encode(Routed("s2", "echo", HOPS_MAX, 60_000, b"x"))
    for _ in range(300):
        bad = bytearray(good)
        bad[rng.randrange(len(bad))] = rng.randrange(256)
        with contextlib.suppress(QueryError):
            msgspec.msgpack.decode(await town.routes["m1"]._heard("d1", bytes(bad)), type=Reply)
    with pytest.raises(QueryError, match="does not parse"):
        await town.routes["m1"]._heard("d1", good[:-1])


async def test_an_answer_that_does_not_parse_is_the_neighbours_fault() -> None:
    town = Town()

    async def nonsense(peer: str, body: bytes) -> bytes:
        return b"\xc1"

    town.queries["d1"].neighbours[ROUTE] = nonsense
    with pytest.raises(RouteRefused, match="s1: d1 gave an answer that does not parse"):
        await town.ask("s1", "s2")
