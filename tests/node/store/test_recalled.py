"""A recall in the journal: the batch is replaced whole or not at all, with tombstones, and the file keeps nothing of the old bytes."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import replace
from pathlib import Path

from node.store import recalled
from node.store.journal import SqliteJournal
from node.store.recalled import OrderNote
from sync.model import Lane, State, StoredBatch, Stream
from sync.model.writes import Recall
from tests.contracts.batches import INCARNATION, NODE, RESOURCE, commit_of, run, stored

STREAM = Stream("street", INCARNATION, Lane.BULK, RESOURCE)
CANARY = b"kzq7-canary-w0v3n-19x"


def emptied(batch: StoredBatch) -> StoredBatch:
    runs = tuple(replace(one, state=State.RECALLED, row_offset=-1, reason="negative-list", decider=NODE) for one in batch.batch.header.runs)
    header = replace(batch.batch.header, runs=runs, row_count=0, payload_sha256=hashlib.sha256(b"").digest(), payload_bytes=0)
    return replace(batch, batch=replace(batch.batch, header=header, payload=b"", manifest=None, origin_manifest=None), is_replaced=True)


def recall_of(batch: StoredBatch) -> Recall:
    return Recall(emptied(batch), batch.batch.header.payload_sha256, "NL-1@0", batch.batch.header.runs, (), 77)


def filled(journal: SqliteJournal, *, size: int = 100_000) -> StoredBatch:
    made = stored(1, [run(1, 3, origin="street")], payload=CANARY * (size // len(CANARY)), source="street")
    journal.commit(commit_of(made))
    return made


def test_a_batch_is_replaced_with_its_tombstones(journal: SqliteJournal) -> None:
    made = filled(journal)
    journal.commit([recall_of(made)])
    again = journal.batch(1)
    assert again is not None
    assert (again.is_replaced, again.batch.payload, again.batch.manifest) == (True, b"", None)
    assert [found[1:] for found in journal.look("test", lambda db: [*recalled.tombstones(db)])] == [(77, STREAM, 1, 3)]
    (found,) = journal.look("test", lambda db: recalled.stretches(db, "NL-1@0"))
    assert (found.stream, found.first, found.last, found.source, found.count) == (STREAM, 1, 3, "street", 3)


def test_a_batch_that_is_another_one_by_now_is_left_alone(journal: SqliteJournal) -> None:
    made = filled(journal)
    journal.commit([replace(recall_of(made), was_sha256=b"x" * 32)])
    assert journal.batch(1) == made
    assert journal.look("test", lambda db: recalled.stretches(db, "NL-1@0")) == []


def test_no_page_and_no_frame_of_the_log_keeps_the_bytes(journal: SqliteJournal, path: Path) -> None:
    made = filled(journal)
    assert journal.empty_log()
    assert CANARY in path.read_bytes()
    journal.commit([recall_of(made)])
    assert journal.empty_log()
    assert CANARY not in path.read_bytes()
    assert path.with_name(path.name + "-wal").stat().st_size == 0


def test_small_rows_inside_a_page_are_overwritten_too(journal: SqliteJournal, path: Path) -> None:
    made = filled(journal, size=len(CANARY))
    journal.commit([recall_of(made)])
    assert journal.empty_log()
    assert CANARY not in path.read_bytes()


def test_the_log_is_not_emptied_under_a_reader(journal: SqliteJournal) -> None:
    made = filled(journal)

    def while_reading(db: sqlite3.Connection) -> bool:
        db.execute("SELECT count(*) FROM batch").fetchone()
        journal.commit([recall_of(made)])
        return journal.empty_log()

    assert not journal.look("test", while_reading)
    assert journal.empty_log()


def test_how_far_an_order_is_is_kept(journal: SqliteJournal) -> None:
    note = OrderNote("NL-1@0", "NL-1", "shandong", 5)
    for one in (note, replace(note, done_us=9, facts="{}")):
        journal.enter("test", lambda db, one=one: recalled.keep_note(db, one))  # type: ignore[misc]
    assert journal.look("test", recalled.notes) == [replace(note, done_us=9, facts="{}")]
