"""Once an order is over, whoever erased records asks for them, and gets what the plan of today lets pass: that alone, and once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.recall.errors import RecallError
from node.recall.regain_giving import RegainGiver
from node.recall.regain_wire import REGAIN, RegainQuestion, RegainReply
from node.recall.regaining import PAUSES_S, Regaining
from node.recall.tombs import Tombs
from node.repair.wire import AskedRun
from sync.core.ready import PeerFacts
from sync.model import Lane, Level, State
from tests.node.equality.city import CHILD, PARENT, City
from tests.node.equality.city import city as linked_city
from tests.node.recall.holder import RESOURCE
from tests.node.recall.test_books import STREAM, bury, recall, state_of
from tests.sync.core.rig import RigGate

ORDER = "NL-1@0"
FACTS = {
    PARENT: PeerFacts(PARENT, sum(PARENT.encode()), Level.MUNICIPAL, "3702", is_parent=True),
    CHILD: PeerFacts(CHILD, sum(CHILD.encode()), Level.DISTRICT, "370202", is_parent=False),
}


@dataclass(slots=True)
class Turns:
    """A rig's engine as the desks ask it."""

    city: City
    node: str

    async def ask(self, question: Callable[[Any, Any], Any]) -> Any:
        return question(self.city.rig.stations[self.node].engine, self.city.rig.now)


@dataclass(slots=True)
class Pair:
    """The two nodes with their askers; the parent had erased what is above 100."""

    city: City
    now_s: float = 0.0
    up: bool = True
    tombs: Tombs = field(default_factory=lambda: Tombs(PARENT))

    def regaining(self, node: str, other: str) -> Regaining:
        station = self.city.rig.stations[node]
        giver = RegainGiver(self.city.journals[node], station.pipeline)
        made = Regaining(
            node, PARENT if node == CHILD else "", self.city.journals[node], Turns(self.city, node), self.city.queries[node],  # type: ignore[arg-type]
            giver, self.tombs, FACTS.get, lambda: [other] if self.up else [], [CHILD].__contains__,
            lambda: self.now_s,
        )  # fmt: skip
        made.start()
        return made

    @property
    def gate(self) -> RigGate:
        return self.city.rig.stations[CHILD].gate

    @property
    def here(self) -> int:
        return self.city.journals[PARENT].counts()[RESOURCE]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with linked_city(tmp_path) as city:
        city.offer([5.0, 150.0, 7.0])
        city.offer([160.0])
        for lsn in (1, 2):
            recall(city.rig, PARENT, city.journals[PARENT], lsn)
        bury(city.rig.stations[PARENT], city.journals[PARENT], is_over=True)
        yield Pair(city)


async def test_what_was_erased_comes_again_and_nothing_is_asked_twice(pair: Pair) -> None:
    asker, giver = pair.regaining(PARENT, CHILD), pair.regaining(CHILD, PARENT)
    assert pair.here == 2
    asker.over([ORDER])
    await asker.round()
    pair.city.rig.settle(seconds=5)
    assert pair.here == 4
    assert [state_of(pair.city.journals[PARENT], number) for number in (1, 2, 3, 4)] == [State.PRESENT] * 4
    copy = pair.city.journals[CHILD].batch(3)
    assert copy is not None
    assert (copy.batch.header.backfill, copy.batch.header.row_count) == (True, 1)
    pair.now_s = 100.0
    await asker.round()
    assert len(pair.city.asked) == 1
    assert asker.wait_s() == PAUSES_S[-1]
    assert giver.wait_s() == PAUSES_S[-1]


async def test_what_the_plan_keeps_back_is_asked_for_more_and_more_slowly_and_costs_the_holder_nothing(pair: Pair) -> None:
    asker, _ = pair.regaining(PARENT, CHILD), pair.regaining(CHILD, PARENT)
    pair.gate.forbidden = frozenset({150.0, 160.0})
    asker.over([ORDER])
    for pause in (*PAUSES_S, PAUSES_S[-1]):
        await asker.round()
        await asker.round()
        assert asker.wait_s() == pause
        pair.now_s += pause
    assert (len(pair.city.asked), pair.city.journals[CHILD].last_lsn, pair.here) == (len(PAUSES_S) + 1, 2, 2)
    pair.gate.forbidden = frozenset({160.0})
    asker.again()
    await asker.round()
    pair.city.rig.settle(seconds=5)
    assert pair.here == 3


async def test_nobody_is_asked_for_what_another_order_still_binds_or_while_no_order_is_over(pair: Pair) -> None:
    asker = pair.regaining(PARENT, CHILD)
    await asker.round()
    pair.tombs.hold([(STREAM, 2, 4)])
    asker.over([ORDER])
    await asker.round()
    assert pair.city.asked == []


async def test_a_session_that_begins_makes_it_ask_at_once(pair: Pair) -> None:
    asker, _ = pair.regaining(PARENT, CHILD), pair.regaining(CHILD, PARENT)
    pair.up = False
    asker.over([ORDER])
    await asker.round()
    assert (pair.city.asked, asker.wait_s()) == ([], PAUSES_S[-1])
    pair.up = True
    asker.again()
    assert asker.wait_s() == 0.0
    await asker.round()
    pair.city.rig.settle(seconds=5)
    assert pair.here == 4


async def test_who_asks_again_before_the_first_answer_arrived_is_put_off(pair: Pair) -> None:
    giver = pair.regaining(CHILD, PARENT)
    question = msgspec.msgpack.encode(RegainQuestion(RESOURCE, int(Lane.EVENT), [AskedRun(CHILD, STREAM.incarnation, 1, 9)]))
    first = msgspec.msgpack.decode(await giver.answer(PARENT, question), type=RegainReply)
    second = msgspec.msgpack.decode(await giver.answer(PARENT, question), type=RegainReply)
    assert (first.records, first.later, second.records, second.later) == (4, False, 0, True)
    pair.city.rig.settle(seconds=5)
    assert msgspec.msgpack.decode(await giver.answer(PARENT, question), type=RegainReply).later is False


@pytest.mark.parametrize("body", [b"", b"\xc1", msgspec.msgpack.encode({"resource": "a", "lane": 99, "runs": []})])
async def test_a_question_that_makes_no_sense_is_refused(pair: Pair, body: bytes) -> None:
    with pytest.raises(RecallError, match="regainquestion of"):
        await pair.regaining(CHILD, PARENT).answer(PARENT, body)


async def test_who_has_no_link_and_who_brought_the_records_gets_nothing(pair: Pair) -> None:
    question = msgspec.msgpack.encode(RegainQuestion(RESOURCE, int(Lane.EVENT), [AskedRun(CHILD, STREAM.incarnation, 1, 9)]))
    with pytest.raises(RecallError, match="stranger has no link"):
        await pair.regaining(CHILD, PARENT).answer("stranger", question)
    reply = await pair.regaining(PARENT, CHILD).answer(CHILD, question)
    assert msgspec.msgpack.decode(reply, type=RegainReply) == RegainReply()


async def test_a_neighbour_of_an_older_program_changes_nothing(pair: Pair) -> None:
    asker = pair.regaining(PARENT, CHILD)
    assert REGAIN not in pair.city.queries[CHILD].neighbours
    asker.over([ORDER])
    async with asyncio.timeout(5):
        await asker.round()
    assert pair.here == 2
