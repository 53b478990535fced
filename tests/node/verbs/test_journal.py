"""`yunnao journal`: exit codes, dry run, the lock, and findings a program can read."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from node.audit.left import FOLDER, Note, read_note
from node.cli import main
from node.errors import EXIT_FAILED, EXIT_NEGATIVE, EXIT_OK, EXIT_REFUSED
from node.run_lock import run_lock
from node.store.journal import open_journal
from tests.contracts.batches import INCARNATION, NODE, commit_of, run, stored
from tests.node.station import make_station


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node's folder with a journal of two batches."""
    config = make_station(tmp_path / "n")
    journal = open_journal(config.data_dir / "journal.db", node=NODE, incarnation=INCARNATION)
    journal.commit(commit_of(stored(1, [run(1, 3)]), stored(2, [run(4, 4)])))
    journal.close()
    return config.folder


def verb(folder: Path, *words: str) -> int:
    return main(["--lang", "en", "--dir", str(folder), "journal", *words])


def notes_of(folder: Path) -> list[Note]:
    """What was left for the audit log, oldest first."""
    found = [read_note(path) for path in (folder / FOLDER).glob("*.json")]
    return sorted((note for note in found if note is not None), key=lambda note: note.at_us)


def damage(folder: Path) -> None:
    connection = sqlite3.connect(folder / "journal.db")
    with connection:
        connection.execute("UPDATE batch SET payload = x'00' WHERE lsn = 2")
    connection.close()


def test_a_sound_journal_is_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb(folder, "verify") == EXIT_OK
    assert "is whole" in capsys.readouterr().err


def test_a_finding_names_the_batch_what_and_the_way_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(folder)
    assert verb(folder, "verify", "--json") == EXIT_NEGATIVE
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["lsn"], finding["fault"]) == (2, "payload")
    assert "does not match its checksum" in finding["what"]
    assert "journal repair --yes" in finding["way_out"]


def test_repair_says_first_and_does_only_when_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(folder)
    assert verb(folder, "repair") == EXIT_NEGATIVE
    said = capsys.readouterr()
    assert "would do: batch 2 set aside" in said.out
    assert "nothing was changed" in said.err
    assert notes_of(folder) == []
    assert verb(folder, "repair", "--yes") == EXIT_OK
    assert verb(folder, "verify") == EXIT_OK
    assert [(note.verb, note.subject) for note in notes_of(folder)] == [("journal_repair", "journal.db")]


def test_a_repair_that_cannot_be_entered_is_not_done(folder: Path) -> None:
    damage(folder)
    (folder / FOLDER).write_bytes(b"no folder")
    assert verb(folder, "repair", "--yes") != EXIT_OK
    assert verb(folder, "verify") == EXIT_NEGATIVE


@pytest.mark.parametrize("action", ["repair", "compact"])
def test_a_running_node_is_not_mended(folder: Path, action: str) -> None:
    with run_lock(folder):
        assert verb(folder, action) == EXIT_REFUSED
        assert verb(folder, "verify") == EXIT_OK


def test_compacting_keeps_the_journal_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb(folder, "compact", "--json") == EXIT_OK
    assert json.loads(capsys.readouterr().out)["bytes_after"] > 0
    assert verb(folder, "verify") == EXIT_OK


def test_a_node_without_a_journal_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_station(tmp_path / "n")
    assert verb(config.folder, "verify") == EXIT_FAILED
    assert "this node has not run yet" in capsys.readouterr().err


def test_a_file_that_is_no_journal_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "journal.db").write_bytes(b"this is a letter, not a journal")
    assert verb(folder, "verify") == EXIT_FAILED
    assert capsys.readouterr().err.count("\n") == 1
