"""Repair mends what can be made again, sets aside what cannot, deletes nothing, and does nothing unless told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from node.store.journal import SqliteJournal, open_journal
from node.store.repair import check, compact, repair
from node.store.verify import Fault
from sync.model import State
from sync.model.writes import FreeBatches
from tests.contracts.batches import INCARNATION, NODE, commit_of, run, stored

BATCHES = 4


@pytest.fixture
def filled(journal: SqliteJournal) -> Path:
    """Four batches, the first of them freed, of a node that has stopped."""
    journal.commit(commit_of(*(stored(lsn, [run(lsn, lsn)], payload=bytes([lsn]) * 150_000) for lsn in range(1, BATCHES + 1))))
    journal.commit([FreeBatches((1,), State.SHED)])
    journal.close()
    return journal.path


def changed(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def opened(path: Path) -> SqliteJournal:
    return open_journal(path, node=NODE, incarnation=INCARNATION)


def test_a_sound_file_needs_nothing(filled: Path) -> None:
    mended = repair(filled, is_real=True)
    assert (mended.found, mended.done, mended.left) == ((), (), ())


def test_without_the_word_nothing_is_changed(filled: Path) -> None:
    changed(filled, "UPDATE batch SET payload = x'00' WHERE lsn = 2", "DELETE FROM stream_range")
    mended = repair(filled, is_real=False)
    assert (len(mended.done), mended.left) == (2, mended.found)
    assert [finding.fault for finding in check(filled)] == [Fault.PAYLOAD, Fault.MAP]


def test_a_damaged_batch_is_set_aside_with_its_bytes_and_the_others_stay(filled: Path) -> None:
    changed(filled, "UPDATE batch SET payload = x'00' WHERE lsn = 2")
    assert repair(filled, is_real=True).left == ()
    connection = sqlite3.connect(filled)
    assert connection.execute("SELECT lsn, payload FROM aside").fetchall() == [(2, b"\0")]
    connection.close()
    journal = opened(filled)
    states = [[entry.state for entry in found.batch.header.runs] for lsn in range(1, 5) if (found := journal.batch(lsn))]
    assert states == [[State.PRESENT], [State.LOST], [State.PRESENT], [State.PRESENT]]
    assert [run_map.top for run_map in journal.recover().streams.values()] == [BATCHES]
    journal.close()


def test_run_maps_and_counts_are_made_again_from_the_batches(filled: Path) -> None:
    journal = opened(filled)
    before, counts = journal.recover().streams, journal.counts()
    journal.close()
    changed(filled, "UPDATE stream_range SET last_seq = 99", "DELETE FROM freed")
    assert {finding.fault for finding in check(filled)} == {Fault.MAP}
    assert repair(filled, is_real=True).left == ()
    journal = opened(filled)
    assert (journal.recover().streams, journal.counts()) == (before, counts)
    journal.close()


def test_a_missing_batch_is_found_and_not_papered_over(filled: Path) -> None:
    changed(filled, "DELETE FROM batch WHERE lsn = 3", "DELETE FROM batch_run WHERE lsn = 3")
    left = repair(filled, is_real=True).left
    assert [(finding.lsn, finding.fault, finding.what) for finding in left] == [(3, Fault.PAGES, "batches 3 to 3 are not there")]


def test_a_check_reads_beside_a_running_node(filled: Path) -> None:
    journal = opened(filled)
    assert check(filled) == []
    journal.commit(commit_of(stored(5, [run(5, 5)]), after=[stored(lsn, [run(lsn, lsn)]) for lsn in range(1, 5)]))
    assert check(filled) == []
    journal.close()


def test_freed_pages_return_to_the_disk_step_by_step(filled: Path) -> None:
    journal = opened(filled)
    journal.commit([FreeBatches((2, 3, 4), State.RETENTION)])
    space = journal.space()
    assert space.free_bytes > 0
    assert journal.vacuum_step(1) == 1
    assert journal.space().free_bytes == space.free_bytes - 65_536
    journal.vacuum_step(1_000)
    assert journal.space().free_bytes == 0
    journal.close()


def test_a_file_without_auto_vacuum_keeps_its_pages_until_it_is_compacted(filled: Path) -> None:
    changed(filled, "PRAGMA auto_vacuum = NONE")
    connection = sqlite3.connect(filled, isolation_level=None)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA auto_vacuum = NONE")
    connection.execute("VACUUM")
    connection.close()
    journal = opened(filled)
    journal.commit([FreeBatches((2, 3, 4), State.RETENTION)])
    assert journal.vacuum_step(1_000) == 0
    journal.close()
    before, after = compact(filled)
    assert after < before
    connection = sqlite3.connect(filled)
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    connection.close()
    assert check(filled) == []


def test_usage_counts_what_is_here_and_what_went(filled: Path) -> None:
    journal = opened(filled)
    ((key, amount),) = journal.usage.freed.items()
    assert (key[2], amount.batches, amount.records, amount.payload_bytes) == (State.SHED, 1, 1, 150_000)
    assert journal.counts() == {"air-quality": BATCHES - 1}
    assert sum(lane.payload_bytes for lane in journal.usage.lanes.values()) == 3 * 150_000
    assert [kept.lsn for kept in journal.kept("air-quality", batches_max=9)] == [2, 3, 4]
    assert journal.kept_resources() == ["air-quality"]
    assert [found.lsn for found in journal.recent("air-quality", limit=9)] == [4, 3, 2]
    journal.close()
