"""A change of incarnation survives a crash between any two of its steps, and mixed folders are refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from node.fork.change import INTENT_NAME, Change, begin_change, finish_change
from node.fork.errors import ForkChangeError
from node.identity.files import IdentityFiles
from node.store.journal import open_journal
from node.store.rebrand import read_facts
from sync.model import JournalError, Lane, Stream
from sync.model.writes import StoreBatch
from tests.contracts.batches import INCARNATION, NODE, commit_of, run, stored

NEW = 4_242
RECORDS, SHARED = 9, 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node whose journal holds nine batches of one record."""
    IdentityFiles(tmp_path).replace_incarnation(INCARNATION)
    journal = open_journal(tmp_path / "journal.db", node=NODE, incarnation=INCARNATION)
    journal.commit(commit_of(*(stored(lsn, [run(lsn, lsn)]) for lsn in range(1, RECORDS + 1))))
    journal.close()
    return tmp_path


def begun(folder: Path) -> Change:
    return begin_change(folder, folder / "journal.db", node=NODE, old=INCARNATION, new=NEW, shared={Lane.BULK: SHARED})


def finish(folder: Path) -> int | None:
    return finish_change(folder, folder / "journal.db", node=NODE)


def assert_changed(folder: Path) -> None:
    """Incarnation, journal and records are those of the new life, and the file is whole."""
    assert IdentityFiles(folder).incarnation() == NEW
    assert not (folder / INTENT_NAME).exists()
    journal = open_journal(folder / "journal.db", node=NODE, incarnation=NEW)
    runs = [(entry.incarnation, entry.first) for lsn in range(1, RECORDS + 1) for entry in journal.batch(lsn).live_runs]  # type: ignore[union-attr]
    assert runs == [(INCARNATION, seq) for seq in range(1, SHARED + 1)] + [(NEW, seq) for seq in range(1, RECORDS - SHARED + 1)]
    streams = journal.recover().streams
    assert streams[Stream(NODE, INCARNATION, Lane.BULK, "air-quality")].top == SHARED
    assert streams[Stream(NODE, NEW, Lane.BULK, "air-quality")].mark == RECORDS - SHARED
    assert journal.verify() == []
    journal.close()


@pytest.mark.parametrize("steps_done", range(4))
def test_a_crash_between_any_two_steps_is_finished_by_the_next_start(folder: Path, steps_done: int) -> None:
    for step in begun(folder).steps[:steps_done]:
        step()
    assert finish(folder) == (NEW if steps_done < 3 else None)
    assert_changed(folder)
    assert finish(folder) is None


@pytest.mark.parametrize("step", range(3))
def test_every_step_may_be_done_twice(folder: Path, step: int) -> None:
    change = begun(folder)
    for action in (*change.steps[: step + 1], change.steps[step], *change.steps[step + 1 :]):
        action()
    assert_changed(folder)


def test_a_crash_in_the_middle_of_the_renumbering_leaves_the_old_journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change = begun(folder)
    monkeypatch.setattr("node.store.rebrand._FORGET_POSITIONS", ("DELETE FROM nothing",))
    with pytest.raises(JournalError, match="renumbering"):
        change.steps[0]()
    monkeypatch.undo()
    assert read_facts(folder / "journal.db", node=NODE).incarnation == INCARNATION
    assert finish(folder) == NEW
    assert_changed(folder)


def test_a_half_written_intent_was_never_begun(folder: Path) -> None:
    (folder / f".{INTENT_NAME}.new").write_bytes(b'{"node": "qd')
    assert finish(folder) is None
    assert IdentityFiles(folder).incarnation() == INCARNATION


def test_a_node_without_a_journal_begins_its_new_life_empty(folder: Path) -> None:
    begun(folder)
    (folder / "journal.db").unlink()
    assert finish(folder) == NEW
    assert IdentityFiles(folder).incarnation() == NEW


@pytest.mark.parametrize(
    ("mixed", "why"),
    [
        (b"not json", "cannot be read"),
        (b'{"node": "qd-laoshan", "old": 77, "new": 5, "shared": {}}', "is of node qd-laoshan"),
        (b'{"node": "qd-shinan", "old": 5, "new": 6, "shared": {}}', "files of two folders were mixed"),
        (b'{"node": "qd-shinan", "old": 77, "new": 5, "shared": {"express": 3}}', "lane 'express'"),
    ],
)
def test_files_that_do_not_belong_together_are_refused_and_left_alone(folder: Path, mixed: bytes, why: str) -> None:
    (folder / INTENT_NAME).write_bytes(mixed)
    with pytest.raises(ForkChangeError, match=why):
        finish(folder)
    assert read_facts(folder / "journal.db", node=NODE).incarnation == INCARNATION
    assert (folder / INTENT_NAME).read_bytes() == mixed


def test_a_journal_of_a_third_incarnation_is_refused(folder: Path) -> None:
    begun(folder)
    with closing(sqlite3.connect(folder / "journal.db")) as connection, connection:
        connection.execute("UPDATE meta SET value = '5' WHERE key = 'incarnation'")
    with pytest.raises(ForkChangeError, match="is of incarnation 5"):
        finish(folder)


def test_requeued_copies_of_shared_records_keep_their_numbers(folder: Path) -> None:
    journal = open_journal(folder / "journal.db", node=NODE, incarnation=INCARNATION)
    copies = [stored(10, [run(2, 2)], duplicates=(0,), backfill=True), stored(11, [run(6, 6)], duplicates=(0,), backfill=True)]
    journal.commit([StoreBatch(copy) for copy in copies])
    journal.close()
    begun(folder)
    finish(folder)
    again = open_journal(folder / "journal.db", node=NODE, incarnation=NEW)
    numbers = [(again.batch(lsn).batch.header.runs[0].incarnation, again.batch(lsn).batch.header.runs[0].first) for lsn in (10, 11)]  # type: ignore[union-attr]
    assert numbers == [(INCARNATION, 2), (NEW, 2)]
    again.close()
