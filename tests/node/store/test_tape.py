"""Folding whole columns gives what folding one decision after the other gives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.store.tape import CLOSED, Tape, fold
from sync.model import Fate, Lane, RunMap, State, Stream

STREAM = Stream("qd-grid", 7, Lane.EVENT, "air-quality")
STATES = tuple(state for state in State if state not in (State.PENDING, State.RECALLED))
PIECES = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 20), st.sampled_from(STATES)), max_size=40)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(PIECES)
def test_every_number_ends_in_the_state_that_the_run_map_gives(pieces: list[tuple[int, int, State]]) -> None:
    tape, made, slow = Tape(), Tape(), RunMap()
    for first, count, state in pieces:
        tape.add(first, first + count - 1, int(state))
        made.add(first, first + count - 1, State.PRESENT)
        slow.set(first, first + count - 1, state)
    account = fold(STREAM, made, tape, ("",))
    stretches = zip(account.start, account.stop, account.state, strict=True)
    found = {number: State(state) for low, high, state in stretches for number in range(low, high)}
    expected = {number: entry.state for entry in slow for number in range(entry.first, entry.last + 1)}
    assert {number: state for number, state in found.items() if state is not State.PENDING} == expected
    assert all(account.count(fate) == slow.count(fate) for fate in Fate if fate is not Fate.PENDING)
    assert account.first_gap() is None


def test_neighbours_that_say_the_same_are_one_decision() -> None:
    tape = Tape()
    for number in range(1, 1_001):
        tape.add(number, number, State.PRESENT)
    tape.add(1_001, 1_001, State.PRESENT, mark=4)
    assert (list(tape.first), list(tape.last)) == ([1, 1_001], [1_000, 1_001])


def test_a_number_that_was_made_and_is_nowhere_is_the_gap_and_one_that_waits_is_not() -> None:
    made, decided = Tape(), Tape()
    made.add(1, 10, State.PRESENT)
    made.add(11, 12, State.PENDING)
    decided.add(1, 6, State.PRESENT)
    decided.add(8, 10, State.DENIED, 1 | CLOSED)
    account = fold(STREAM, made, decided, ("", "grade"))
    assert (account.first_gap(), account.count(Fate.PENDING), account.counted_reasons()) == (7, 2, {"grade": 3})
    assert account.is_closed.any()


def test_numbers_of_the_size_of_the_sky_cost_nothing() -> None:
    made, decided = Tape(), Tape()
    made.add(1, (1 << 62) - 1, State.PRESENT)
    decided.add(1, (1 << 62) - 1, State.HELD)
    account = fold(STREAM, made, decided, ("",))
    assert (len(account.start), account.count(Fate.WITHHELD)) == (1, (1 << 62) - 1)
