"""The full check finds what opening leaves out."""

from __future__ import annotations

from node.store.journal import SqliteJournal
from sync.model import State
from tests.contracts.batches import commit_of, run, stored


def fill(journal: SqliteJournal) -> None:
    journal.commit(commit_of(stored(1, [run(1, 3), run(4, 5, state=State.DENIED), run(6, 6, row=3)]), stored(2, [run(7, 9)])))


def found(journal: SqliteJournal, statement: str) -> list[tuple[int | None, str]]:
    journal._writer.execute(statement)
    return [(finding.lsn, finding.what) for finding in journal.verify()]


def test_a_sound_journal_has_no_findings(journal: SqliteJournal) -> None:
    fill(journal)
    assert journal.verify() == []


def test_a_changed_payload_is_found(journal: SqliteJournal) -> None:
    fill(journal)
    (finding, *_) = found(journal, "UPDATE batch SET payload = x'00' WHERE lsn = 2")
    assert finding[0] == 2
    assert "does not match its checksum" in finding[1]


def test_runs_that_leave_rows_out_are_found(journal: SqliteJournal) -> None:
    fill(journal)
    (finding,) = found(journal, "UPDATE batch SET row_count = 9 WHERE lsn = 1")
    assert finding == (1, "batch 1 has 9 rows, its runs cover 4")


def test_runs_that_overlap_are_found(journal: SqliteJournal) -> None:
    fill(journal)
    (finding,) = found(journal, "UPDATE batch_run SET row_offset = 1 WHERE lsn = 1 AND idx = 2")
    assert finding == (1, "batch 1 has 4 rows, its runs cover overlapping ones")


def test_a_map_that_differs_from_its_batches_is_found(journal: SqliteJournal) -> None:
    fill(journal)
    (finding,) = found(journal, "DELETE FROM stream_range")
    assert finding == (None, "stream qd-shinan/4d/bulk/air-quality: map and batches differ")


def test_a_wrong_size_is_found(journal: SqliteJournal) -> None:
    fill(journal)
    ((lsn, what),) = found(journal, "UPDATE batch SET payload_bytes = 1 WHERE lsn = 2")
    assert (lsn, what) == (2, "batch 2 holds 12 payload bytes, its header says 1")
