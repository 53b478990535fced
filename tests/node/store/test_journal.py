"""What the SQLite journal promises beyond the port: one truth on disk, clear refusals, readers beside the writer."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from node.store.journal import SqliteJournal, open_journal
from node.store.schema import Tuning
from sync.model import Direction, JournalCorrupt, JournalError, JournalFull, Lane, Span, State
from sync.model.writes import InPosition, OutMark, SetInPosition, SetOutMark
from tests.contracts.batches import INCARNATION, NODE, PARENT, RESOURCE, commit_of, run, stored


def reopen(journal: SqliteJournal) -> SqliteJournal:
    journal.close()
    return open_journal(journal.path, node=NODE, incarnation=INCARNATION)


def test_the_file_has_large_pages_a_log_and_gives_space_back(journal: SqliteJournal) -> None:
    expected = {"page_size": 65_536, "journal_mode": "wal", "synchronous": 2, "auto_vacuum": 2}
    assert {name: journal._writer.execute(f"PRAGMA {name}").fetchone()[0] for name in expected} == expected


def test_only_a_simulated_disk_goes_without_syncs(path: Path) -> None:
    journal = open_journal(path, node=NODE, incarnation=INCARNATION, tuning=Tuning(is_synced=False))
    assert journal._writer.execute("PRAGMA synchronous").fetchone() == (0,)
    journal.close()
    journal = open_journal(path, node=NODE, incarnation=INCARNATION)
    assert journal._writer.execute("PRAGMA synchronous").fetchone() == (2,)
    journal.close()


def test_the_whole_commit_is_one_transaction_for_readers(journal: SqliteJournal) -> None:
    other = sqlite3.connect(f"{journal.path.as_uri()}?mode=ro", uri=True)
    journal.commit(commit_of(stored(1, [run(1, 2)])))
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM batch").fetchone() == (1,)
    journal.commit([*commit_of(stored(2, [run(3, 4)])), SetOutMark(PARENT, Direction.UP, Lane.BULK, OutMark(2, 2, 2))])
    assert other.execute("SELECT count(*) FROM batch").fetchone() == (1,)
    assert other.execute("SELECT count(*) FROM out_mark").fetchone() == (0,)
    other.rollback()
    assert other.execute("SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM out_mark)").fetchone() == (2, 1)
    other.close()


def test_threads_read_whole_batches_while_another_commits(journal: SqliteJournal) -> None:
    commits, done = 60, threading.Event()
    seen: list[list[int]] = [[], []]

    def read(tops: list[int]) -> None:
        while not done.is_set():
            batches = journal.read(Lane.BULK, Span(0, commits), batches_max=commits, bytes_max=1 << 30)
            assert [batch.lsn for batch in batches] == list(range(1, len(batches) + 1))
            tops.append(len(batches))

    readers = [threading.Thread(target=read, args=(tops,)) for tops in seen]
    for reader in readers:
        reader.start()
    for lsn in range(1, commits + 1):
        journal.commit(commit_of(stored(lsn, [run(lsn, lsn)], payload=bytes(20_000))))
    done.set()
    for reader in readers:
        reader.join()
    assert all(tops == sorted(tops) for tops in seen)
    assert len(journal.read(Lane.BULK, Span(0, commits), batches_max=commits, bytes_max=1 << 30)) == commits


def test_idle_readers_do_not_hold_the_log_back(journal: SqliteJournal) -> None:
    journal.commit(commit_of(stored(1, [run(1, 1)])))
    journal.batch(1)
    journal.commit(commit_of(stored(2, [run(2, 2)])))
    assert journal._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)


def test_counts_follow_commits_and_survive_a_restart(journal: SqliteJournal) -> None:
    first, second = stored(1, [run(1, 10), run(11, 12, state=State.DENIED)]), stored(2, [run(1, 3)], resource="traffic-flow")
    journal.commit(commit_of(first, second))
    again = stored(3, [run(1, 10), run(13, 13, row=10)], duplicates=(0,))
    journal.commit(commit_of(again, after=[first]))
    assert journal.counts() == {RESOURCE: 11, "traffic-flow": 3}
    reopened = reopen(journal)
    assert reopened.counts() == {RESOURCE: 11, "traffic-flow": 3}
    reopened.close()


def test_recent_is_newest_first_and_pages_back(journal: SqliteJournal) -> None:
    journal.commit(commit_of(*(stored(lsn, [run(lsn, lsn)], resource="incidents" if lsn == 2 else RESOURCE) for lsn in range(1, 6))))
    assert [batch.lsn for batch in journal.recent(RESOURCE, limit=3)] == [5, 4, 3]
    assert [batch.lsn for batch in journal.recent(RESOURCE, limit=9, before_lsn=4)] == [3, 1]
    assert journal.recent("residents", limit=9) == []


def test_find_is_ascending_and_bounded(journal: SqliteJournal) -> None:
    journal.commit(commit_of(*(stored(lsn, [run(lsn, lsn)], payload=b"x" * 100) for lsn in range(1, 6))))
    assert [batch.lsn for batch in journal.find(RESOURCE, Span(1, 4), batches_max=9, bytes_max=1_000)] == [2, 3, 4]
    assert [batch.lsn for batch in journal.find(RESOURCE, Span(0, 9), batches_max=9, bytes_max=250)] == [1, 2]


def test_a_full_journal_refuses_and_writes_nothing(path: Path) -> None:
    journal = open_journal(path, node=NODE, incarnation=INCARNATION, tuning=Tuning(file_bytes_max=30 * 65_536))
    first = stored(1, [run(1, 1)])
    journal.commit(commit_of(first))
    with pytest.raises(JournalFull, match=r"journal\.db: no space is left"):
        journal.commit(commit_of(stored(2, [run(2, 2)]), stored(3, [run(3, 3)], payload=bytes(4_000_000))))
    assert journal.recover().last_lsn == journal.last_lsn == 1
    journal.commit(commit_of(stored(2, [run(2, 2)]), after=[first]))
    assert journal.verify() == []
    journal.close()


def test_a_journal_that_may_not_be_written_says_so(journal: SqliteJournal) -> None:
    journal._writer.execute("PRAGMA query_only = 1")
    with pytest.raises(JournalError, match=r"cannot be written .* check its owner, mode and mount"):
        journal.commit(commit_of(stored(1, [run(1, 1)])))
    assert journal.recover().last_lsn == 0


FILE_BYTES_MAX = 2_000_000
DISK_FAILS = """
import resource, signal, sys
from pathlib import Path
from node.store.journal import open_journal
from sync.model import JournalError
from tests.contracts.batches import INCARNATION, NODE, commit_of, run, stored
journal = open_journal(Path(sys.argv[1]), node=NODE, incarnation=INCARNATION)
journal.commit(commit_of(stored(1, [run(1, 1)])))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
for attempt in ("first", "second"):
    try:
        journal.commit(commit_of(stored(2, [run(2, 2)], payload=bytes(4_000_000))))
    except JournalError as error:
        print(attempt, type(error).__name__, error)
