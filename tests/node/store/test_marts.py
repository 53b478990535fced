"""The DuckDB thread: a question sees everything committed before it, and a mart that is gone is built again."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from node.store.mart import Mart
from node.store.marts import Marts
from policies.entry import Basis
from policies.regrade import Regrade, RegradeIndex, numbers_text
from tests.node.rot import away
from tests.node.shelf import INCARNATION, NODE, Shelf


def count(mart: Mart) -> int:
    return int(mart.query(f"SELECT count(*) AS n FROM {mart.table('air-quality')}").column(0)[0].as_py())


async def test_a_mart_catches_up_before_each_question(shelf: Shelf, tmp_path: Path) -> None:
    marts = Marts(tmp_path / "marts", shelf.journal)
    shelf.add("air-quality", [{}, {}])
    assert await marts.ask("air-quality", count) == 2
    shelf.add("air-quality", [{}])
    assert await marts.ask("air-quality", count) == 3
    marts.close()


async def test_a_damaged_mart_file_is_built_again_from_the_journal(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("air-quality", [{}, {}])
    (tmp_path / "marts").mkdir()
    (tmp_path / "marts" / "air-quality.duckdb").write_bytes(b"no database" * 500)
    marts = Marts(tmp_path / "marts", shelf.journal)
    assert await marts.ask("air-quality", count) == 2
    marts.close()


async def test_questions_at_once_are_answered_one_after_the_other(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("air-quality", [{}] * 5)
    marts = Marts(tmp_path / "marts", shelf.journal)
    assert await asyncio.gather(*(marts.ask("air-quality", count) for _ in range(8))) == [5] * 8
    marts.close()


def of_grade(mart: Mart, grade: int) -> int:
    return int(mart.query(f"SELECT count(*) AS n FROM {mart.table('air-quality')} WHERE grade = ?", [grade]).column(0)[0].as_py())


def raising(*numbers: int) -> RegradeIndex:
    basis = Basis("i", "1", "q", hashlib.sha256(b"q").hexdigest())
    streams = ((NODE, INCARNATION, numbers_text((number, number) for number in numbers)),)
    return RegradeIndex([Regrade("RG-1", "air-quality", True, 4, streams, basis, "a", "b")])


async def test_a_record_that_was_raised_since_counts_with_its_new_grade_also_after_a_restart(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("air-quality", [{"grade": 1}] * 5)
    marts = Marts(tmp_path / "marts", shelf.journal)
    assert await marts.ask("air-quality", lambda mart: of_grade(mart, 4)) == 0
    marts.regrades = lambda: raising(2, 3)
    assert await marts.ask("air-quality", lambda mart: of_grade(mart, 4)) == 2
    marts.close()
    again = Marts(tmp_path / "marts", shelf.journal)
    assert await again.ask("air-quality", lambda mart: (of_grade(mart, 4), count(mart))) == (0, 5)
    again.regrades = lambda: raising(1)
    shelf.add("air-quality", [{"grade": 1}])
    assert await again.ask("air-quality", lambda mart: (of_grade(mart, 4), count(mart))) == (1, 6)
    again.close()


async def test_a_mart_shows_what_is_here_before_and_after_a_repair_also_after_a_restart(shelf: Shelf, tmp_path: Path) -> None:
    marts = Marts(tmp_path / "marts", shelf.journal)
    shelf.add("air-quality", [{}, {}])
    shelf.add("air-quality", [{}])
    assert await marts.ask("air-quality", count) == 3
    marts.close()
    with away(shelf.journal, 1):
        marts = Marts(tmp_path / "marts", shelf.journal)
        assert await marts.ask("air-quality", count) == 1
        assert await marts.ask("air-quality", lambda mart: mart.built_to("air-quality")) == 2
        marts.close()
    marts = Marts(tmp_path / "marts", shelf.journal)
    assert await marts.ask("air-quality", count) == 3
    marts.close()
