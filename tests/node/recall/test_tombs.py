"""Numbers that were recalled are found in a batch however its runs are cut, and only their rows are left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from node.engine.rowfacts import sealed_header
from node.recall.cutting import only
from node.recall.tombs import Tombs
from sync.model import Batch, Lane, Run, State, Stream, merged_ranges
from sync.wire.payload import encode_payload, unfold_payload
from tests.contracts.batches import INCARNATION, NODE, RESOURCE, run, stored

STREAM = Stream(NODE, INCARNATION, Lane.BULK, RESOURCE)


def made(*runs: Run, resource: str = RESOURCE, backfill: bool = False) -> tuple[Batch, pa.RecordBatch]:
    """A batch whose rows have their place as value, and its rows."""
    header = stored(1, runs, resource=resource, backfill=backfill).batch.header
    count = header.row_count
    rows = pa.record_batch({
        "event_time": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * count, pa.timestamp("us", "UTC")),
        "territory": pa.array(["370202"] * count),
        "grade": pa.array([1] * count, pa.int8()),
        "value": pa.array(range(count), pa.int64()),
    })  # fmt: skip
    payload = encode_payload(rows, compression="lz4")
    return Batch(sealed_header(header, rows, payload), payload), rows


def values(batch: Batch) -> list[int]:
    return [int(value) for value in unfold_payload(batch.payload).column("value").to_pylist() if value is not None] if batch.payload else []


@pytest.mark.parametrize(
    ("first", "last", "kept"),
    [(1, 9, None), (1, 10, [*range(9)]), (12, 30, [*range(9, 19)]), (21, 39, None), (20, 20, []), (9, 42, [0, *range(12, 31), 33])],
)
def test_only_the_rows_of_recalled_numbers_are_left_out(first: int, last: int, kept: list[int] | None) -> None:
    tombs = Tombs(NODE)
    tombs.hold([(STREAM, 10, 15), (STREAM, 14, 20), (STREAM, 40, 41)])
    left = tombs.left(*made(run(first, last)))
    assert (None if left is None else values(left)) == kept


def test_what_is_left_out_is_accounted_for_as_denied_and_records_beside_it_keep_their_place() -> None:
    tombs = Tombs("city")
    tombs.hold([(STREAM, 2, 2)])
    left = tombs.left(*made(run(1, 2), replace(run(8, 9), row_offset=2), run(3, 7, state=State.HELD)))
    assert left is not None
    assert values(left) == [0, 2, 3]
    assert [(one.first, one.last, one.state, one.row_offset, one.decider) for one in left.header.runs] == [
        (1, 1, State.PRESENT, 0, ""), (2, 2, State.DENIED, -1, "city"), (8, 9, State.PRESENT, 1, ""), (3, 7, State.HELD, -1, NODE),
    ]  # fmt: skip
    assert (left.header.row_count, left.manifest, left.origin_manifest) == (3, None, None)


def test_an_account_without_rows_and_other_streams_pass() -> None:
    tombs = Tombs(NODE)
    tombs.hold([(STREAM, 1, 5)])
    assert tombs.left(stored(1, [run(1, 5, state=State.DENIED)]).batch, None) is None
    assert tombs.left(*made(run(1, 5), resource="traffic")) is None
    assert tombs.left(*made(run(1, 5, origin="other"))) is None


@pytest.mark.parametrize(("backfill", "kept"), [(False, [3, 4]), (True, [0, 3, 4])])
def test_of_an_order_that_is_over_a_backfill_alone_may_bring_the_numbers(*, backfill: bool, kept: list[int]) -> None:
    tombs = Tombs(NODE)
    tombs.hold([(STREAM, 2, 3)], [(STREAM, 1, 2)])
    left = tombs.left(*made(run(1, 5), backfill=backfill))
    assert left is not None
    assert values(left) == kept


def test_free_is_what_no_order_in_force_recalled() -> None:
    tombs = Tombs(NODE)
    tombs.hold([(STREAM, 3, 4), (STREAM, 8, 8)], [(STREAM, 1, 20)])
    assert tombs.free(STREAM, 1, 10) == [(1, 2), (5, 7), (9, 10)]
    assert tombs.free(STREAM, 3, 4) == []
    assert tombs.free(replace(STREAM, origin="other"), 3, 4) == [(3, 4)]


def test_numbers_held_before_are_forgotten() -> None:
    tombs = Tombs(NODE)
    tombs.hold([(STREAM, 1, 5)])
    tombs.hold([])
    assert tombs.left(*made(run(1, 5))) is None


def test_a_batch_of_chosen_rows_speaks_of_no_other_number() -> None:
    batch, rows = made(run(1, 3), replace(run(7, 8), row_offset=3))
    cut = only(batch, rows, pa.array([False, True, False, False, True]).to_numpy(zero_copy_only=False))
    assert [(one.first, one.last, one.row_offset) for one in cut.header.runs] == [(2, 2, 0), (8, 8, 1)]
    assert values(cut) == [1, 4]


def test_ranges_that_touch_are_one() -> None:
    assert merged_ranges([(5, 9), (1, 4), (11, 12), (8, 8)]) == [(1, 9), (11, 12)]
