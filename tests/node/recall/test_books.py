"""After a recall the books of every hop still hold: proofs, flows, repair, and what goes on to a peer that had not got the records yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.equality.audit import Asked
from node.recall.orders import Order
from node.recall.rewriting import Rewriting
from node.recall.tombs import Tombs
from node.repair.giving import Giver
from node.repair.wire import AskedRun, Question
from node.store.journal import SqliteJournal, open_journal
from node.store.recalled import tombstones
from policies.compile import PlanBook
from policies.masks import KeyRing, TokenTable
from policies.words import Way
from sync.core.ready import PeerFacts
from sync.model import Direction, Lane, Level, State, Stream
from sync.model.writes import FreeBatches, Recall, StoreBatch
from tests.node.equality.city import CHILD, PARENT, City
from tests.node.equality.city import city as linked_city
from tests.node.identity.family import NOW_US
from tests.node.recall.holder import RESOURCE, entry
from tests.policies.city import city
from tests.sync.core.rig import Rig, Station

TOKENS = TokenTable(KeyRing())
STREAM = Stream(CHILD, sum(CHILD.encode()), Lane.EVENT, RESOURCE)


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[City]:
    with linked_city(tmp_path) as made:
        yield made


def rewriting_of(order: Order, node: str, *, below: frozenset[str] = frozenset()) -> Rewriting:
    rules = city()
    book = PlanBook(rules, now_us=NOW_US)
    return Rewriting.of(order, rules.resources[RESOURCE], book, node=node, level=Level.MUNICIPAL, below=below)


def recall(rig: Rig, node: str, journal: SqliteJournal, lsn: int, **change: object) -> Recall:
    """Recall what is above 100 of one batch."""
    order = Order("NL-1@0", "shandong", entry(ways=(Way.UP,), **change))
    rewriting = rewriting_of(order, node)
    stored = journal.batch(lsn)
    assert stored is not None
    assert rewriting.is_about(stored.batch.header)
    found = rewriting.rewritten(stored, TOKENS)
    assert found is not None
    made = Recall(found.stored, stored.batch.header.payload_sha256, order.id, found.erased, found.masked, NOW_US)
    rig.stations[node].engine.recall(made)
    rig.settle(seconds=5)
    return made


def bury(station: Station, journal: SqliteJournal, *, is_over: bool = False) -> None:
    """Let what was erased so far be refused by number, by an order in force or by one that is over."""
    found = [(stream, first, last) for _, _, stream, first, last in journal.look("test", lambda db: [*tombstones(db)])]
    tombs = Tombs(PARENT)
    tombs.hold([] if is_over else found, found if is_over else [])
    station.pipeline.recalled = tombs.left


def state_of(journal: SqliteJournal, number: int, stream: Stream = STREAM) -> State:
    (piece,) = journal.recover().streams[stream].pieces(number, number)
    return piece.state


async def test_both_sides_still_prove_that_they_have_the_same(linked: City) -> None:
    linked.offer([5.0, 150.0, 7.0])
    linked.offer([1.0, 2.0])
    parent = linked.journals[PARENT]
    recall(linked.rig, PARENT, parent, 1)
    assert state_of(parent, 2) is State.RECALLED
    assert parent.verify() == []
    found = await linked.auditor.equal(None)
    assert [(hop["proof"], hop["differences"], hop["states_only"]) for hop in found["hops"]] == [("proven", [], 1)]
    flow = linked.auditor.own_half(Asked())
    assert flow["first_difference"] is None
    assert (await linked.auditor.with_peers(flow, Asked().scope(linked.journals[CHILD])))["first_difference"] is None


def test_a_recall_made_twice_changes_nothing_and_survives_a_restart(linked: City) -> None:
    linked.offer([5.0, 150.0])
    parent = linked.journals[PARENT]
    made = recall(linked.rig, PARENT, parent, 1)
    linked.rig.stations[PARENT].engine.recall(made)
    linked.rig.settle(seconds=5)
    assert parent.look("test", lambda db: db.execute("SELECT count(*) FROM recalled").fetchone()) == (1,)
    again = parent.batch(1)
    assert again is not None
    assert (again.is_replaced, again.batch.header.row_count, again.batch.manifest) == (True, 1, None)
    assert parent.counts() == {RESOURCE: 1}


def test_what_was_recalled_is_not_sent_again_and_not_given_for_repair(linked: City) -> None:
    linked.offer([5.0, 150.0])
    parent, child = linked.journals[PARENT], linked.journals[CHILD]
    before = parent.batch(1)
    assert before is not None
    digest = before.batch.header.payload_sha256
    recall(linked.rig, PARENT, parent, 1)
    station = linked.rig.stations[PARENT]
    bury(station, parent)
    giver = Giver(parent, station.pipeline, lambda: station.gate.version)
    question = Question(digest, RESOURCE, int(Lane.EVENT), [AskedRun(CHILD, STREAM.incarnation, 1, 2)])
    facts = PeerFacts(CHILD, STREAM.incarnation, Level.DISTRICT, "37", is_parent=False, subtree=frozenset({CHILD}))
    found = giver.find(facts, question)
    assert (found.payload, found.batches) == (b"", ())
    stored = child.batch(1)
    assert stored is not None
    linked.rig.stations[CHILD].engine.send_again([stored], linked.rig.now)
    linked.rig.settle(seconds=5)
    assert parent.counts() == {RESOURCE: 1}
    assert state_of(parent, 2) is State.RECALLED


@pytest.mark.parametrize("is_late", [False, True])
def test_records_recalled_before_they_went_on_are_denied_to_the_next_hop(tmp_path: Path, *, is_late: bool) -> None:
    names = (("grid", Level.GRID, "street"), ("street", Level.STREET, "district"), ("district", Level.DISTRICT, ""))
    journals = {name: open_journal(tmp_path / f"{name}.db", node=name, incarnation=sum(name.encode())) for name, _, _ in names}
    rig = Rig(*(Station(name, level, parent, journal=journals[name]) for name, level, parent in names))
    rig.connect("grid", "street")
    if is_late:
        rig.connect("street", "district")
    rig.offer("grid", [5.0, 150.0, 7.0], resource=RESOURCE)
    rig.settle(seconds=5)
    recall(rig, "street", journals["street"], 1)
    if not is_late:
        rig.connect("street", "district")
        rig.settle(seconds=5)
    stream = Stream("grid", sum(b"grid"), Lane.EVENT, RESOURCE)
    found = [state_of(journals["district"], number, stream) for number in (1, 2, 3)]
    assert found == [State.PRESENT, State.PRESENT if is_late else State.DENIED, State.PRESENT]
    (flow,) = journals["street"].flow("district", Direction.UP)
    assert flow.holds
    assert (flow.produced, flow.delivered, flow.withheld) == ((3, 3, 0) if is_late else (3, 2, 1))
    for journal in journals.values():
        assert journal.verify() == []
        journal.close()


def test_a_batch_that_was_let_go_meanwhile_keeps_true_counts(linked: City) -> None:
    linked.offer([5.0, 150.0, 7.0])
    parent = linked.journals[PARENT]
    stored = parent.batch(1)
    assert stored is not None
    order = Order("NL-1@0", "shandong", entry())
    rewriting = rewriting_of(order, PARENT)
    found = rewriting.rewritten(stored, TOKENS)
    assert found is not None
    engine = linked.rig.stations[PARENT].engine
    engine.write(FreeBatches((1,), State.RETENTION))
    engine.recall(Recall(found.stored, stored.batch.header.payload_sha256, order.id, found.erased, (), NOW_US))
    linked.rig.settle(seconds=5)
    assert parent.counts() == {}
    assert parent.verify() == []
    assert parent.usage.freed[Lane.EVENT, RESOURCE, State.RETENTION].records == 2


@pytest.mark.parametrize(("below", "is_meant"), [(frozenset({CHILD}), True), (frozenset(), False)])
def test_what_came_back_of_those_below_counts_as_having_come_up(linked: City, below: frozenset[str], *, is_meant: bool) -> None:
    linked.offer([150.0])
    stored = linked.journals[PARENT].batch(1)
    assert stored is not None
    back = replace(stored.batch.header, direction=Direction.RETURN, origin_distance=3)
    order = Order("NL-1@0", "shandong", entry(ways=(Way.UP,)))
    assert rewriting_of(order, PARENT, below=below).is_about(back) is is_meant


def send_again(linked: City, *, backfill: bool = True) -> None:
    """The child's first batch leaves once more, whole."""
    stored = linked.journals[CHILD].batch(1)
    assert stored is not None
    engine = linked.rig.stations[CHILD].engine
    engine.send_again([stored], linked.rig.now)
    if not backfill:
        (write,) = [one for one in engine._desk.turn.writes if isinstance(one, StoreBatch)]
        place = engine._desk.turn.writes.index(write)
        header = replace(write.stored.batch.header, backfill=False)
        engine._desk.turn.writes[place] = StoreBatch(replace(write.stored, batch=replace(write.stored.batch, header=header)))
    linked.rig.settle(seconds=5)


