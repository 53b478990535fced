"""The books of a hop: the equation holds when they are right, and shows a difference when a ledger row is missing."""

from __future__ import annotations

from node.store.flows import StreamFlow
from node.store.journal import SqliteJournal
from sync.model import Direction, Lane, Span, State
from sync.model.writes import OutMark, SetOutMark
from tests.contracts.batches import NODE, PARENT, commit_of, entry, refusal, run, stored


def mark(upto: int) -> SetOutMark:
    return SetOutMark(PARENT, Direction.UP, Lane.BULK, OutMark(upto, 0, upto))


def only(journal: SqliteJournal) -> StreamFlow:
    (flow,) = journal.flow(PARENT, Direction.UP)
    return flow


def columns(flow: StreamFlow) -> tuple[int, ...]:
    return (flow.produced, flow.delivered, flow.withheld, flow.expired, flow.lost, flow.pending)


def fill(journal: SqliteJournal) -> None:
    journal.commit(commit_of(stored(1, [run(1, 10)]), stored(2, [run(11, 15)]), stored(3, [run(16, 20)])))


def test_everything_is_pending_before_anything_is_sent(journal: SqliteJournal) -> None:
    fill(journal)
    assert columns(only(journal)) == (20, 0, 0, 0, 0, 20)
    assert only(journal).holds


def test_sent_records_are_delivered_or_withheld_with_reasons(journal: SqliteJournal) -> None:
    fill(journal)
    sent = [run(1, 8), run(9, 10, state=State.DENIED, reason="grade"), run(11, 15, state=State.SHED, reason="quota")]
    journal.commit([entry(Span(0, 2), sent), mark(2)])
    assert columns(only(journal)) == (20, 8, 2, 5, 0, 5)
    assert (only(journal).holds, only(journal).reasons) == (True, {"grade": 2, "quota": 5})


def test_what_is_in_flight_is_pending(journal: SqliteJournal) -> None:
    fill(journal)
    journal.commit([entry(Span(0, 3), [run(1, 20)])])
    assert columns(only(journal)) == (20, 0, 0, 0, 0, 20)


def test_a_missing_ledger_row_shows_as_a_difference(journal: SqliteJournal) -> None:
    fill(journal)
    journal.commit([entry(Span(0, 1), [run(1, 10)]), entry(Span(1, 3), [run(11, 20)]), mark(3)])
    assert only(journal).holds
    journal._writer.execute("DELETE FROM ledger WHERE id = 2")
    assert columns(only(journal)) == (20, 10, 0, 0, 0, 0)
    assert not only(journal).holds


def test_a_refused_frame_counts_as_withheld_until_it_is_sent_again(journal: SqliteJournal) -> None:
    fill(journal)
    journal.commit([entry(Span(0, 3), [run(1, 20)]), refusal(Span(0, 3), reason="unknown-schema"), mark(3)])
    assert columns(only(journal)) == (20, 0, 20, 0, 0, 0)
    assert only(journal).reasons == {"unknown-schema": 20}
    again = stored(4, [run(1, 10)], duplicates=(0,), backfill=True)
    journal.commit([*commit_of(again)[:1], entry(Span(3, 4), [run(1, 10)]), mark(4)])
    assert columns(only(journal)) == (20, 10, 10, 0, 0, 0)
    assert (only(journal).holds, only(journal).reasons) == (True, {"unknown-schema": 10})


def test_a_refused_part_leaves_the_other_part_delivered(journal: SqliteJournal) -> None:
    fill(journal)
    parts = [entry(Span(0, 3), [run(1, 10)], part=0, parts=2), entry(Span(0, 3), [run(11, 20)], part=1, parts=2)]
    journal.commit([*parts, refusal(Span(0, 3), part=1), mark(3)])
    assert columns(only(journal)) == (20, 10, 10, 0, 0, 0)


def test_closed_pieces_are_in_the_books(journal: SqliteJournal) -> None:
    fill(journal)
    closed = entry(Span(0, 2), [run(1, 15, state=State.AGGREGATE_ONLY, reason="share")], closed=True)
    journal.commit([closed, entry(Span(0, 3), [run(16, 20)]), mark(3)])
    assert columns(only(journal)) == (20, 5, 15, 0, 0, 0)


def test_returned_batches_and_duplicates_are_not_produced_upward(journal: SqliteJournal) -> None:
    fill(journal)
    returned = stored(4, [run(1, 7, origin="another")], direction=Direction.RETURN)
    journal.commit(commit_of(returned, stored(5, [run(1, 10)], duplicates=(0,)))[:2])
    assert columns(only(journal)) == (20, 0, 0, 0, 0, 20)


def test_streams_are_filtered_by_resource_and_origin(journal: SqliteJournal) -> None:
    fill(journal)
    journal.commit(commit_of(stored(4, [run(1, 2, origin="grid-1")], resource="traffic-flow"))[:1])
    assert len(journal.flow(PARENT, Direction.UP)) == 2
    assert [flow.stream.origin for flow in journal.flow(PARENT, Direction.UP, resource="traffic-flow")] == ["grid-1"]
    assert [flow.stream.origin for flow in journal.flow(PARENT, Direction.UP, origin=NODE)] == [NODE]
    assert journal.flow(PARENT, Direction.UP, resource="residents") == []


def test_the_backlog_is_what_lies_above_the_mark(journal: SqliteJournal) -> None:
    fill(journal)
    journal.commit([mark(1)])
    backlog = journal.backlog(PARENT, Direction.UP, Lane.BULK)
    assert (backlog.batches, backlog.records, backlog.payload_bytes) == (2, 10, 24)
    assert backlog.oldest_wall_us == 1_700_000_000_000_000
    empty = journal.backlog(PARENT, Direction.UP, Lane.ALARM)
    assert (empty.batches, empty.records, empty.payload_bytes, empty.oldest_wall_us) == (0, 0, 0, None)


def test_a_stretch_sent_twice_counts_as_it_was_decided_the_second_time(journal: SqliteJournal) -> None:
    fill(journal)
    lost, stricter = [run(1, 20)], [run(1, 8), run(9, 20, state=State.DENIED, reason="negative-list")]
    journal.commit([entry(Span(0, 3), lost), entry(Span(0, 3), stricter), mark(3)])
    assert columns(only(journal)) == (20, 8, 12, 0, 0, 0)
    assert only(journal).reasons == {"negative-list": 12}


def test_frames_for_another_copy_of_the_peer_do_not_hide_those_that_this_one_has(journal: SqliteJournal) -> None:
    fill(journal)
    journal.commit([entry(Span(0, 1), [run(1, 10)]), entry(Span(1, 3), [run(11, 20)]), mark(3)])
    journal.commit([mark(0), entry(Span(0, 2), [run(1, 15)]), mark(2)])
    journal.commit([mark(3)])
    assert columns(only(journal)) == (20, 20, 0, 0, 0, 0)
    assert only(journal).holds
