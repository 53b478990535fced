"""The contract of sync.ports.Journal, run on the SQLite journal and on the one in memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from node.store.journal import SqliteJournal, open_journal
from sync.model import Direction, JournalCorrupt, JournalError, Lane, RunMap, Span, State, StateRange, Stream
from sync.model.writes import ChangeStream, FreeBatches, InPosition, OutMark, SetBearer, SetInPosition, SetOutMark, SettleHeld, Write
from sync.ports import Journal, Reprieve, Selection
from tests.contracts.batches import INCARNATION, NODE, PARENT, RESOURCE, commit_of, entry, refusal, run, stored
from tests.contracts.memory_journal import MemoryJournal

LARGE = 1 << 30


class Bench(Protocol):
    """A journal under test with what the port does not offer: a restart and damage on the medium."""

    journal: Journal

    def restart(self) -> Journal:
        """The journal as the next process finds it."""

    def damage(self, lsn: int) -> None:
        """Change one payload byte behind the journal's back."""


class MemoryBench:
    def __init__(self) -> None:
        self._memory = MemoryJournal()
        self.journal: Journal = self._memory

    def restart(self) -> Journal:
        self._memory.close()
        self._memory = self._memory.reopened()
        return self._memory

    def damage(self, lsn: int) -> None:
        self._memory.damage(lsn)


class SqliteBench:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._sqlite = self._open()
        self.journal: Journal = self._sqlite

    def _open(self) -> SqliteJournal:
        return open_journal(self._path, node=NODE, incarnation=INCARNATION)

    def restart(self) -> Journal:
        self._sqlite.close()
        self._sqlite = self._open()
        return self._sqlite

    def damage(self, lsn: int) -> None:
        payload = bytearray(self._sqlite._writer.execute("SELECT payload FROM batch WHERE lsn = ?", (lsn,)).fetchone()[0])
        payload[-1] ^= 1
        self._sqlite._writer.execute("UPDATE batch SET payload = ? WHERE lsn = ?", (bytes(payload), lsn))

    def close(self) -> None:
        self._sqlite.close()


