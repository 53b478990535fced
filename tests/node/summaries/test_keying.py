"""Keys of distinct counts: shared by all below whoever pulls, kept from the puller, and never in the way of the other figures."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from node.identity.chance import new_nonce
from node.identity.files import IdentityFiles
from node.store.marts import Marts
from node.summaries.errors import SummaryError
from node.summaries.keying import KEY_VERB, KeyQuestion, SketchKeys, derived_key
from node.summaries.partial import Cell, unpack
from node.summaries.pull import COLUMNS, KEYED_VERB, PULL_VERB, SummaryDesk, TreeAnswer
from node.summaries.spec import SummarySpec
from node.tree.queries import QueryDesk
from node.tree.routes import RouteDesk
from sync.core.messages import Answer, Query
from tests.node.requests.borough import TREE, WALL_US, directory_of, identities, seal_of
from tests.node.shelf import Shelf, open_shelf

SPEC = SummarySpec("air-quality", 0, 3_600_000_000, territory_digits=4)
CITY, KEEPER, OTHER, BELOW = "qingdao", "shibei", "shinan", "badaguan"
"""The city pulls; of its districts the first by name keeps the key; a street below the other one."""


class Borough:
    """Six nodes with summaries; `old` ones run a program before keyed sketches. What passes the city is in `tap`."""

    def __init__(self, folder: Path, papers: dict[str, IdentityFiles]) -> None:
        self.old: set[str] = set()
        self.down: set[str] = set()
        self.tap: list[bytes] = []
        self.least: int | None = 0
        self.papers = papers
        self.queries = {node: QueryDesk(tell=partial(self._tell, node)) for node in TREE}
        self.keys = {node: self._keys(node) for node in TREE}
        self.shelves: dict[str, Shelf] = {}
        self.marts: dict[str, Marts] = {}
        self.desks = {node: self._desk(folder, node) for node in TREE}

    def _keys(self, node: str) -> SketchKeys:
        path = [node]
        while TREE[path[0]][2]:
            path.insert(0, TREE[path[0]][2])
        routes = RouteDesk(node, TREE[node][2], directory_of(node), self.queries[node])
        seal = seal_of(self.papers[node], lambda: WALL_US)
        return SketchKeys(node, TREE[node][2], lambda: tuple(path), node.encode() * 9, routes, seal, new_nonce)

    def _desk(self, folder: Path, node: str) -> SummaryDesk:
        (folder / f"{node}-data").mkdir()
        shelf = self.shelves[node] = open_shelf(folder / f"{node}-data", node=node)
        shelf.add("air-quality", [{"event_time": 0, "territory": "3702", "device": f"d{number}", "value": 1.0} for number in range(20)],
                  origin=node)  # fmt: skip
        self.marts[node] = Marts(folder / f"{node}-data" / "marts", shelf.journal)
        children = [child for child, place in TREE.items() if place[2] == node]
        return SummaryDesk(
            node=node,
            depth=int(TREE[node][0]),
            queries=self.queries[node],
            marts=self.marts[node],
            children=lambda: children,
            subtree=directory_of(node).subtree,
            linked=lambda: [child for child in children if child not in self.down],
            may_release=lambda resource: "",
            grade_max=lambda resource: 2,
            sketch_least=lambda resource, grade: self.least,
            keys=self.keys[node],
        )

    def _tell(self, source: str, target: str, query: object) -> bool:
        assert isinstance(query, Query)
        if {source, target} & self.down:
            return False

        def reply(answer: Answer) -> None:
            self.tap += [answer.body] * (CITY in (source, target))
            self.queries[source].answered(target, answer)

        if query.verb == KEYED_VERB and target in self.old:
            reply(Answer(query.id, b"", f"question {query.verb!r} is not known to this version"))
        elif query.verb in self.queries[target].handlers:
            self.queries[target].asked(query, reply)
        else:
            self.queries[target].asked_by(source, query, reply)
        return True

    async def distinct(self, node: str = CITY) -> tuple[int, int | None]:
        """Records and distinct devices that a pull finds."""
        answer = await self.desks[node].pull(SPEC)
        (row,) = cast("list[list[Any]]", answer["rows"])
        return row[COLUMNS.index("count")], row[COLUMNS.index("distinct_devices")]

    async def told(self, node: str, verb: str, body: bytes) -> list[Cell]:
        """The cells that a node answers to its parent."""
        answer = await self.queries[node].handlers[verb](body)
        return list(unpack(msgspec.msgpack.decode(answer, type=TreeAnswer).cells).values())


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Borough]:
    folder = tmp_path_factory.mktemp("borough")
    found = Borough(folder, identities(folder))
    yield found
    for node, marts in found.marts.items():
        marts.close()
        found.shelves[node].journal.close()


@pytest.fixture
def borough(town: Borough) -> Borough:
    """The town, with nothing left of the test before: keys, cuts and old programs."""
    town.old, town.down, town.tap, town.least = set(), set(), [], 0
    for keys in town.keys.values():
        keys._known.clear()
    return town


def terms(puller: str = CITY, keeper: str = KEEPER) -> bytes:
    return msgspec.json.encode({"spec": SPEC, "puller": puller, "keeper": keeper})


async def test_all_below_the_puller_come_to_one_key_and_the_puller_never_sees_it(borough: Borough) -> None:
    key = derived_key(borough.keys[KEEPER].secret, puller=CITY, resource="air-quality")
    assert [await borough.keys[node].of(CITY, KEEPER, "air-quality") for node in (KEEPER, OTHER, BELOW)] == [key, key, key]
    assert await borough.keys[CITY].of(CITY, KEEPER, "air-quality") is None
    assert borough.tap
    assert not any(key.secret in body for body in borough.tap)


async def test_distinct_counts_of_children_merge_over_two_levels(borough: Borough) -> None:
    (cell,) = await borough.told(OTHER, KEYED_VERB, terms())
    assert cell.distinct is not None
    assert (cell.count, round(cell.distinct.sketch.get_estimate())) == (40, 20)


async def test_what_the_puller_counts_itself_does_not_merge_and_the_other_figures_stay(borough: Borough) -> None:
    assert await borough.distinct() == (100, None)
    assert (await borough.desks[CITY].pull(SPEC))["uncounted"] == 1


async def test_a_node_alone_counts_for_itself(borough: Borough) -> None:
    assert await borough.distinct(BELOW) == (20, 20)


async def test_neither_the_puller_nor_a_node_beside_it_is_given_the_key(borough: Borough) -> None:
    for asker in (CITY, "shandong"):
        keys = borough.keys[asker]
        question = KeyQuestion(puller=CITY, keeper=KEEPER, resource="air-quality", asker=asker, nonce=new_nonce())
        with pytest.raises(Exception, match=f"{asker} and {KEEPER} are not both below {CITY}"):
            await keys._routed(KEEPER, question)


async def test_a_question_signed_by_another_is_refused(borough: Borough) -> None:
    question = KeyQuestion(puller=CITY, keeper=KEEPER, resource="air-quality", asker=OTHER, nonce=new_nonce())
    with pytest.raises(Exception, match=f"a question of {OTHER} was signed by {CITY}"):
        await borough.keys[CITY]._routed(KEEPER, question)


async def test_an_answer_of_somebody_else_is_no_key(borough: Borough) -> None:
    keys = borough.keys[OTHER]
    question = KeyQuestion(puller=CITY, keeper=KEEPER, resource="air-quality", asker=OTHER, nonce=new_nonce())
    answer = await keys._routed(KEEPER, question)
    with pytest.raises(Exception, match="no answer to what was asked"):
        keys._opened(answer, question, BELOW)
    with pytest.raises(Exception, match="no answer to what was asked"):
        keys._opened(answer, msgspec.structs.replace(question, nonce=new_nonce()), KEEPER)


async def test_without_its_keeper_a_pull_has_every_figure_but_that_one(borough: Borough) -> None:
    borough.down.add(KEEPER)
    (cell,) = await borough.told(OTHER, KEYED_VERB, terms())
    assert (cell.count, cell.distinct) == (40, None)


async def test_a_key_is_asked_for_once(borough: Borough) -> None:
    assert await borough.keys[BELOW].of(CITY, KEEPER, "air-quality") is not None
    borough.down.add(CITY)
    assert await borough.keys[BELOW].of(CITY, KEEPER, "air-quality") is not None


async def test_a_parent_of_an_older_program_is_told_under_a_key_all_the_same(borough: Borough) -> None:
    (cell,) = await borough.told(OTHER, PULL_VERB, msgspec.json.encode(SPEC))
    own = derived_key(borough.keys[OTHER].secret, puller=CITY, resource="air-quality")
    assert cell.distinct is not None
    assert (cell.distinct.key, round(cell.distinct.sketch.get_estimate())) == (own.id, 20)


async def test_a_parent_of_an_older_program_is_refused_where_a_count_may_not_be_told(borough: Borough) -> None:
    borough.least = None
    with pytest.raises(SummaryError, match="takes none without; update it"):
        await borough.told(OTHER, PULL_VERB, msgspec.json.encode(SPEC))


async def test_a_child_of_an_older_program_is_asked_as_it_knows(borough: Borough) -> None:
    borough.old.add(BELOW)
    (cell,) = await borough.told(OTHER, KEYED_VERB, terms())
    assert (cell.count, cell.distinct) == (40, None)


@pytest.mark.parametrize(("least", "is_told"), [(20, True), (21, False), (None, False)])
async def test_a_sketch_of_too_few_ids_for_its_grade_does_not_leave(borough: Borough, least: int | None, is_told: bool) -> None:
    borough.least = least
    (cell,) = await borough.told(BELOW, KEYED_VERB, terms())
    assert (cell.distinct is not None) is is_told


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\x91" * 10_000])
async def test_a_question_of_nonsense_is_refused(borough: Borough, body: bytes) -> None:
    with pytest.raises(Exception, match="does not parse"):
        await borough.keys[KEEPER].answer(body)
    assert KEY_VERB in borough.keys[KEEPER].routes.answering
