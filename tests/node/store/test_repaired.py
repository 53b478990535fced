"""The counts of repairs move with the repair, in its transaction, and survive whoever was to be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.store.journal import open_journal
from node.store.repaired import Repaired, note_walk, walked
from sync.core.repairing import DAMAGED_REASON
from sync.model.writes import SetAside
from tests.node.rot import away
from tests.node.shelf import INCARNATION, NODE, Shelf


def test_a_resource_that_was_never_damaged_counts_nothing(shelf: Shelf) -> None:
    shelf.add("residents", [{}])
    assert (shelf.journal.repaired("residents"), shelf.journal.put_back) == (Repaired(), 0)


def test_each_move_counts_for_its_resource_and_is_there_after_a_restart(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("residents", [{}])
    shelf.add("air-quality", [{}])
    with away(shelf.journal, 1):
        assert shelf.journal.repaired("residents") == Repaired(1, 0)
    with away(shelf.journal, 1):
        pass
    assert (shelf.journal.repaired("residents"), shelf.journal.repaired("air-quality")) == (Repaired(2, 2), Repaired())
    shelf.journal.close()
    again = open_journal(shelf.journal.path, node=NODE, incarnation=INCARNATION)
    assert (again.repaired("residents"), again.put_back) == (Repaired(2, 2), 2)
    again.close()


def test_a_batch_that_is_aside_already_counts_once(shelf: Shelf) -> None:
    shelf.add("residents", [{}])
    for _ in range(2):
        shelf.journal.commit([SetAside(1, decider=NODE, reason=DAMAGED_REASON)])
    assert shelf.journal.repaired("residents") == Repaired(1, 0)


def test_nothing_counts_that_was_not_committed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.add("residents", [{}])
    monkeypatch.setattr(shelf.journal.audit, "insert", lambda *rows: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        shelf.journal.commit([SetAside(1, decider=NODE, reason=DAMAGED_REASON)])
    assert shelf.journal.repaired("residents") == Repaired()


def test_what_recalls_saw_is_kept_beside_the_counts(shelf: Shelf) -> None:
    shelf.add("residents", [{}])
    with away(shelf.journal, 1):
        pass
    assert shelf.journal.look("test", walked) == {"residents": 0}
    shelf.journal.enter("test", lambda db: note_walk(db, "residents", 1))
    assert shelf.journal.look("test", walked) == {"residents": 1}
    with away(shelf.journal, 1):
        pass
    assert shelf.journal.look("test", walked) == {"residents": 1}
