"""Batches that are decided together: who may join a lot, and what becomes of a lot that passes whole."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from node.engine.pieces import Lot
from policies.masks import MASK_KEY
from sync.model import DEFAULT_LIMITS, Lane, StoredBatch
from sync.ports import Outcome, Released, let_rows_go
from tests.node.shelf import NODE, Shelf
from tests.policies.city import city, rows_of


def stored(shelf: Shelf, count: int, *, masked: bool = False, grade: int = 1) -> StoredBatch:
    rows = rows_of(city().resources["air-quality"], [{"grade": grade}]).take(pa.array([0] * count))
    if masked:
        marked = rows.schema.field("device").with_metadata({MASK_KEY: b"redact::base"})
        rows = rows.cast(rows.schema.set(rows.schema.get_field_index("device"), marked))
    return shelf.append(rows, code="air-quality", lane=Lane.BULK, origin=NODE)


def whole(batch: StoredBatch, rows: pa.RecordBatch) -> Released:
    assert rows.num_rows == batch.batch.header.row_count
    return let_rows_go(Outcome.WHOLE, batch.batch.header.runs, None, b"plan", 4)


def test_a_lot_of_large_batches_that_passes_whole_goes_batch_by_batch(shelf: Shelf) -> None:
    first, second = stored(shelf, 30), stored(shelf, 20, grade=2)
    lot = Lot(first)
    lot.add(second)
    pieces = lot.pieces(whole, rows_large=25)
    assert [piece.stored for piece in pieces] == [first, second]
    assert [piece.released.runs for piece in pieces] == [first.batch.header.runs, second.batch.header.runs]
    assert [piece.released.grade_max for piece in pieces] == [1, 2]
    assert [piece.rows.num_rows for piece in pieces if piece.rows is not None] == [30, 20]
    assert all(piece.may_forward for piece in pieces)


def test_a_lot_of_small_batches_that_passes_whole_stays_one_piece(shelf: Shelf) -> None:
    lot = Lot(stored(shelf, 3))
    lot.add(stored(shelf, 4))
    (piece,) = lot.pieces(whole, rows_large=25)
    assert (piece.row_count, piece.may_forward) == (7, False)
    assert [(run.first, run.row_offset) for run in piece.stored.batch.header.runs] == [(1, 0), (4, 3)]


def test_a_lot_takes_no_more_rows_than_a_frame_may_have(shelf: Shelf) -> None:
    limits = replace(DEFAULT_LIMITS, batch_rows_target=10)
    lot = Lot(stored(shelf, 6))
    assert lot.takes(stored(shelf, 4), limits)
    assert not lot.takes(stored(shelf, 5), limits)


def test_batches_that_are_masked_differently_are_not_decided_together(shelf: Shelf) -> None:
    assert not Lot(stored(shelf, 2)).takes(stored(shelf, 2, masked=True), DEFAULT_LIMITS)


def test_records_that_come_again_out_of_order_join_no_frame_whose_order_counts(shelf: Shelf) -> None:
    early, late = stored(shelf, 3), stored(shelf, 4)
    again = replace(early, duplicates=(0,))
    assert not Lot(late).takes(again, DEFAULT_LIMITS)
    assert Lot(again).takes(late, DEFAULT_LIMITS)
    backfills = [replace(one, batch=replace(one.batch, header=replace(one.batch.header, backfill=True))) for one in (late, again)]
    assert Lot(backfills[0]).takes(backfills[1], DEFAULT_LIMITS)
