"""Distinct persons counted as records come in: from keyed hashes, each once, over restarts, and from the beginning for another journal."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from node.accumulation.counting import FILE_NAME, Counting, CountsDamaged
from tests.node.rot import away
from tests.node.shelf import Shelf, open_shelf


def filled(shelf: Shelf, begin: int, end: int, *, duplicate: bool = False) -> None:
    shelf.add("residents", [{"resident_id": f"person-{n}"} for n in range(begin, end)], duplicate=duplicate)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return open_shelf(tmp_path)


def test_a_person_counts_once_however_often_and_in_whatever_trickle_records_come(shelf: Shelf, tmp_path: Path) -> None:
    counting = Counting(tmp_path / FILE_NAME, b"key")
    for begin in range(0, 200, 5):
        filled(shelf, begin, begin + 10)
        assert abs(counting.persons(shelf.journal, "residents", "resident_id") - (begin + 10)) <= 4
    filled(shelf, 0, 200)
    assert abs(counting.persons(shelf.journal, "residents", "resident_id") - 205) <= 4


def test_records_that_count_elsewhere_and_empty_values_are_nobody(shelf: Shelf, tmp_path: Path) -> None:
    counting = Counting(tmp_path / FILE_NAME, b"key")
    filled(shelf, 0, 10, duplicate=True)
    shelf.add("residents", [{"resident_id": None}, {"resident_id": ""}])
    assert counting.persons(shelf.journal, "residents", "resident_id") == 0


def test_a_restart_goes_on_and_reads_nothing_twice(shelf: Shelf, tmp_path: Path) -> None:
    filled(shelf, 0, 30)
    first = Counting(tmp_path / FILE_NAME, b"key")
    assert first.persons(shelf.journal, "residents", "resident_id") == 30
    first.close()
    filled(shelf, 30, 35)
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        (before,) = db.execute("SELECT built_to FROM seen").fetchone()
    assert before == shelf.batches[0].lsn
    assert Counting(tmp_path / FILE_NAME, b"key").persons(shelf.journal, "residents", "resident_id") == 35


def test_the_file_holds_no_id_and_another_journal_begins_anew(shelf: Shelf, tmp_path: Path) -> None:
    filled(shelf, 0, 30)
    counting = Counting(tmp_path / FILE_NAME, b"key")
    counting.persons(shelf.journal, "residents", "resident_id")
    counting.close()
    assert b"person-1" not in (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / "other").mkdir()
    other = open_shelf(tmp_path / "other", node="elsewhere")
    assert Counting(tmp_path / FILE_NAME, b"key").persons(other.journal, "residents", "resident_id") == 0


def test_a_sketch_that_is_none_is_made_again_and_a_file_that_is_none_is_said(shelf: Shelf, tmp_path: Path) -> None:
    filled(shelf, 0, 30)
    counting = Counting(tmp_path / FILE_NAME, b"key")
    counting.persons(shelf.journal, "residents", "resident_id")
    with counting.transaction() as db:
        db.execute("UPDATE seen SET sketch = ?", (b"\x00" * 30,))
    assert counting.persons(shelf.journal, "residents", "resident_id") == 30
    (tmp_path / "bad").write_bytes(b"no database" * 100)
    with pytest.raises(CountsDamaged, match="move it away"):
        Counting(tmp_path / "bad", b"key")


def test_persons_of_a_batch_that_was_away_are_counted_once_it_is_back(shelf: Shelf, tmp_path: Path) -> None:
    counting = Counting(tmp_path / FILE_NAME, b"key")
    filled(shelf, 0, 30)
    filled(shelf, 30, 35)
    with away(shelf.journal, 1):
        assert counting.persons(shelf.journal, "residents", "resident_id") == 5
    for _ in range(2):
        assert counting.persons(shelf.journal, "residents", "resident_id") == 35
