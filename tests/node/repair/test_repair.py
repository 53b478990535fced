"""A damaged batch: set aside with true books, given back whole, rebuilt from a sent frame, or sent again; and what a neighbour may get."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.repair.giving import Giver
from node.repair.scrub import Scrub
from node.repair.taking import frames_with, rebuilt
from node.repair.wire import AskedRun, Question, RepairError, Reply, read
from node.store import aside
from node.store.aside import AsideBatch, Damage
from sync.core.ready import PeerFacts
from sync.model import BatchHeader, Direction, Fate, JournalCorrupt, Lane, Level, State, Stream
from sync.model.writes import GiveUp, OutMark, SetOutMark
from sync.ports import Flow, Outcome
from tests.node.equality.city import CHILD, PARENT, City, city
from tests.sync.core.rig import RigGate

STREAM = Stream(CHILD, sum(CHILD.encode()), Lane.EVENT, "air-quality")


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[City]:
    with city(tmp_path) as made:
        yield made


def flip(made: City, node: str, lsn: int) -> None:
    """One bit of a stored payload."""
    writer = made.journals[node]._writer
    (payload,) = writer.execute("SELECT payload FROM batch WHERE lsn = ?", (lsn,)).fetchone()
    writer.execute("UPDATE batch SET payload = ? WHERE lsn = ?", (payload[:-9] + bytes((payload[-9] ^ 1,)) + payload[-8:], lsn))


def set_aside(made: City, node: str, lsn: int) -> AsideBatch:
    """Do what the desk does once a read has met the damage."""
    journal, station = made.journals[node], made.rig.stations[node]
    with pytest.raises(JournalCorrupt):
        journal.batch(lsn)
    header = journal.look("test", lambda db: aside.header_at(db, lsn))
    assert header is not None
    station.engine.set_aside(header)
    made.rig.settle(seconds=5)
    return journal.look("test", aside.aside)[0]


def give_back(made: City, node: str, entry: AsideBatch, payload: bytes) -> None:
    whole = replace(entry.stored, batch=replace(entry.stored.batch, payload=payload))
    journal = made.journals[node]
    was_told = journal.look("test", lambda db: aside.told_lost(db, entry.stored.lsn))
    passed = journal.look("test", lambda db: aside.passed_before(db, entry.stored.lsn))
    made.rig.stations[node].engine.put_back(whole, was_told=was_told, passed=passed, now=made.rig.now)
    made.rig.settle(seconds=5)


def lost(made: City, node: str) -> int:
    return made.journals[node].recover().streams[STREAM].count(Fate.LOST)


def question(made: City, entry: AsideBatch) -> Question:
    header = entry.stored.batch.header
    runs = [AskedRun(run.origin, run.incarnation, run.first, run.last) for run in header.runs]
    return Question(header.payload_sha256, header.resource, int(header.lane), runs)


def giver(made: City, node: str) -> Giver:
    station = made.rig.stations[node]
    return Giver(made.journals[node], station.pipeline, lambda: station.gate.version)


def facts(made: City, node: str, *, is_parent: bool) -> PeerFacts:
    return PeerFacts(node, made.rig.stations[node].incarnation, Level.MUNICIPAL if is_parent else Level.DISTRICT, "37", is_parent)


def test_a_batch_set_aside_is_an_account_of_lost_records_that_every_reader_can_read(linked: City) -> None:
    linked.offer([1.0, 2.0])
    linked.offer([3.0])
    flip(linked, PARENT, 1)
    entry = set_aside(linked, PARENT, 1)
    journal = linked.journals[PARENT]
    assert lost(linked, PARENT) == 2
    assert linked.rig.values(PARENT) == [3.0]
    assert (journal.counts(), journal.verify()) == ({"air-quality": 1}, [])
    assert journal.look("test", aside.damage) == Damage(asked=1)
    assert entry.stored.batch.header.row_count == 2
    assert [run.state for run in entry.stored.batch.header.runs] == [State.PRESENT]


def test_the_very_bytes_put_everything_back_as_it_was(linked: City) -> None:
    linked.offer([1.0, 2.0])
    journal = linked.journals[PARENT]
    before = journal.batch(1)
    flip(linked, PARENT, 1)
    entry = set_aside(linked, PARENT, 1)
    found = giver(linked, CHILD).find(facts(linked, PARENT, is_parent=True), question(linked, entry))
    assert hashlib.sha256(found.payload).digest() == entry.stored.batch.header.payload_sha256
    give_back(linked, PARENT, entry, found.payload)
    assert journal.batch(1) == before
    assert (lost(linked, PARENT), journal.verify(), journal.look("test", aside.aside)) == (0, [], [])
    assert journal.recover().last_lsn == 1  # nobody was told of a loss, so nothing goes out again


def test_a_damaged_batch_does_not_stop_a_link_and_comes_after_when_it_is_whole(linked: City) -> None:
    linked.rig.disconnect(CHILD, PARENT)
    linked.rig.offer(CHILD, [1.0])
    linked.rig.settle(seconds=5)
    payload = linked.journals[CHILD].batch(1)
    assert payload is not None
    flip(linked, CHILD, 1)
    entry = set_aside(linked, CHILD, 1)
    linked.rig.connect(CHILD, PARENT)
    linked.offer([2.0])
    assert (linked.rig.values(PARENT), lost(linked, PARENT)) == ([2.0], 1)
    (line,) = linked.journals[CHILD].flow(PARENT, Direction.UP)
    assert (line.produced, line.delivered, line.lost, line.reasons) == (2, 1, 1, {"damaged": 1})
    give_back(linked, CHILD, entry, payload.batch.payload)
    assert (sorted(linked.rig.values(PARENT)), lost(linked, PARENT), lost(linked, CHILD)) == ([1.0, 2.0], 0, 0)
    (line,) = linked.journals[CHILD].flow(PARENT, Direction.UP)
    assert (line.produced, line.delivered, line.lost) == (2, 2, 0)


class ByPlace(RigGate):
    """As the real gate: what may return is known by the territories of the rows, and an account without rows has none."""

    def glance(self, flow: Flow, header: BatchHeader) -> Outcome | None:
        if flow.direction is Direction.RETURN and not header.territories:
            return Outcome.ELSEWHERE
        return super().glance(flow, header)


def test_a_returned_batch_that_a_child_passed_while_it_was_aside_comes_after(linked: City) -> None:
    parent = linked.rig.stations[PARENT]
    parent.gate = ByPlace(PARENT)
    linked.rig.disconnect(CHILD, PARENT)
    linked.rig.offer(PARENT, [1.0, 2.0], resource="enterprises")
    linked.rig.settle(seconds=5)
    stored = linked.journals[PARENT].batch(1)
    assert stored is not None
    flip(linked, PARENT, 1)
    entry = set_aside(linked, PARENT, 1)
    linked.rig.connect(CHILD, PARENT)
    linked.rig.settle(seconds=5)
    assert linked.rig.values(CHILD, "enterprises") == []
    give_back(linked, PARENT, entry, stored.batch.payload)
    assert linked.rig.values(CHILD, "enterprises") == [1.0, 2.0]


def test_a_returned_batch_that_a_child_had_before_the_damage_goes_out_no_second_time(linked: City) -> None:
    linked.rig.stations[PARENT].gate = ByPlace(PARENT)
    linked.rig.offer(PARENT, [1.0], resource="enterprises")
    linked.rig.settle(seconds=5)
    stored = linked.journals[PARENT].batch(1)
    assert stored is not None
    flip(linked, PARENT, 1)
    entry = set_aside(linked, PARENT, 1)
    linked.rig.settle(seconds=5)
    give_back(linked, PARENT, entry, stored.batch.payload)
    assert linked.journals[PARENT].recover().last_lsn == 1


def test_a_child_that_begins_anew_while_a_returned_batch_is_aside_gets_it_after(linked: City) -> None:
    linked.rig.stations[PARENT].gate = ByPlace(PARENT)
    linked.rig.offer(PARENT, [1.0], resource="enterprises")
    linked.rig.settle(seconds=5)
    stored = linked.journals[PARENT].batch(1)
    assert stored is not None
    flip(linked, PARENT, 1)
    entry = set_aside(linked, PARENT, 1)
    mark = linked.journals[PARENT].recover().out_marks[(CHILD, Direction.RETURN, Lane.EVENT)]
    linked.journals[PARENT].commit([SetOutMark(CHILD, Direction.RETURN, Lane.EVENT, OutMark())])
    linked.journals[PARENT].commit([SetOutMark(CHILD, Direction.RETURN, Lane.EVENT, mark)])
    give_back(linked, PARENT, entry, stored.batch.payload)
    assert linked.journals[PARENT].recover().last_lsn == 2


def test_an_own_batch_is_rebuilt_from_the_frame_that_the_parent_kept(linked: City) -> None:
    linked.rig.offer(CHILD, [1.0, 2.0])
    linked.rig.turn(CHILD)
    linked.offer([3.0])  # both leave in one frame, so the parent has neither batch as it is here
    flip(linked, CHILD, 1)
    entry = set_aside(linked, CHILD, 1)
    (frame,) = linked.journals[CHILD].look("test", lambda db: frames_with(db, entry.stored))
    asked = Question(frame.payload_sha256, "air-quality", int(Lane.EVENT), question(linked, entry).runs)
    found = giver(linked, PARENT).find(facts(linked, CHILD, is_parent=False), asked)
    whole = rebuilt(entry.stored, frame, found.payload)
    assert whole is not None
    assert rebuilt(entry.stored, frame, found.payload[:-1] + b"\x01") is None
    linked.rig.stations[CHILD].engine.put_back(whole, was_told=False, passed=frozenset(), now=linked.rig.now)
    linked.rig.settle(seconds=5)
    assert linked.rig.values(CHILD) == [1.0, 2.0, 3.0]
    assert linked.journals[CHILD].verify() == []


def test_a_frame_whose_rows_were_rewritten_rebuilds_nothing(linked: City) -> None:
    linked.rig.stations[CHILD].gate.forbidden = frozenset({2.0})
    linked.offer([1.0, 2.0])
    flip(linked, CHILD, 1)
    entry = set_aside(linked, CHILD, 1)
    assert linked.journals[CHILD].look("test", lambda db: frames_with(db, entry.stored)) == []


def test_what_the_policy_no_longer_lets_pass_comes_in_the_form_of_today(linked: City) -> None:
    linked.offer([1.0, 2.0])
    flip(linked, PARENT, 1)
    entry = set_aside(linked, PARENT, 1)
    linked.rig.stations[CHILD].gate.forbidden = frozenset({2.0})
    found = giver(linked, CHILD).find(facts(linked, PARENT, is_parent=True), question(linked, entry))
    assert (found.payload, [stored.lsn for stored in found.batches]) == (b"", [1])
    linked.rig.stations[CHILD].engine.send_again(found.batches, linked.rig.now)
    linked.rig.settle(seconds=5)
    assert (linked.rig.values(PARENT), lost(linked, PARENT)) == ([1.0], 0)
    journal = linked.journals[PARENT]
    assert journal.look("test", lambda db: aside.covers(db, entry.stored))
    linked.rig.stations[PARENT].engine.write(GiveUp(1, is_replaced=True))
    linked.rig.settle()
    assert (journal.look("test", aside.damage), journal.verify()) == (Damage(), [])


def test_a_stranger_gets_nothing_whatever_hash_it_names(linked: City) -> None:
    linked.offer([1.0])
    stored = linked.journals[PARENT].batch(1)
    assert stored is not None
    asked = Question(stored.batch.header.payload_sha256, "air-quality", int(Lane.EVENT), [AskedRun(CHILD, 1, 1, 1)])
    assert giver(linked, PARENT).find(PeerFacts("stranger", 1, Level.DISTRICT, "37", is_parent=False), asked).payload == b""


def test_questions_and_answers_that_make_no_sense_are_refused() -> None:
    for body in (b"", b"\xc1", b"\x80", b"\x81\xa5payload\xc4\x01"):
        with pytest.raises(RepairError):
            read(body, Question)
    with pytest.raises(RepairError):
        read(b"\x81\xa6resent\xff", Reply)


async def test_the_walk_over_the_payloads_meets_every_damage_once(linked: City) -> None:
    linked.offer([1.0])
    linked.offer([2.0])
    flip(linked, PARENT, 2)
    told: list[int] = []
    linked.journals[PARENT].on_damage(told.append)
    scrub = Scrub(linked.journals[PARENT], 1.0)
    assert (await scrub.walk(0.0), scrub.checked, told) == (1, 2, [2])


def test_the_two_packings_are_a_wide_and_a_thin_one() -> None:
    from node.repair.giving import PACKINGS

    assert PACKINGS == (False, True)
