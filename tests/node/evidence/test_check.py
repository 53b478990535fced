"""Folder and book, both ways (EDGE_AI (b) 16)."""

from __future__ import annotations

import shutil

from node.evidence.keeping import DAY_US
from tests.node.evidence.office import NOON_US, Office


def test_a_whole_store_holds(office: Office) -> None:
    office.happened("e1")
    office.happened("e2")
    report = office.desk.check(deep=True)
    assert (report.holds, report.kept, report.files, report.bytes) == (True, 2, 2, 26)


def test_a_row_whose_file_is_gone_is_kept_and_says_so_after_the_next_start(office: Office) -> None:
    office.happened("e1")
    next(office.desk.store.folder.rglob("*.jpg")).unlink()
    report = office.desk.check(deep=False)
    assert (report.holds, report.without_files.names) == (False, ["e1"])
    assert office.states("e1") == [("kept", "")]
    office.again()
    assert office.states("e1") == [("lost", "file-gone")]
    assert office.desk.troubles() == ["evidence_trouble"]


def test_what_was_lost_is_kept_again_when_its_disk_is_back(office: Office) -> None:
    """A start before the disk was mounted must cost no original: not the row, and not the file when it is old."""
    office.happened("e1", ended=False)
    office.happened("e2", original=b"shared")
    office.happened("e3", original=b"shared")
    folder, away = office.desk.store.folder, office.folder / "away"
    folder.rename(away)
    office.again()
    assert set(office.states("e1", "e2", "e3")) == {("lost", "file-gone")}
    office.happened("e4", original=b"shared")
    next(folder.rglob("*.jpg")).unlink()
    shutil.rmtree(folder)
    away.rename(folder)
    office.again()
    assert set(office.states("e1", "e2", "e3", "e4")) == {("kept", "")}
    assert (office.desk.check(deep=True).holds, office.desk.troubles()) == (True, [])
    office.desk.keeping.expire(NOON_US + 99 * DAY_US)
    assert office.states("e1") == [("kept", "")]


def test_what_came_back_changed_stays_lost(office: Office) -> None:
    office.happened("e1")
    path = next(office.desk.store.folder.rglob("*.jpg"))
    path.unlink()
    office.again()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"forged")
    office.again()
    assert office.states("e1") == [("lost", "file-gone")]
    assert office.desk.check(deep=False).without_rows.count == 1


def test_a_file_without_a_row_is_told_and_goes_when_it_is_old(office: Office) -> None:
    office.happened("e1")
    with office.desk.book.transaction() as db:
        db.execute("DELETE FROM picture")
    report = office.desk.check(deep=False)
    assert (report.holds, report.without_rows.count) == (True, 1)
    office.desk.keeping.expire(NOON_US + 29 * DAY_US)
    assert len(office.names()) == 1
    office.desk.keeping.expire(NOON_US + 32 * DAY_US)
    assert office.names() == []


def test_a_changed_file_is_found_by_a_deep_look_alone(office: Office) -> None:
    office.happened("e1")
    next(office.desk.store.folder.rglob("*.jpg")).write_bytes(b"forged")
    assert office.desk.check(deep=False).holds
    assert office.desk.check(deep=True).damaged.names == ["e1"]


def test_files_of_other_names_are_left_alone(office: Office) -> None:
    office.happened("e1")
    other = office.desk.store.folder / "2026/09/21/notes.txt"
    other.write_text("mine")
    office.desk.keeping.expire(NOON_US + 99 * DAY_US)
    assert other.read_text() == "mine"
    assert office.desk.check(deep=True).holds
