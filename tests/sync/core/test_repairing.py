"""A damaged batch that comes back: what was withheld from it before it arrived here is accounted as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.store.journal import SqliteJournal, open_journal
from sync.core.lanes import LINGER_S
from sync.model import Direction, Lane, Level, State, StoredBatch
from tests.sync.core.rig import Rig, Station, newer

LINGER = LINGER_S[Lane.EVENT]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with closing(open_journal(tmp_path / "journal.db", node="street", incarnation=1)) as journal:
        yield journal


@pytest.fixture
def rig(journal: SqliteJournal) -> Rig:
    rig = Rig(Station("grid", Level.GRID, "street"), Station("street", Level.STREET, incarnation=1, journal=journal))
    rig.connect("grid", "street")
    return rig


def damage_and_mend(rig: Rig, stored: StoredBatch) -> None:
    engine = rig.stations["street"].engine
    engine.set_aside(stored)
    rig.settle()
    engine.put_back(stored, was_told=False, passed=frozenset(), now=rig.now)
    rig.settle()


def states(rig: Rig) -> list[tuple[int, int, State]]:
    (run_map,) = rig.stations["street"].journal.recover().streams.values()
    return [(entry.first, entry.last, entry.state) for entry in run_map]


def test_records_withheld_below_count_as_before_when_their_batch_comes_back(rig: Rig, journal: SqliteJournal) -> None:
    rig.stations["grid"].gate.forbidden = frozenset({2.0})
    rig.offer("grid", [1.0, 2.0, 3.0])
    rig.settle(seconds=LINGER)
    (before,) = rig.batches("street")
    damage_and_mend(rig, before)
    (flow,) = journal.flow("district", Direction.UP)
    assert (rig.batches("street"), flow.produced) == ([before], 3)


def test_a_decision_from_before_the_damage_does_not_undo_a_later_one(rig: Rig) -> None:
    grid = rig.stations["grid"]
    grid.gate.held = frozenset({2.0})
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    assert states(rig) == [(1, 1, State.PRESENT), (2, 2, State.HELD)]
    grid.gate.held, grid.gate.forbidden, grid.gate.version = frozenset(), frozenset({2.0}), newer(grid.gate.version)
    grid.engine.policy_changed(grid.gate.version, rig.now)
    rig.settle(seconds=LINGER)
    assert states(rig) == [(1, 1, State.PRESENT), (2, 2, State.DENIED)]
    damage_and_mend(rig, rig.batches("street")[0])
    assert states(rig) == [(1, 1, State.PRESENT), (2, 2, State.DENIED)]
