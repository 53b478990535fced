"""A journal file for the tests of the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.store.journal import SqliteJournal, open_journal
from tests.contracts.batches import INCARNATION, NODE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = open_journal(path, node=NODE, incarnation=INCARNATION)
    yield opened
    opened.close()
