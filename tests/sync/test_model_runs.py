"""Runs and run maps against oracles that keep one entry per sequence number."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.model import NO_ROWS, Fate, HybridTime, Lane, ModelError, Run, RunMap, Segment, State, StateRange, Stream, may_move, split_runs

NUMBER_MAX = 60
STATES = st.sampled_from([state for state in State if state is not State.PENDING])
STRETCHES = st.tuples(st.integers(1, NUMBER_MAX), st.integers(0, 20), STATES).map(lambda drawn: (drawn[0], drawn[0] + drawn[1], drawn[2]))
MOVES = st.lists(STRETCHES, max_size=25)

Oracle = dict[int, State]


def oracle_set(oracle: Oracle, first: int, last: int, state: State) -> set[int]:
    """Move each number that may move; the numbers that did."""
    moved = {number for number in range(first, last + 1) if may_move(oracle.get(number, State.PENDING), state)}
    oracle.update(dict.fromkeys(moved, state))
    return moved


def numbers(ranges: Iterable[StateRange]) -> Oracle:
    """One entry per number of `ranges`."""
    return {number: entry.state for entry in ranges for number in range(entry.first, entry.last + 1)}


def played(moves: Iterable[tuple[int, int, State]]) -> tuple[RunMap, Oracle]:
    """A run map and its oracle after the same moves."""
    runs, oracle = RunMap(), Oracle()
    for first, last, state in moves:
        runs.set(first, last, state)
        oracle_set(oracle, first, last, state)
    return runs, oracle


@given(MOVES)
def test_a_run_map_holds_what_a_table_of_numbers_holds(moves: list[tuple[int, int, State]]) -> None:
    runs, oracle = played(moves)
    assert numbers(runs) == oracle


@given(MOVES, STRETCHES)
def test_set_returns_exactly_the_numbers_that_moved(moves: list[tuple[int, int, State]], move: tuple[int, int, State]) -> None:
    runs, oracle = played(moves)
    moved = numbers(runs.set(*move))
    assert set(moved) == oracle_set(oracle, *move)
    assert set(moved.values()) <= {move[2]}


@given(MOVES, STRETCHES)
def test_setting_the_same_state_again_moves_nothing(moves: list[tuple[int, int, State]], move: tuple[int, int, State]) -> None:
    runs, _ = played([*moves, move])
    assert runs.set(*move) == []


@given(MOVES)
def test_neighbours_of_one_state_are_merged_and_ranges_ascend(moves: list[tuple[int, int, State]]) -> None:
    ranges = list(played(moves)[0])
    for left, right in pairwise(ranges):
        assert left.last < right.first
        assert left.last + 1 < right.first or left.state is not right.state


@given(MOVES)
def test_the_mark_is_the_last_number_before_the_first_gap(moves: list[tuple[int, int, State]]) -> None:
    runs, oracle = played(moves)
    expected = next(number for number in range(1, NUMBER_MAX + 100) if number not in oracle) - 1
    assert runs.mark == expected


@given(MOVES)
def test_the_columns_of_the_equation_add_up_to_the_top(moves: list[tuple[int, int, State]]) -> None:
    runs, oracle = played(moves)
    assert runs.top == max(oracle, default=0)
    assert sum(runs.count(fate) for fate in Fate) == runs.top
    assert all(runs.count(fate) == sum(state.fate is fate for state in oracle.values()) for fate in set(Fate) - {Fate.PENDING})


@given(MOVES, STRETCHES)
def test_pieces_cover_the_stretch_without_gaps(moves: list[tuple[int, int, State]], stretch: tuple[int, int, State]) -> None:
    runs, oracle = played(moves)
    first, last, _ = stretch
    pieces = runs.pieces(first, last)
    assert numbers(pieces) == {number: oracle.get(number, State.PENDING) for number in range(first, last + 1)}
    assert [piece.first for piece in pieces[1:]] == [piece.last + 1 for piece in pieces[:-1]]


@given(MOVES)
def test_an_encoded_run_map_decodes_to_itself(moves: list[tuple[int, int, State]]) -> None:
    runs, _ = played(moves)
    assert RunMap.decode(runs.encode()) == runs


def test_bytes_that_are_no_run_map_are_refused() -> None:
    with pytest.raises(ModelError, match="18 bytes"):
        RunMap.decode(bytes(18))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 40)), max_size=3))
def test_any_bytes_are_a_run_map_or_a_model_error(entries: list[tuple[int, int, int]]) -> None:
    data = b"".join(struct.pack("<QQB", *entry) for entry in entries)
    try:
        runs = RunMap.decode(data)
    except ModelError:
        return
    assert runs.encode() == data
    assert all(1 <= entry.first <= entry.last for entry in runs)


@pytest.mark.parametrize("ranges", [[(1, 5), (5, 6)], [(4, 6), (1, 2)], [(3, 2)], [(0, 2)]])
def test_ranges_that_overlap_or_do_not_ascend_are_refused(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(ModelError, match="run map refused"):
        RunMap(StateRange(first, last, State.PRESENT) for first, last in ranges)


@pytest.mark.parametrize(("first", "last"), [(0, 3), (4, 3), (-1, -1)])
def test_a_run_that_does_not_start_at_one_and_ascend_is_refused(first: int, last: int) -> None:
    with pytest.raises(ModelError, match="start at 1 and ascend"):
        Run("grid-1", 7, first, last, 0)


@pytest.mark.parametrize(("row_offset", "state"), [(NO_ROWS, State.PRESENT), (0, State.DENIED), (3, State.LOST)])
def test_a_run_has_rows_exactly_when_its_records_are_present(row_offset: int, state: State) -> None:
    with pytest.raises(ModelError, match=state.name):
        Run("grid-1", 7, 1, 3, row_offset, state)


def test_a_run_knows_its_stream_and_its_count() -> None:
    run = Run("grid-1", 7, 11, 20, 0)
    assert run.count == 10
    assert run.stream(Lane.EVENT, "air-quality") == Stream("grid-1", 7, Lane.EVENT, "air-quality")


@st.composite
def batches(draw: st.DrawFn) -> list[Run]:
    """Runs of a batch: rows without gaps, and some runs whose records are elsewhere."""
    runs, row = [], 0
    for index in range(draw(st.integers(1, 6))):
        first, count = draw(st.integers(1, 1_000)), draw(st.integers(1, 12))
        origin, at = f"grid-{index}", HybridTime(index)
        if draw(st.booleans()):
            runs.append(Run(origin, 7, first, first + count - 1, row, at=at))
            row += count
        else:
            runs.append(Run(origin, 7, first, first + count - 1, NO_ROWS, State.DENIED, "rule", "street-1", at))
    return runs


def rows_of(runs: Sequence[Run]) -> int:
    """Rows of the payload the runs describe."""
    return sum(run.count for run in runs if run.state.has_rows)


DECISIONS = st.sampled_from([State.PRESENT, State.DENIED, State.AGGREGATE_ONLY, State.HELD])


@st.composite
def decided_batches(draw: st.DrawFn) -> tuple[list[Run], list[Segment]]:
    """A batch, and segments that cover its rows in order."""
    runs = draw(batches())
    segments, start, total = list[Segment](), 0, rows_of(runs)
    while start < total:
        stop = draw(st.integers(start + 1, total))
        state = draw(DECISIONS)
        segments.append(Segment(start, stop, state, "" if state.has_rows else f"class-{len(segments)}"))
        start = stop
    return runs, segments


@given(decided_batches())
def test_split_runs_says_of_each_record_what_the_gate_decided(decided: tuple[list[Run], list[Segment]]) -> None:
    runs, segments = decided
    verdicts = [(segment.state, segment.reason) for segment in segments for _ in range(segment.start, segment.stop)]
    expected = {}
    for run in runs:
        for number in range(run.first, run.last + 1):
            has_rows = run.state.has_rows
            state, reason = verdicts[run.row_offset + number - run.first] if has_rows else (run.state, run.reason)
            decider = "" if state.has_rows else "district-1" if has_rows else run.decider
            expected[run.origin, number] = (state, reason, decider)
    split = split_runs(runs, segments, decider="district-1")
    assert {(run.origin, number): (run.state, run.reason, run.decider) for run in split for number in _span(run)} == expected


@given(decided_batches())
def test_split_runs_moves_the_rows_that_stay_up_without_gaps(decided: tuple[list[Run], list[Segment]]) -> None:
    runs, segments = decided
    kept = [row for segment in segments if segment.state.has_rows for row in range(segment.start, segment.stop)]
    before = {(run.origin, number): run.row_offset + number - run.first for run in runs if run.state.has_rows for number in _span(run)}
    after = split_runs(runs, segments, decider="district-1")
    for run in after:
        for number in _span(run) if run.state.has_rows else ():
            assert kept[run.row_offset + number - run.first] == before[run.origin, number]
    assert rows_of(after) == len(kept)


@given(decided_batches())
def test_split_runs_keeps_time_and_number_of_every_record(decided: tuple[list[Run], list[Segment]]) -> None:
    runs, segments = decided
    split = split_runs(runs, segments, decider="district-1")
    assert sum(run.count for run in split) == sum(run.count for run in runs)
    assert {(run.origin, run.incarnation, run.at) for run in split} == {(run.origin, run.incarnation, run.at) for run in runs}


def _span(run: Run) -> range:
    return range(run.first, run.last + 1)


@given(MOVES, STRETCHES)
def test_append_does_what_set_does_above_everything_and_nothing_elsewhere(
    moves: list[tuple[int, int, State]], last: tuple[int, int, State]
) -> None:
    appended, moved = RunMap(), RunMap()
    for move in moves:
        appended.set(*move)
        moved.set(*move)
    before = list(appended)
    appended.take_changes()
    moved.take_changes()
    is_above = last[0] > appended.top and may_move(State.PENDING, last[2])
    assert appended.append(*last) == is_above
    if not is_above:
        assert list(appended) == before
        return
    moved.set(*last)
    assert (appended, appended.take_changes()) == (moved, moved.take_changes())


@given(MOVES, st.lists(STRETCHES, max_size=8), st.sampled_from(list(State)))
def test_setting_many_ranges_at_once_does_what_setting_each_does(
    moves: list[tuple[int, int, State]], wanted: list[tuple[int, int, State]], state: State
) -> None:
    numbers_meant = sorted({number for first, last, _ in wanted for number in range(first, last + 1)})
    starts = [number for number in numbers_meant if number - 1 not in numbers_meant]
    stops = [number for number in numbers_meant if number + 1 not in numbers_meant]
    at_once, one_by_one = played(moves)[0], played(moves)[0]
    before = {(entry.first, entry.last, entry.state) for entry in at_once}
    at_once.take_changes()
    moved = at_once.set_all(list(zip(starts, stops, strict=True)), state)
    each = [entry for first, last in zip(starts, stops, strict=True) for entry in one_by_one.set(first, last, state)]
    assert (list(at_once), numbers(moved)) == (list(one_by_one), numbers(each))
    gone, put = at_once.take_changes()
    after = {(entry.first, entry.last, entry.state) for entry in at_once}
    assert {(entry.first, entry.last, entry.state) for entry in put} == after - before
    assert set(gone) == {first for first, _, _ in before} - {first for first, _, _ in after}


def test_ranges_cut_out_of_one_range_leave_what_lies_between_them_and_are_written_as_changes() -> None:
    runs, _ = played([(1, 60, State.PRESENT), (70, 80, State.DENIED)])
    runs.take_changes()
    moved = runs.set_all([(7, 9), (3, 3)], State.RECALLED)
    cut = [(1, 2, State.PRESENT), (3, 3, State.RECALLED), (4, 6, State.PRESENT), (7, 9, State.RECALLED), (10, 60, State.PRESENT)]
    assert [(entry.first, entry.last, entry.state) for entry in runs] == [*cut, (70, 80, State.DENIED)]
    assert [(entry.first, entry.last) for entry in moved] == [(3, 3), (7, 9)]
    gone, put = runs.take_changes()
    assert (gone, [(entry.first, entry.last, entry.state) for entry in put]) == ((), cut)
