"""`yunnao restore` and `yunnao reseed` on real folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.cli import main
from node.errors import EXIT_FAILED, EXIT_OK, EXIT_REFUSED, EXIT_USAGE
from node.fork.reseed import WISH_NAME
from node.identity.files import IdentityFiles
from node.run_lock import run_lock
from node.store.journal import open_journal
from node.store.rebrand import read_facts
from sync.model import Direction, Lane
from sync.model.writes import InPosition, SetInPosition
from tests.contracts.batches import commit_of, run, stored

NODE = "qd-shinan"


def made(folder: Path, *, level: str = "district", territory: str = "370202") -> Path:
    assert main(["--dir", str(folder), "--lang", "en", "init", "--id", NODE, "--level", level, "--territory", territory]) == EXIT_OK
    return folder


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A district node with three batches and something that its parent returned."""
    made(tmp_path / "node")
    incarnation = IdentityFiles(tmp_path / "node").incarnation()
    journal = open_journal(tmp_path / "node" / "journal.db", node=NODE, incarnation=incarnation)
    journal.commit(commit_of(*(stored(lsn, [run(lsn, lsn)]) for lsn in (1, 2, 3))))
    journal.commit([SetInPosition("qingdao", 9, way, Lane.STATE, InPosition(5, b"c" * 32)) for way in Direction])
    journal.close()
    capsys.readouterr()
    return tmp_path / "node"


def verb(folder: Path, *words: str) -> int:
    return main(["--dir", str(folder), "--lang", "en", *words])


def test_restore_gives_folder_and_journal_one_new_incarnation_and_keeps_every_record(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = IdentityFiles(folder).incarnation()
    assert verb(folder, "restore", "--json") == EXIT_OK
    told = json.loads(capsys.readouterr().out)
    now = IdentityFiles(folder).incarnation()
    assert told == {"node": NODE, "former_incarnation": f"{before:016x}", "incarnation": f"{now:016x}", "journal_end": 3}
    assert now != before
    journal = open_journal(folder / "journal.db", node=NODE, incarnation=now)
    assert [journal.batch(lsn).live_runs[0].first for lsn in (1, 2, 3)] == [1, 2, 3]  # type: ignore[union-attr]
    journal.close()


def test_restore_brings_an_identity_of_another_backup_into_step_with_the_journal(folder: Path) -> None:
    before = IdentityFiles(folder).incarnation()
    IdentityFiles(folder).replace_incarnation(12_345)
    assert verb(folder, "restore") == EXIT_OK
    now = IdentityFiles(folder).incarnation()
    assert now not in (before, 12_345)
    assert read_facts(folder / "journal.db", node=NODE).incarnation == now


def test_restore_of_a_folder_without_a_journal_begins_an_empty_life(folder: Path) -> None:
    before = IdentityFiles(folder).incarnation()
    (folder / "journal.db").unlink()
    assert verb(folder, "restore") == EXIT_OK
    assert IdentityFiles(folder).incarnation() != before


def test_the_journal_of_another_node_is_refused_and_nothing_changes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "journal.db").unlink()
    open_journal(folder / "journal.db", node="qingdao", incarnation=5).close()
    before = sorted(path.name for path in folder.iterdir()), IdentityFiles(folder).incarnation()
    assert verb(folder, "restore") == EXIT_FAILED
    assert "belongs to node qingdao, this is qd-shinan" in capsys.readouterr().err
    assert (sorted({path.name for path in folder.iterdir()} - {"run.lock", "audit-left"}), IdentityFiles(folder).incarnation()) == before


def test_a_damaged_journal_is_refused_and_nothing_changes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = IdentityFiles(folder).incarnation()
    (folder / "journal.db").write_bytes(b"garbage" * 100)
    assert verb(folder, "reseed") == EXIT_FAILED
    assert "is not a journal" in capsys.readouterr().err
    assert IdentityFiles(folder).incarnation() == before
    assert not (folder / WISH_NAME).exists()


@pytest.mark.parametrize("word", ["restore", "reseed"])
def test_a_running_node_is_left_alone(folder: Path, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with run_lock(folder):
        assert verb(folder, word) == EXIT_REFUSED
    assert "is running already" in capsys.readouterr().err


def test_reseed_forgets_what_was_returned_and_nothing_else(folder: Path) -> None:
    assert verb(folder, "reseed") == EXIT_OK
    assert (folder / WISH_NAME).exists()
    journal = open_journal(folder / "journal.db", node=NODE, incarnation=IdentityFiles(folder).incarnation())
    assert {key[2] for key in journal.recover().in_positions} == {Direction.UP}
    assert journal.last_lsn == 3
    journal.close()


def test_a_provincial_node_has_nobody_to_reseed_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made(tmp_path / "top", level="provincial", territory="37")
    assert verb(folder, "reseed") == EXIT_USAGE
    assert "has no parent to reseed from" in capsys.readouterr().err


@pytest.mark.parametrize("has_journal", [True, False])
def test_an_incarnation_file_that_cannot_be_read_is_replaced(folder: Path, *, has_journal: bool) -> None:
    (folder / "incarnation").write_bytes(b"zz\n")
    if not has_journal:
        (folder / "journal.db").unlink()
    assert verb(folder, "restore") == EXIT_OK
    assert IdentityFiles(folder).incarnation() > 0
