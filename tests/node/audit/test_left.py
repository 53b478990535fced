"""What a verb does beside the node is entered by the node: once, in order, also when the verb failed or the note is damaged."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.audit.errors import AuditRefused
from node.audit.left import FOLDER, left
from node.audit.left_notes import LeftNotes
from node.cli import main
from tests.node.audit.logs import Tick
from tests.node.audit.test_desk import desk, shown
from tests.node.station import call, make_station, running


def details(entries: list[dict[str, object]]) -> list[dict[str, object]]:
    """What the entries say, oldest first, without the numbers of their notes."""
    return [{key: value for key, value in dict(one["detail"]).items() if key != "note"} for one in reversed(entries)]  # type: ignore[call-overload]


async def test_what_was_left_is_entered_once_in_order_and_the_notes_go(tmp_path: Path) -> None:
    with left(tmp_path, "token_create", "370202", at_us=1, detail={"level": "district"}):
        pass
    with left(tmp_path, "reseed", "shandong", at_us=2):
        pass
    async with desk(tmp_path / "journal.db", Tick()) as log:
        notes = LeftNotes(log, tmp_path)
        await notes.look()
        entries = shown(log.journal, "operator")
        assert details(entries) == [{"at_us": 1, "verb": "token_create", "level": "district"}, {"at_us": 2, "verb": "reseed"}]
        assert [one["subject"] for one in entries] == ["shandong", "370202"]
        assert list((tmp_path / FOLDER).iterdir()) == []
        await notes.look()
        assert len(shown(log.journal, "operator")) == 2


async def test_a_crash_between_the_entry_and_the_end_of_its_note_enters_nothing_twice(tmp_path: Path) -> None:
    with left(tmp_path, "restore", "shandong", at_us=1):
        pass
    (note,) = (tmp_path / FOLDER).iterdir()
    kept = note.read_bytes()
    async with desk(tmp_path / "journal.db", Tick()) as log:
        await LeftNotes(log, tmp_path).look()
        note.write_bytes(kept)
        await LeftNotes(log, tmp_path).look()
        assert len(shown(log.journal, "operator")) == 1
        assert not note.exists()


async def test_a_verb_that_failed_says_so_and_a_damaged_note_is_entered_as_one(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk"), left(tmp_path, "restore", "shandong", at_us=7):
        raise OSError("the disk is gone")
    for name, data in (("a", b"{"), ("b", b'{"verb": 7}'), ("c", b"\xff\xfe"), ("d", b"x" * 20_000)):
        (tmp_path / FOLDER / f"{name}.json").write_bytes(data)
    async with desk(tmp_path / "journal.db", Tick()) as log:
        await LeftNotes(log, tmp_path).look()
        told = details(shown(log.journal, "operator"))
    assert [one["verb"] for one in told] == ["unreadable"] * 4 + ["restore", "restore"]
    assert sum("refused" in one for one in told) == 1


def test_what_the_log_would_not_take_is_not_left_and_not_done(tmp_path: Path) -> None:
    with pytest.raises(AuditRefused, match="characters"), left(tmp_path, "restore", "x" * 201, at_us=1):
        raise AssertionError("done all the same")
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.slow
def test_tokens_and_restores_made_beside_a_node_are_in_its_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_station(tmp_path / "node")
    folder = str(config.folder)
    assert main(["token", "create", "--dir", folder, "--level", "municipal", "--territory", "3702"]) == 0
    assert main(["restore", "--dir", folder]) == 0
    token = capsys.readouterr().out.splitlines()[0]

    async def life() -> list[dict[str, object]]:
        async with running(config), asyncio.timeout(20):
            while True:
                page = await call(config, "audit_log", kinds=["operator"])
                entries = page["entries"]
                assert isinstance(entries, list)
                if len(entries) >= 2:
                    return entries

    entries = asyncio.run(life())
    assert [one["verb"] for one in details(entries)] == ["token_create", "restore"]
    assert {one["by"] for one in entries} != {""}
    assert token.rpartition(".")[2] not in str(entries)
