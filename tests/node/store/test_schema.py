"""Opening refuses what is no journal of this node and this program, each with one clear error."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from node.store.file import read_meta
from node.store.journal import SqliteJournal, open_journal
from node.store.schema import FORMAT_VERSION, journal_migrations
from sync.model import Direction, JournalCorrupt, JournalError, Lane, State, StateRange
from sync.model.writes import FreeBatches, OutMark, StoreBatch
from tests.contracts.batches import INCARNATION, NODE, PARENT, commit_of, run, stored

GOLDEN = Path(__file__).parent / "golden"
WAY_OUT = "restore it from a backup, or move it away and re-seed"


def opened(path: Path) -> SqliteJournal:
    return open_journal(path, node=NODE, incarnation=INCARNATION)


@pytest.fixture
def filled(journal: SqliteJournal) -> Path:
    journal.commit(commit_of(*(stored(lsn, [run(lsn, lsn)], payload=bytes(100_000)) for lsn in range(1, 9))))
    journal.close()
    return journal.path


def test_the_tables_are_those_of_the_golden_schema(journal: SqliteJournal) -> None:
    statements = journal._writer.execute("SELECT sql FROM sqlite_master WHERE name NOT LIKE '%sqlite%' AND sql IS NOT NULL ORDER BY name")
    text = "\n".join(" ".join(statement.split()) for (statement,) in statements)
    assert text + "\n" == (GOLDEN / "schema_2.sql").read_text("utf-8")


@pytest.fixture
def of_format_1(path: Path) -> Path:
    """A file as the first release left it."""
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = 0x594E4A4C;")
    connection.executescript((GOLDEN / "journal_1.sql").read_text("utf-8"))
    connection.close()
    return path


def test_a_file_of_format_1_is_migrated_with_every_range_mark_and_batch(of_format_1: Path) -> None:
    journal = opened(of_format_1)
    recovered = journal.recover()
    found = {(stream.origin, stream.resource): [_numbers(entry) for entry in ranges] for stream, ranges in recovered.streams.items()}
    assert found == {
        (NODE, "air-quality"): [(1, 3, 1), (4, 4, 10), (5, 6, 1), (9, 9, 1), (20, 29, 1)],
        ("grid-1", "traffic"): [(1, 2, 1)],
    }
    assert recovered.out_marks[(PARENT, Direction.UP, Lane.BULK)] == OutMark(2, 1, 2)
    assert (journal.last_lsn, journal.counts()) == (3, {"air-quality": 16, "traffic": 2})
    assert [journal.batch(lsn).freed for lsn in (1, 2, 3)] == [State.PENDING] * 3  # type: ignore[union-attr]
    assert journal.verify() == []
    journal.close()


def test_a_migrated_file_says_its_format_and_goes_on(of_format_1: Path) -> None:
    opened(of_format_1).close()
    journal = opened(of_format_1)
    journal.commit([StoreBatch(stored(4, [run(30, 30)])), FreeBatches((1,), State.RETENTION)])
    assert read_meta(journal._writer, of_format_1)["format_version"] == str(FORMAT_VERSION)
    assert journal.vacuum_step(1) >= 0
    journal.close()


def _numbers(entry: StateRange) -> tuple[int, int, int]:
    return entry.first, entry.last, int(entry.state)


def test_every_migration_is_recorded(journal: SqliteJournal) -> None:
    names = [name for (name,) in journal._writer.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
    assert names == [migration.name for migration in journal_migrations._migrations]
    assert names[0] == "m001_meta"


@pytest.mark.parametrize("kept_bytes", [0, 7, 100, 65_536, 3 * 65_536, 11 * 65_536 + 5])
def test_a_truncated_file_is_refused(filled: Path, kept_bytes: int) -> None:
    filled.write_bytes(filled.read_bytes()[:kept_bytes])
    with pytest.raises(JournalCorrupt, match=rf"journal\.db .*{WAY_OUT}"):
        opened(filled)


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    path.write_text("this is a letter, not a journal", "utf-8")
    with pytest.raises(JournalCorrupt, match="is not a journal"):
        opened(path)


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE meta (key TEXT, value TEXT)")
    connection.close()
    with pytest.raises(JournalCorrupt, match="database of another program"):
        opened(path)


def test_a_newer_format_is_refused(filled: Path) -> None:
    connection = sqlite3.connect(filled)
    with connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'format_version'", (str(FORMAT_VERSION + 1),))
    connection.close()
    with pytest.raises(JournalError, match=f"has format {FORMAT_VERSION + 1}, this program knows up to {FORMAT_VERSION}"):
        opened(filled)


@pytest.mark.parametrize("statement", ["DELETE FROM meta", "UPDATE meta SET value = 'soon' WHERE key = 'incarnation'"])
def test_a_journal_without_its_facts_is_refused(filled: Path, statement: str) -> None:
    connection = sqlite3.connect(filled)
    with connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(JournalCorrupt, match="in table meta"):
        opened(filled)


def test_a_log_without_its_file_is_refused(path: Path) -> None:
    path.with_name("journal.db-wal").write_bytes(b"left behind")
    with pytest.raises(JournalCorrupt, match="is missing but its log"):
        opened(path)


def test_a_folder_that_is_not_there_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="check"):
        opened(tmp_path / "nowhere" / "journal.db")


def test_a_half_made_file_of_a_crash_is_made_again(path: Path) -> None:
    path.with_name("journal.db.new").write_bytes(b"half")
    journal = opened(path)
    assert journal.last_lsn == 0
    journal.close()
