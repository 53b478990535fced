"""Two desks over real journals: a neighbour whose own copy is damaged says `later`, and what is lost is asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from node.repair import rounds
from node.repair.desk import RepairDesk
from node.repair.giving import Giver
from node.repair.wire import REPAIR, AskedRun, Question, Reply, read
from node.store import aside
from node.store.aside import Damage
from sync.core.messages import Answer, Query
from sync.core.ready import PeerFacts
from sync.model import BatchHeader, Lane
from sync.ports import RESEED_PURPOSE, Flow, Outcome
from tests.node.equality.city import CHILD, PARENT, City, city
from tests.node.repair.test_repair import facts, flip, lost, question, set_aside
from tests.sync.core.rig import RigGate


class ForReseed(RigGate):
    """Gives everything back to whoever brought it."""

    def glance(self, flow: Flow, header: BatchHeader) -> Outcome | None:
        return Outcome.WHOLE if flow.purpose == RESEED_PURPOSE else super().glance(flow, header)


class RigRuntime:
    """The part of node/runtime.py that a desk asks, over the turns of the rig."""

    def __init__(self, made: City, node: str) -> None:
        self._made, self._node = made, node

    async def ask(self, apply: Any) -> Any:
        answer = apply(self._made.rig.stations[self._node].engine, self._made.rig.now)
        self._made.rig.settle(seconds=5)
        return answer


class Pair:
    """A city with the repair desks of both nodes; a question to the parent's parent ends at `above`."""

    def __init__(self, made: City) -> None:
        self.made = made
        self.above: Any = lambda question: Reply()
        self.asked_above: list[Question] = []
        self.desks = {CHILD: self._desk(CHILD, PARENT), PARENT: self._desk(PARENT, "")}
        for node, desk in self.desks.items():
            made.queries[node].neighbours[REPAIR] = desk.answer

    def _desk(self, node: str, parent: str) -> RepairDesk:
        other = CHILD if node == PARENT else PARENT
        pipeline = self.made.rig.stations[node].pipeline
        giver = Giver(self.made.journals[node], pipeline, lambda: self.made.rig.stations[node].gate.version)
        return RepairDesk(
            node=node, parent=parent, journal=self.made.journals[node], runtime=cast(Any, RigRuntime(self.made, node)),
            queries=self.made.queries[node], giver=giver, facts=lambda peer: facts(self.made, peer, is_parent=peer == PARENT),
            linked=lambda: [other] if node == PARENT else [], is_child=lambda peer: peer == CHILD,
        )  # fmt: skip

    def with_grandparent(self) -> None:
        """Give the parent a parent, which answers by `above`."""
        queries = self.made.queries[PARENT]
        down = queries.tell

        def tell(peer: str, query: Query) -> bool:
            if peer != "shandong":
                return down(peer, query)
            self.asked_above.append(read(query.body, Question))
            queries.answered(peer, Answer(query.id, msgspec.msgpack.encode(self.above(self.asked_above[-1]))))
            return True

        queries.tell = tell
        self.desks[PARENT]._asking.parent = "shandong"

    def damage(self, node: str) -> Damage:
        return self.made.journals[node].look("test", aside.damage)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with city(tmp_path) as made:
        yield Pair(made)


async def test_a_neighbour_whose_own_copy_is_damaged_says_later_and_nobody_gives_up(pair: Pair) -> None:
    pair.made.offer([1.0, 2.0])
    flip(pair.made, CHILD, 1)
    flip(pair.made, PARENT, 1)
    set_aside(pair.made, CHILD, 1)
    set_aside(pair.made, PARENT, 1)
    await pair.desks[PARENT].round()
    assert pair.damage(PARENT) == Damage(asked=1)
    (missing,) = pair.desks[PARENT].missing()
    assert (missing.records, missing.is_lost, missing.said) == (2, False, {CHILD: "later"})


async def test_two_that_wait_for_each_other_count_as_lost_after_some_rounds_and_go_on_asking(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rounds.PAUSE_S, rounds.Outcome.LATER, 0.0)
    pair.made.offer([1.0])
    before = pair.made.journals[CHILD].batch(1)
    assert before is not None
    for node in (CHILD, PARENT):
        flip(pair.made, node, 1)
    set_aside(pair.made, CHILD, 1)
    set_aside(pair.made, PARENT, 1)
    for _ in range(rounds.LATER_ROUNDS_MAX):
        await pair.desks[PARENT].round()
    assert (pair.damage(PARENT), pair.desks[PARENT].missing()[0].is_lost) == (Damage(lost=1), True)
    # The child's bytes come from a backup; its next session makes the parent ask it at once.
    pair.made.rig.stations[CHILD].engine.put_back(before, was_told=False, passed=frozenset(), now=pair.made.rig.now)
    pair.made.rig.settle(seconds=5)
    await pair.desks[PARENT].round()
    assert pair.damage(PARENT) == Damage(lost=1)  # an hour lies between two rounds
    pair.desks[PARENT].met(CHILD)
    await pair.desks[PARENT].round()
    assert (pair.damage(PARENT), lost(pair.made, PARENT), pair.desks[PARENT].missing()) == (Damage(), 0, [])
    assert pair.made.rig.values(PARENT) == [1.0]