"""


@pytest.mark.slow
def test_after_a_failed_write_nothing_more_is_written_until_the_file_is_read_again(path: Path) -> None:
    command = [sys.executable, "-c", DISK_FAILS, str(path), str(FILE_BYTES_MAX)]
    root = Path(__file__).resolve().parents[3]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=root).stdout.splitlines()
    assert output[0].startswith("first JournalError")
    assert "takes no more writes" in output[1]
    journal = open_journal(path, node=NODE, incarnation=INCARNATION)
    assert (journal.last_lsn, journal.verify()) == (1, [])
    journal.close()


def test_a_number_beyond_63_bits_is_refused(journal: SqliteJournal) -> None:
    with pytest.raises(JournalError, match="does not fit 63 bits"):
        journal.commit([SetInPosition("grid-1", 1 << 63, Direction.UP, Lane.BULK, InPosition(1, b""))])
    with pytest.raises(JournalError, match="CHECK constraint failed"):
        journal.commit([SetInPosition("grid-1", -1, Direction.UP, Lane.BULK, InPosition(1, b""))])


def test_another_node_or_life_is_refused(journal: SqliteJournal) -> None:
    journal.close()
    with pytest.raises(JournalError, match="belongs to node qd-shinan, this is qd-laoshan"):
        open_journal(journal.path, node="qd-laoshan", incarnation=INCARNATION)
    with pytest.raises(JournalError, match="incarnation 4d of qd-shinan, this is 4e"):
        open_journal(journal.path, node=NODE, incarnation=INCARNATION + 1)


def test_a_restored_journal_is_adopted_by_the_next_life(journal: SqliteJournal) -> None:
    journal.commit(commit_of(stored(1, [run(1, 1)])))
    journal.close()
    adopted = open_journal(journal.path, node=NODE, incarnation=INCARNATION + 1, adopt=True)
    assert (adopted.incarnation, adopted.last_lsn) == (INCARNATION + 1, 1)
    adopted.close()


def test_a_damaged_run_is_named_by_its_batch(journal: SqliteJournal) -> None:
    journal.commit(commit_of(stored(1, [run(1, 1)])))
    journal._writer.execute("UPDATE batch_run SET state = 99")
    with pytest.raises(JournalCorrupt, match="batch 1 of air-quality cannot be read"):
        journal.batch(1)


def test_a_damaged_run_map_stops_recovery(journal: SqliteJournal) -> None:
    journal.commit(commit_of(stored(1, [run(1, 1)])))
    journal._writer.execute("UPDATE stream_range SET state = 99")
    with pytest.raises(JournalCorrupt, match=r"journal\.db holds a position or stream that cannot be read"):
        journal.recover()


def test_a_damaged_count_of_what_was_freed_stops_the_opening(journal: SqliteJournal) -> None:
    journal._writer.execute("INSERT INTO freed VALUES (9, 'air-quality', 20, 1, 1, 1)")
    journal.close()
    with pytest.raises(JournalCorrupt, match=r"journal\.db counts lanes or states that there are not"):
        open_journal(journal.path, node=NODE, incarnation=INCARNATION)
