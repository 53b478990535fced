"""P6: what went for want of room went in the stated order, judged by what its keeper saw."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from simulations.checkers.quotas import KeptRows, Look, check_freed, kept_rows
from sync.model import Lane

GONE = KeptRows(2, Lane.BULK, is_kept=False, is_freed_now=True, is_delivered=False)


def texts(*rows: KeptRows, is_shed: bool = True) -> list[str]:
    return [violation.text for violation in check_freed("g1", [row.lsn for row in rows if row.is_freed_now], rows, is_shed=is_shed)]


def kept(lsn: int, lane: Lane, *, is_delivered: bool = False, was_delivered: bool = False) -> KeptRows:
    return KeptRows(lsn, lane, is_kept=True, is_freed_now=False, is_delivered=is_delivered, was_delivered=was_delivered)


def test_newer_batches_of_the_lane_and_higher_lanes_stay() -> None:
    assert texts(GONE, kept(3, Lane.BULK), kept(1, Lane.EVENT)) == []


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (kept(1, Lane.EVENT, is_delivered=True, was_delivered=True), "delivered and kept"),
        (kept(1, Lane.BULK), "2 of its lane was shed"),
        (kept(3, Lane.BLOB), "lane bulk was shed"),
        (KeptRows(1, Lane.ALARM, is_kept=False, is_freed_now=True, is_delivered=False), "alarm batch 1"),
    ],
)
def test_what_is_out_of_order_is_named(row: KeptRows, word: str) -> None:
    assert any(word in text for text in texts(GONE, row))


def test_what_was_acknowledged_behind_the_look_goes_with_the_next_one() -> None:
    assert texts(GONE, kept(1, Lane.EVENT, is_delivered=True)) == []


def test_what_went_as_delivered_must_be_so_when_it_goes() -> None:
    assert texts(GONE, is_shed=False) == ["batch 2 was let go as delivered, and a hop has not got it"]


def test_rows_say_what_was_delivered_then_and_now() -> None:
    with closing(sqlite3.connect(":memory:")) as journal:
        journal.execute("CREATE TABLE batch (lsn, lane, resource, freed, payload_bytes)")
        journal.execute("CREATE TABLE out_mark (peer, direction, lane, stored, secured)")
        journal.execute("CREATE TABLE refusal (lane, span_after, span_upto, by_peer)")
        journal.executemany("INSERT INTO batch VALUES (?, 4, 'air-quality', 0, 9)", [(1,), (2,), (3,), (4,)])
        journal.execute("INSERT INTO out_mark VALUES ('s1', 0, 4, 3, 2)")
        journal.execute("INSERT INTO refusal VALUES (4, 2, 3, 1)")
        rows = kept_rows(journal, [], Look(3, {("s1", 4, 0): 1}), "s1", [])
    assert [(row.lsn, row.is_delivered, row.was_delivered, row.is_refused) for row in rows] == [
        (1, True, True, False),
        (2, True, False, False),
        (3, False, False, True),
    ]
