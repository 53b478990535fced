"""docs/journal.md is true: its SQL runs on a journal and it names every table and column."""

from __future__ import annotations

import re
from pathlib import Path

from node.store.journal import SqliteJournal
from sync.model import Direction, Lane
from sync.model.writes import OutMark, SetOutMark
from tests.contracts.batches import PARENT, RESOURCE, commit_of, run, stored

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "journal.md").read_text("utf-8")


def test_the_questions_of_the_page_are_answered(journal: SqliteJournal) -> None:
    batches = commit_of(stored(1, [run(1, 10)]), stored(2, [run(11, 15)]))
    journal.commit([*batches, SetOutMark(PARENT, Direction.UP, Lane.BULK, OutMark(1, 0, 1))])
    present, backlog = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert journal._writer.execute(present).fetchall() == [(RESOURCE, 15)]
    assert journal._writer.execute(backlog).fetchall() == [(4, 1, 5)]


def test_the_page_names_every_table_and_column(journal: SqliteJournal) -> None:
    statement = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    tables = [name for (name,) in journal._writer.execute(statement)]
    own = [table for table in tables if table != "_sqlite_migrations"]
    columns = {row[1] for table in own for row in journal._writer.execute(f"PRAGMA table_info({table})")}
    words = set(re.findall(r"\w+", PAGE))
    assert set(tables) - words == set()
    assert columns - words == set()
