"""The table of states: every state has a fate, and no move breaks the accounting promise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.model import Fate, State, may_move
from sync.model.states import FATES, MOVES

STATES = st.sampled_from(State)
STORED_NUMBERS = {
    "PENDING": 0,
    "PRESENT": 1,
    "RECALLED": 2,
    "HANDED_OVER": 3,
    "DENIED": 10,
    "AGGREGATE_ONLY": 11,
    "HELD": 12,
    "QUARANTINED": 13,
    "RETENTION": 20,
    "SHED": 21,
    "SUPERSEDED": 22,
    "LOST": 30,
}


def test_every_state_has_a_fate_and_a_row_of_moves() -> None:
    assert set(FATES) == set(MOVES) == set(State)
    assert set(FATES.values()) == set(Fate)


def test_the_numbers_in_journals_never_change() -> None:
    assert {state.name: int(state) for state in State} == STORED_NUMBERS


@given(STATES)
def test_nothing_becomes_pending_again(old: State) -> None:
    assert not may_move(old, State.PENDING)


@given(STATES)
def test_no_state_moves_to_itself(state: State) -> None:
    assert not may_move(state, state)


@given(STATES)
def test_delivered_may_only_be_recalled(new: State) -> None:
    assert may_move(State.PRESENT, new) == (new is State.RECALLED)
    assert not may_move(State.RECALLED, new)


@given(STATES, STATES)
def test_a_backfill_moves_what_any_batch_does_and_brings_back_what_was_recalled(old: State, new: State) -> None:
    comes_again = (old, new) == (State.RECALLED, State.PRESENT)
    assert may_move(old, new, is_backfill=True) == (may_move(old, new) or comes_again)


@pytest.mark.parametrize("withheld", [state for state in State if state.fate is Fate.WITHHELD])
def test_withheld_may_become_delivered_or_expired_and_never_lost(withheld: State) -> None:
    assert may_move(withheld, State.PRESENT)
    assert all(may_move(withheld, expired) for expired in State if expired.fate is Fate.EXPIRED)
    assert not may_move(withheld, State.LOST)


@pytest.mark.parametrize("expired", [State.RETENTION, State.SHED])
def test_what_one_holder_let_go_may_only_be_found_at_another(expired: State) -> None:
    assert [new for new in State if may_move(expired, new)] == [State.PRESENT]


def test_superseded_is_the_end() -> None:
    assert not any(may_move(State.SUPERSEDED, new) for new in State)


def test_handed_over_replaces_nothing_so_that_it_hides_no_loss() -> None:
    assert [old for old in State if may_move(old, State.HANDED_OVER)] == [State.PENDING]


@given(STATES)
def test_any_word_of_a_records_own_way_replaces_handed_over(new: State) -> None:
    assert may_move(State.HANDED_OVER, new) == (new not in (State.PENDING, State.HANDED_OVER))


def test_lost_records_may_be_found_again() -> None:
    assert may_move(State.LOST, State.PRESENT)
    assert may_move(State.LOST, State.HELD)


def test_only_present_records_have_rows() -> None:
    assert [state for state in State if state.has_rows] == [State.PRESENT]
