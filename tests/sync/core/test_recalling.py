"""Recalled records count as delivered for good, and are denied to whoever had not heard of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync.core.books import Books
from sync.core.recalling import as_told
from sync.model import Fate, Lane, RunMap, State, StateRange, Stream
from tests.contracts.batches import INCARNATION, NODE, RESOURCE, run, stored

STREAM = Stream(NODE, INCARNATION, Lane.BULK, RESOURCE)


def books(*ranges: StateRange) -> Books:
    return Books({STREAM: RunMap(ranges)})


def test_present_records_become_recalled_and_others_keep_their_fate() -> None:
    made = books(StateRange(1, 5, State.PRESENT), StateRange(6, 7, State.LOST), StateRange(8, 9, State.DENIED))
    made.recall([run(3, 9)], Lane.BULK, RESOURCE)
    found = made.streams[STREAM]
    assert [(one.first, one.last, one.state) for one in found] == [
        (1, 2, State.PRESENT), (3, 5, State.RECALLED), (6, 7, State.LOST), (8, 9, State.DENIED)]  # fmt: skip
    assert found.count(Fate.DELIVERED) == 5
    (change,) = made.take_dirty()
    assert [(one.first, one.last) for one in change.put] == [(1, 2), (3, 5)]


def test_a_recall_made_again_and_a_record_that_comes_again_change_nothing() -> None:
    made = books(StateRange(1, 5, State.PRESENT))
    made.recall([run(2, 3)], Lane.BULK, RESOURCE)
    list(made.take_dirty())
    made.recall([run(2, 3)], Lane.BULK, RESOURCE)
    accounted = made.account(stored(1, [run(2, 3)]).batch.header)
    assert not accounted.is_news
    assert list(made.take_dirty()) == []


@pytest.mark.parametrize(("backfill", "is_from_peer"), [(False, True), (True, False), (True, True)])
def test_only_a_peers_backfill_brings_a_recalled_record_back(*, backfill: bool, is_from_peer: bool) -> None:
    made = books(StateRange(1, 1, State.PRESENT), StateRange(2, 3, State.RECALLED))
    header = replace(stored(1, [run(1, 3)]).batch.header, backfill=backfill)
    accounted = made.account(header, is_from_peer=is_from_peer)
    comes = backfill and is_from_peer
    assert [(one.first, one.last) for one in accounted.runs] == ([(1, 1), (2, 3)] if comes else [(1, 3)])
    assert accounted.duplicates == (0,)
    assert accounted.is_news is comes
    assert made.streams[STREAM].count(Fate.DELIVERED) == 3


def test_what_is_recalled_is_told_as_denied_and_the_rest_as_it_is() -> None:
    gone = replace(run(2, 3, state=State.RECALLED, reason="negative-list"), decider="city")
    batch = stored(1, [run(1, 1), gone, run(4, 4, row=1)])
    told = as_told(batch).batch.header.runs
    assert [(one.first, one.state, one.reason, one.decider) for one in told] == [
        (1, State.PRESENT, "", ""), (2, State.DENIED, "negative-list", "city"), (4, State.PRESENT, "", "")]  # fmt: skip
    whole = stored(2, [run(1, 4)])
    assert as_told(whole) is whole