@pytest.fixture(params=["memory", "sqlite"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "memory":
        yield MemoryBench()
        return
    sqlite = SqliteBench(tmp_path / "journal.db")
    yield sqlite
    sqlite.close()


def lsns(
    journal: Journal, lane: Lane = Lane.BULK, *, after: int = 0, upto: int = 100, batches_max: int = 100, bytes_max: int = LARGE
) -> list[int]:
    return [batch.lsn for batch in journal.read(lane, Span(after, upto), batches_max=batches_max, bytes_max=bytes_max)]


def test_an_empty_journal_recovers_to_nothing(bench: Bench) -> None:
    recovered = bench.journal.recover()
    assert (recovered.last_lsn, dict(recovered.lane_tops), dict(recovered.streams)) == (0, {}, {})
    assert (dict(recovered.out_marks), dict(recovered.in_positions)) == ({}, {})
    assert bench.journal.batch(1) is None


def test_a_batch_comes_back_as_it_was_committed(bench: Bench) -> None:
    mixed = stored(1, [run(1, 3), run(4, 4, state=State.DENIED, reason="grade"), run(5, 6, row=3)], duplicates=(2,), source="grid-1")
    bench.journal.commit(commit_of(mixed))
    assert bench.journal.batch(1) == mixed
    assert bench.restart().batch(1) == mixed


def test_a_batch_of_withheld_records_only_has_no_payload(bench: Bench) -> None:
    bench.journal.commit(commit_of(stored(1, [run(1, 9, state=State.HELD, reason="unknown-schema")])))
    withheld = bench.journal.batch(1)
    assert withheld is not None
    assert (withheld.batch.payload, withheld.batch.header.row_count, withheld.batch.header.rows_withheld) == (b"", 0, 9)


def test_a_batch_without_manifests_comes_back_without(bench: Bench) -> None:
    local = stored(1, [run(1, 2)])
    object.__setattr__(local.batch, "manifest", None)
    object.__setattr__(local.batch, "origin_manifest", None)
    bench.journal.commit(commit_of(local))
    assert bench.journal.batch(1) == local


def test_an_lsn_out_of_turn_is_refused_and_nothing_is_written(bench: Bench) -> None:
    with pytest.raises(JournalError, match="batch 2 refused: the journal ends at 0"):
        bench.journal.commit([SetOutMark(PARENT, Direction.UP, Lane.BULK, OutMark(1, 1, 1)), *commit_of(stored(2, [run(1, 1)]))])
    assert bench.journal.recover().last_lsn == 0
    assert dict(bench.journal.recover().out_marks) == {}


def test_a_failed_commit_leaves_the_journal_usable(bench: Bench) -> None:
    with pytest.raises(JournalError):
        bench.journal.commit([*commit_of(stored(1, [run(1, 1)])), *commit_of(stored(1, [run(2, 2)]))])
    bench.journal.commit(commit_of(stored(1, [run(1, 4)])))
    assert lsns(bench.journal) == [1]


def test_positions_and_streams_survive_a_restart(bench: Bench) -> None:
    first, second = stored(1, [run(1, 3)]), stored(2, [run(4, 5, state=State.DENIED)], lane=Lane.EVENT, resource="camera-events")
    mark, position = OutMark(2, 1, 2), InPosition(41, b"c" * 32)
    marks: list[Write] = [SetOutMark(PARENT, Direction.UP, Lane.BULK, mark), SetInPosition("grid-1", 9, Direction.UP, Lane.EVENT, position)]
    bench.journal.commit([*commit_of(first, second), *marks])
    recovered = bench.restart().recover()
    assert (recovered.last_lsn, dict(recovered.lane_tops)) == (2, {Lane.BULK: 1, Lane.EVENT: 2})
    assert dict(recovered.out_marks) == {(PARENT, Direction.UP, Lane.BULK): mark}
    assert dict(recovered.in_positions) == {("grid-1", 9, Direction.UP, Lane.EVENT): position}
    assert recovered.streams[Stream(NODE, INCARNATION, Lane.BULK, RESOURCE)].top == 3
    assert recovered.streams[Stream(NODE, INCARNATION, Lane.EVENT, "camera-events")] != RunMap()


def test_later_positions_replace_earlier_ones(bench: Bench) -> None:
    for stored_upto in (1, 2):
        bench.journal.commit([SetOutMark(PARENT, Direction.UP, Lane.BULK, OutMark(stored_upto, 0, stored_upto))])
        bench.journal.commit([SetInPosition("grid-1", 9, Direction.UP, Lane.BULK, InPosition(stored_upto, b"c" * 32))])
    recovered = bench.journal.recover()
    assert recovered.out_marks[(PARENT, Direction.UP, Lane.BULK)] == OutMark(2, 0, 2)
    assert recovered.in_positions[("grid-1", 9, Direction.UP, Lane.BULK)].upto == 2


def test_read_keeps_to_lane_and_span(bench: Bench) -> None:
    lanes = [Lane.BULK, Lane.EVENT, Lane.BULK, Lane.BULK]
    bench.journal.commit(commit_of(*(stored(index, [run(index, index)], lane=lane) for index, lane in enumerate(lanes, 1))))
    assert lsns(bench.journal) == [1, 3, 4]
    assert lsns(bench.journal, after=1, upto=3) == [3]
    assert lsns(bench.journal, Lane.EVENT) == [2]
    assert lsns(bench.journal, Lane.ALARM) == []


def test_read_stops_at_either_bound_and_gives_at_least_one(bench: Bench) -> None:
    bench.journal.commit(commit_of(*(stored(index, [run(index, index)], payload=b"x" * 10_000) for index in range(1, 6))))
    assert lsns(bench.journal, batches_max=2) == [1, 2]
    assert lsns(bench.journal, bytes_max=18_000) == [1, 2, 3]
    assert lsns(bench.journal, bytes_max=10) == [1]


def test_a_damaged_payload_is_named_by_its_lsn(bench: Bench) -> None:
    bench.journal.commit(commit_of(stored(1, [run(1, 1)]), stored(2, [run(2, 2)])))
    bench.damage(2)
    assert lsns(bench.journal, upto=1) == [1]
    with pytest.raises(JournalCorrupt, match="batch 2") as reading:
        lsns(bench.journal)
    with pytest.raises(JournalCorrupt) as fetching:
        bench.journal.batch(2)
    assert (reading.value.lsn, fetching.value.lsn) == (2, 2)


def test_the_chain_is_that_of_the_newest_whole_span(bench: Bench) -> None:
    whole, half = Span(0, 4), Span(4, 6)
    bench.journal.commit([entry(whole, [], part=0, parts=2, chain=b"1" * 32), entry(whole, [], part=1, parts=2, chain=b"2" * 32)])
    bench.journal.commit([entry(half, [], part=0, parts=2, chain=b"3" * 32), entry(Span(6, 7), [], closed=True, chain=b"4" * 32)])

    def chain(upto: int, peer: str = PARENT) -> bytes | None:
        return bench.journal.ledger_chain(peer, Direction.UP, Lane.BULK, upto)

    assert [chain(upto) for upto in (3, 4, 6, 7)] == [None, b"2" * 32, None, None]
    assert chain(4, "another") is None
    bench.journal.commit([entry(whole, [], chain=b"5" * 32)])
    assert chain(4) == b"5" * 32


NEWER = b"n" * 32


def held(bench: Bench, batches_max: int = 10) -> list[int]:
    return [batch.lsn for batch in bench.journal.held(PARENT, Direction.UP, not_version=NEWER, batches_max=batches_max)]


def test_a_selection_leaves_out_other_resources_and_one_source(bench: Bench) -> None:
    bench.journal.commit(
        commit_of(
            stored(1, [run(1, 1)]),
            stored(2, [run(1, 1)], resource="enterprises"),
            stored(3, [run(1, 1)], resource="enterprises", source="child"),
        )
    )
    only = Selection(frozenset({"enterprises"}), not_from="child")
    found = bench.journal.read(Lane.BULK, Span(0, 3), batches_max=10, bytes_max=LARGE, only=only)
    assert [batch.lsn for batch in found] == [2]
    assert not bench.journal.read(Lane.BULK, Span(0, 3), batches_max=10, bytes_max=LARGE, only=Selection(frozenset(), ""))


def test_batches_held_back_by_the_gate_are_found_until_settled(bench: Bench) -> None:
    bench.journal.commit(commit_of(*(stored(lsn, [run(10 * lsn, 10 * lsn + 9)]) for lsn in (1, 2, 3))))
    gated = [run(10, 19), run(20, 24, row=10), run(25, 29, state=State.HELD, reason="no-grant"), run(30, 39, state=State.HELD)]
    bench.journal.commit([entry(Span(0, 3), gated)])
    assert held(bench) == [2, 3]
    assert held(bench, batches_max=1) == [2]
    bench.journal.commit([SettleHeld(PARENT, Direction.UP, 2)])
    assert held(bench) == [3]
    assert bench.journal.held("another", Direction.UP, not_version=NEWER, batches_max=10) == []
    assert bench.journal.held(PARENT, Direction.RETURN, not_version=NEWER, batches_max=10) == []


def test_what_the_policy_in_force_held_back_is_not_asked_for_again(bench: Bench) -> None:
    bench.journal.commit([*commit_of(stored(1, [run(1, 5)])), entry(Span(0, 1), [run(1, 5, state=State.HELD)])])
    in_force = b"v" * 32
    assert bench.journal.held(PARENT, Direction.UP, not_version=in_force, batches_max=10) == []
    assert held(bench) == [1]


def test_what_a_plan_denied_is_found_by_that_plan(bench: Bench) -> None:
    bench.journal.commit(commit_of(*(stored(lsn, [run(10 * lsn, 10 * lsn + 9)]) for lsn in (1, 2, 3))))
    denied = [run(10, 19), run(20, 24, row=10), run(25, 29, state=State.DENIED), run(30, 39, state=State.AGGREGATE_ONLY)]
    bench.journal.commit([entry(Span(0, 3), denied)])
    (plan,) = bench.journal.plans_decided(PARENT, Direction.UP)
    assert bench.journal.plans_decided("another", Direction.UP) == frozenset()

    def found(*plans: tuple[str, bytes]) -> list[int]:
        batches = bench.journal.held(PARENT, Direction.UP, not_version=b"v" * 32, batches_max=9, plans=plans)
        return [batch.lsn for batch in batches]

    assert found(plan) == [2, 3]
    assert found() == found((plan[0], b"o" * 32)) == found(("enterprises", plan[1])) == []
    bench.journal.commit([SettleHeld(PARENT, Direction.UP, 2)])
    assert found(plan) == [3]


def test_a_frame_refused_by_the_peer_is_held_and_one_refused_here_is_not(bench: Bench) -> None:
    bench.journal.commit(commit_of(stored(1, [run(1, 5)]), stored(2, [run(6, 9)])))
    bench.journal.commit([entry(Span(0, 2), [run(1, 5)], part=0, parts=2), entry(Span(0, 2), [run(6, 9)], part=1, parts=2)])
    bench.journal.commit([refusal(Span(0, 2), part=0, by_peer=False), refusal(Span(0, 2), part=1)])
    assert held(bench) == [2]


def test_a_refusal_is_asked_for_again_when_the_peer_stands_elsewhere(bench: Bench) -> None:
    bench.journal.commit(commit_of(stored(1, [run(1, 5)]), stored(2, [run(6, 9)])))
    bench.journal.commit([entry(Span(0, 1), [run(1, 5)]), refusal(Span(0, 1), reason="stale-policy")])
    bench.journal.commit([entry(Span(1, 2), [run(6, 9)]), refusal(Span(1, 2))])
    in_force, peers = b"v" * 32, b"v" * 32

    def reprieved(version: bytes, upto: int, *over: str) -> list[int]:
        reprieve = Reprieve(version, upto, frozenset(over))
        found = bench.journal.held(PARENT, Direction.UP, not_version=in_force, batches_max=9, reprieve=reprieve)
        return [batch.lsn for batch in found]

    assert reprieved(NEWER, 2) == [1, 2]
    assert reprieved(NEWER, 1) == [1]
    assert reprieved(peers, 2) == []
    assert reprieved(peers, 2, "stale-policy", "provisional-hold") == [1]
    decided = Reprieve(peers, 0, decided_upto=1)
    again = bench.journal.held(PARENT, Direction.UP, not_version=in_force, batches_max=9, reprieve=decided)
    assert [batch.lsn for batch in again] == [1]
    bench.journal.commit([SettleHeld(PARENT, Direction.UP, 1)])
    assert reprieved(NEWER, 2) == [2]


def test_an_account_without_rows_is_never_held(bench: Bench) -> None:
    forwarded = run(1, 5, state=State.HELD, reason="no-grant", origin="grid-1")
    bench.journal.commit(commit_of(stored(1, [forwarded])))
    bench.journal.commit([entry(Span(0, 1), [forwarded])])
    assert held(bench) == []


def test_a_frame_sent_again_after_the_refusal_is_not_refused(bench: Bench) -> None:
    again = stored(2, [run(1, 5)], duplicates=(0,), backfill=True)
    bench.journal.commit(commit_of(stored(1, [run(1, 5)])))
    bench.journal.commit([entry(Span(0, 1), [run(1, 5)]), refusal(Span(0, 1))])
    bench.journal.commit([*commit_of(again)[:1], SettleHeld(PARENT, Direction.UP, 1), entry(Span(0, 2), [run(1, 5)])])
    assert held(bench) == []


def test_a_closed_journal_says_so(bench: Bench) -> None:
    bench.journal.close()
    with pytest.raises(JournalError, match=r"closed|Cannot operate"):
        bench.journal.commit([])
    with pytest.raises(JournalError, match="closed"):
        bench.journal.recover()


def test_a_freed_batch_keeps_its_header_and_runs_and_loses_its_payload(bench: Bench) -> None:
    bench.journal.commit(commit_of(stored(1, [run(1, 3)]), stored(2, [run(4, 4)])))
    bench.journal.commit([FreeBatches((1,), State.SHED)])
    bench.journal.commit([FreeBatches((1,), State.RETENTION)])
    journal = bench.restart()
    freed, kept = journal.read(Lane.BULK, Span(0, 2), batches_max=9, bytes_max=LARGE)
    assert (freed.freed, freed.batch.payload, freed.batch.header) == (State.SHED, b"", stored(1, [run(1, 3)]).batch.header)
    assert (kept.freed, kept.batch.payload) == (State.PENDING, b"payload of 2")
    assert journal.recover().streams[Stream(NODE, INCARNATION, Lane.BULK, RESOURCE)].top == 4


def test_a_freed_batch_is_not_held_for_anybody(bench: Bench) -> None:
    held = [run(1, 3, state=State.HELD, reason="grade")]
    bench.journal.commit([*commit_of(stored(1, [run(1, 3)])), entry(Span(0, 1), held)])
    assert len(bench.journal.held(PARENT, Direction.UP, not_version=b"w" * 32, batches_max=9)) == 1
    bench.journal.commit([FreeBatches((1,), State.RETENTION)])
    assert bench.journal.held(PARENT, Direction.UP, not_version=b"w" * 32, batches_max=9) == []


def test_changes_of_a_run_map_add_up(bench: Bench) -> None:
    stream = Stream(NODE, INCARNATION, Lane.BULK, RESOURCE)
    bench.journal.commit([ChangeStream(stream, (), (StateRange(1, 1, State.PRESENT), StateRange(5, 6, State.HELD)))])
    bench.journal.commit([ChangeStream(stream, (5, 7), (StateRange(1, 6, State.PRESENT),))])
    assert list(bench.restart().recover().streams[stream]) == [StateRange(1, 6, State.PRESENT)]


def test_batches_of_one_record_count_as_what_they_weigh_once_merged(bench: Bench) -> None:
    bench.journal.commit(commit_of(*(stored(index, [run(index, index)], payload=b"x" * 1_000) for index in range(1, 6))))
    assert lsns(bench.journal, bytes_max=3 * 32) == [1, 2, 3]


def test_what_a_parent_got_is_what_it_acknowledged_less_what_it_refused(bench: Bench) -> None:
    bench.journal.commit(commit_of(stored(1, [run(1, 5)]), stored(2, [run(6, 9)]), stored(3, [run(10, 12)])))
    denied = [run(1, 4), run(5, 5, state=State.DENIED, reason="negative-list")]
    bench.journal.commit([entry(Span(0, 1), denied), entry(Span(1, 2), [run(6, 9)]), entry(Span(2, 3), [run(10, 12)])])
    bench.journal.commit([refusal(Span(1, 2)), SetOutMark(PARENT, Direction.UP, Lane.BULK, OutMark(2, 1, 2))])
    (got,) = bench.journal.delivered_to(PARENT).values()
    states = [(piece.state, piece.count) for piece in got.pieces(1, 12)]
    assert states == [(State.PRESENT, 4), (State.DENIED, 1), (State.HELD, 4), (State.PENDING, 3)]
    assert not any(len(run_map) for run_map in bench.journal.delivered_to("nobody").values())


def test_who_brought_a_life_is_known_after_a_restart(bench: Bench) -> None:
    bench.journal.commit([SetBearer("grid-1", 5, "street"), SetBearer("grid-1", 5, "street"), SetBearer("grid-1", 6, "other")])
    assert bench.restart().recover().bearers == (("grid-1", 5, "street"), ("grid-1", 6, "other"))


def test_a_reason_that_a_date_ended_counts_under_the_same_version_up_to_its_lsn(bench: Bench) -> None:
    bench.journal.commit(commit_of(*(stored(lsn, [run(10 * lsn, 10 * lsn + 9)]) for lsn in (1, 2, 3))))
    stale = [run(10 * lsn, 10 * lsn + 9, state=State.HELD, reason="stale-policy") for lsn in (1, 3)]
    bench.journal.commit([entry(Span(0, 3), [stale[0], run(20, 29, state=State.HELD, reason="unclassified"), stale[1]])])
    ask = partial(bench.journal.held, PARENT, Direction.UP, not_version=b"v" * 32, batches_max=10)
    assert ask() == []
    assert [found.lsn for found in ask(again={"stale-policy": 2})] == [1]
    assert [found.lsn for found in ask(again={"stale-policy": 3})] == [1, 3]
    bench.journal.commit([SettleHeld(PARENT, Direction.UP, 1)])
    assert [found.lsn for found in ask(again={"stale-policy": 3, "no-grant": 3})] == [3]
