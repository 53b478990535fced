"""The DuckDB thread: a question sees everything committed before it, and a mart that is gone is built again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.marts import Marts
from node.store.mart import Mart
from tests.node.shelf import Shelf, open_shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    opened = open_shelf(tmp_path)
    yield opened
    opened.journal.close()


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