@pytest.mark.parametrize(("is_over", "backfill"), [(False, True), (False, False), (True, False)])
def test_no_copy_but_a_backfill_after_the_order_brings_a_recalled_record_back(linked: City, *, is_over: bool, backfill: bool) -> None:
    linked.offer([5.0, 150.0])
    parent = linked.journals[PARENT]
    recall(linked.rig, PARENT, parent, 1)
    bury(linked.rig.stations[PARENT], parent, is_over=is_over)
    send_again(linked, backfill=backfill)
    assert parent.look("test", lambda db: db.execute("SELECT reason FROM refusal WHERE by_peer = 0").fetchall()) == []
    assert [state_of(parent, number) for number in (1, 2)] == [State.PRESENT, State.RECALLED]
    assert parent.counts() == {RESOURCE: 1}
    (flow,) = linked.journals[CHILD].flow(PARENT, Direction.UP)
    assert (flow.holds, flow.delivered) == (True, 2)
    assert parent.verify() == []


async def test_a_backfill_after_the_order_brings_a_recalled_record_back_and_every_book_stays_true(linked: City) -> None:
    linked.offer([5.0, 150.0, 7.0])
    parent, child = linked.journals[PARENT], linked.journals[CHILD]
    recall(linked.rig, PARENT, parent, 1)
    bury(linked.rig.stations[PARENT], parent, is_over=True)
    send_again(linked)
    assert [state_of(parent, number) for number in (1, 2, 3)] == [State.PRESENT] * 3
    assert parent.counts() == {RESOURCE: 3}
    assert (parent.verify(), child.verify()) == ([], [])
    (flow,) = child.flow(PARENT, Direction.UP)
    assert (flow.holds, flow.produced, flow.delivered) == (True, 3, 3)
    found = await linked.auditor.equal(None)
    assert [(hop["proof"], hop["differences"]) for hop in found["hops"]] == [("proven", [])]
