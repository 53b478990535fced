"""The books: numbers are given once, known runs are duplicates, half-known runs are cut."""

from __future__ import annotations

from sync.core.books import Books
from sync.model import NO_ROWS, BatchHeader, Lane, Run, RunMap, State, StateRange, Stream

STREAM = Stream("grid", 5, Lane.EVENT, "air-quality")


def header(*runs: Run) -> BatchHeader:
    rows = sum(run.count for run in runs if run.state.has_rows)
    return BatchHeader("air-quality", Lane.EVENT, 1, rows, runs, b"", 0, 0)


def run(first: int, last: int, *, row: int = 0, state: State = State.PRESENT) -> Run:
    return Run("grid", 5, first, last, row if state.has_rows else NO_ROWS, state)


def test_own_records_are_numbered_without_gaps() -> None:
    books = Books({})
    assert [books.number(STREAM, 3), books.number(STREAM, 1)] == [(1, 3), (4, 4)]


def test_numbering_goes_on_from_the_journal() -> None:
    assert Books({STREAM: RunMap([StateRange(1, 9, State.PRESENT)])}).number(STREAM, 1) == (10, 10)


def test_a_known_run_is_a_duplicate() -> None:
    books = Books({})
    assert books.account(header(run(1, 5))).is_news
    again = books.account(header(run(1, 5)))
    assert (again.duplicates, again.is_news) == ((0,), False)


def test_news_below_what_is_known_is_late() -> None:
    books = Books({STREAM: RunMap([StateRange(1, 4, State.HELD)])})
    assert not books.account(header(run(5, 6))).is_late
    assert books.account(header(run(3, 4))).is_late
    assert not books.account(header(run(3, 4), run(7, 9))).is_late


def test_a_half_known_run_is_cut_with_its_row_offsets() -> None:
    books = Books({STREAM: RunMap([StateRange(3, 4, State.PRESENT)])})
    found = books.account(header(run(1, 6, row=10)))
    assert [(part.first, part.last, part.row_offset) for part in found.runs] == [(1, 2, 10), (3, 4, 12), (5, 6, 14)]
    assert found.duplicates == (1,)


def test_withheld_records_may_arrive_later() -> None:
    books = Books({})
    books.account(header(run(1, 3, state=State.HELD)))
    assert books.account(header(run(1, 3))).duplicates == ()


def test_delivered_records_are_not_taken_back_by_a_later_account() -> None:
    books = Books({})
    books.account(header(run(1, 3)))
    assert books.account(header(run(1, 3, state=State.DENIED))).duplicates == (0,)
    assert list(books.streams[STREAM]) == [StateRange(1, 3, State.PRESENT)]


def test_one_run_twice_in_a_batch_counts_once() -> None:
    found = Books({}).account(header(run(1, 2), run(1, 2, row=2)))
    assert found.duplicates == (1,)


def test_another_incarnation_is_another_stream() -> None:
    books = Books({STREAM: RunMap([StateRange(1, 9, State.PRESENT)])})
    other = Run("grid", 6, 1, 9, 0)
    assert books.account(header(other)).duplicates == ()


def test_only_changed_maps_are_written_once_and_sorted() -> None:
    second = Stream("grid", 5, Lane.EVENT, "traffic-flow")
    books = Books({STREAM: RunMap([StateRange(1, 1, State.PRESENT)])})
    books.number(second, 1)
    books.number(STREAM, 1)
    assert [write.stream for write in books.take_dirty()] == [STREAM, second]
    books.account(header(run(1, 2)))
    assert list(books.take_dirty()) == []