async def test_an_answer_without_the_word_is_one_of_an_older_program_and_means_nothing_is_there() -> None:
    assert read(msgspec.msgpack.encode({"payload": b"", "resent": 0}), Reply) == Reply(later=False)


async def test_a_child_that_was_moved_away_is_waited_for_no_more(pair: Pair) -> None:
    pair.made.offer([1.0])
    flip(pair.made, PARENT, 1)
    set_aside(pair.made, PARENT, 1)
    desk = pair.desks[PARENT]
    desk._asking.is_child, desk._asking.linked = (lambda peer: False), list
    await desk.round()
    assert pair.damage(PARENT) == Damage(lost=1)


async def ask(pair: Pair, *, origin: str, below: str = CHILD) -> Reply:
    desk = pair.desks[PARENT]
    child = PeerFacts(CHILD, 1, facts(pair.made, CHILD, is_parent=False).level, "37", is_parent=False, subtree=frozenset({CHILD, below}))
    desk.facts = lambda peer: child
    asked = Question(b"h" * 32, "air-quality", int(Lane.EVENT), [AskedRun(origin, 1, 1, 2)])
    return read(await desk.answer(CHILD, msgspec.msgpack.encode(asked)), Reply)


async def test_what_a_parent_has_not_it_asks_its_own_parent_for_and_keeps_nothing_of(pair: Pair) -> None:
    pair.with_grandparent()
    pair.made.offer([1.0])
    before = pair.made.journals[PARENT].batch(1)
    assert before is not None
    flip(pair.made, CHILD, 1)
    entry = set_aside(pair.made, CHILD, 1)
    pair.made.journals[PARENT]._writer.execute("UPDATE batch SET source = 'elsewhere'")
    pair.made.journals[PARENT]._writer.execute("UPDATE ledger SET peer = 'elsewhere'")
    frame = before.batch.header.payload_sha256  # as it left, which is another packing than the child's
    pair.above = lambda asked: Reply(before.batch.payload if asked.payload_sha256 == frame else b"")
    pair.made.rig.stations[PARENT].gate.closed = frozenset({"air-quality"})  # this one may not give what another brought
    await pair.desks[CHILD].round()
    assert (pair.damage(CHILD), pair.made.rig.values(CHILD)) == (Damage(), [1.0])
    assert [asked.payload_sha256 for asked in pair.asked_above] == [question(pair.made, entry).payload_sha256, frame]


async def test_bytes_of_another_hash_are_not_passed_on(pair: Pair) -> None:
    pair.with_grandparent()
    pair.above = lambda asked: Reply(b"other bytes")
    assert await ask(pair, origin=CHILD) == Reply()


async def test_a_child_may_not_ask_onward_for_records_of_others(pair: Pair) -> None:
    pair.with_grandparent()
    assert await ask(pair, origin="qd-laoshan") == Reply()
    assert pair.asked_above == []
    assert await ask(pair, origin="qd-street", below="qd-street") == Reply()
    assert len(pair.asked_above) == 1


async def test_later_from_above_and_a_parent_without_a_link_are_later(pair: Pair) -> None:
    pair.with_grandparent()
    pair.above = lambda asked: Reply(later=True)
    assert await ask(pair, origin=CHILD) == Reply(later=True)
    pair.desks[PARENT]._asking.queries.tell = lambda peer, query: False
    assert await ask(pair, origin=CHILD) == Reply(later=True)


async def test_what_came_by_another_way_goes_back_only_where_the_plan_lets_it(pair: Pair) -> None:
    pair.made.offer([1.0])
    stored = pair.made.journals[PARENT].batch(1)
    assert stored is not None
    pair.made.journals[PARENT]._writer.execute("UPDATE batch SET source = 'elsewhere'")
    header = stored.batch.header
    asked = Question(header.payload_sha256, header.resource, int(header.lane), [AskedRun(CHILD, header.runs[0].incarnation, 1, 1)])
    giver, child = pair.desks[PARENT].giver, facts(pair.made, CHILD, is_parent=False)
    station = pair.made.rig.stations[PARENT]
    assert giver._brought_before(child, asked) == b""  # the rig's plan returns enterprises only
    station.gate = ForReseed(PARENT)
    assert giver._brought_before(child, asked) == stored.batch.payload
    assert giver._brought_before(replace(child, node="qd-laoshan"), asked) == b""
