"""Numbers that were recalled are found in a header however its runs are cut."""

from __future__ import annotations

import pytest

from node.recall.tombs import Tombs
from sync.model import Lane, State, Stream, merged_ranges
from tests.contracts.batches import INCARNATION, NODE, RESOURCE, run, stored

STREAM = Stream(NODE, INCARNATION, Lane.BULK, RESOURCE)


@pytest.mark.parametrize(("first", "last", "number"), [(1, 9, 0), (1, 10, 10), (12, 30, 12), (21, 39, 0), (20, 20, 20), (5, 100, 40)])
def test_a_batch_with_a_recalled_record_is_refused_by_its_number(first: int, last: int, number: int) -> None:
    tombs = Tombs()
    tombs.hold([(STREAM, 10, 15), (STREAM, 14, 20), (STREAM, 40, 41)])
    refusal = tombs.refusal(stored(1, [run(first, last)]).batch.header)
    assert refusal == (f"{RESOURCE} refused: record {number} of {NODE} was recalled here (negative-list)" if number else "")


def test_an_account_without_rows_and_other_streams_pass() -> None:
    tombs = Tombs()
    tombs.hold([(STREAM, 1, 5)])
    assert tombs.refusal(stored(1, [run(1, 5, state=State.DENIED)]).batch.header) == ""
    assert tombs.refusal(stored(1, [run(1, 5)], resource="traffic").batch.header) == ""
    assert tombs.refusal(stored(1, [run(1, 5, origin="other")]).batch.header) == ""


def test_numbers_held_before_are_forgotten() -> None:
    tombs = Tombs()
    tombs.hold([(STREAM, 1, 5)])
    tombs.hold([])
    assert tombs.refusal(stored(1, [run(1, 5)]).batch.header) == ""


def test_ranges_that_touch_are_one() -> None:
    assert merged_ranges([(5, 9), (1, 4), (11, 12), (8, 8)]) == [(1, 9), (11, 12)]
