"""Which batches a peer refused and gets again: what room is not made with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.store.journal import SqliteJournal, open_journal
from sync.core.reprieves import ROUND_PAUSE_S
from sync.model import Direction, Lane, Level, Span, State
from sync.model.writes import AppendRefusal, FreeBatches
from tests.sync.core.rig import VERSION, Rig, Station, newer

LINGER = 3.0
STREET = [("street", Direction.UP)]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A grid of whose three batches the street refuses the second."""
    life = sum(b"grid")
    journal = open_journal(tmp_path / "journal.db", node="grid", incarnation=life)
    rig = Rig(Station("grid", Level.GRID, "street", journal=journal), Station("street", Level.STREET))
    rig.connect("grid", "street")
    street = rig.stations["street"]
    street.gate.refused = frozenset({2.0})
    for value in (1.0, 2.0, 3.0):
        rig.offer("grid", [value])
        rig.settle(seconds=LINGER)
    yield rig
    journal.close()


def journal_of(rig: Rig) -> SqliteJournal:
    journal = rig.stations["grid"].journal
    assert isinstance(journal, SqliteJournal)
    return journal


def test_a_batch_that_was_refused_is_named_for_the_peer_that_refused_it(rig: Rig) -> None:
    assert rig.stations["grid"].engine.out_mark("street", Direction.UP, Lane.EVENT).stored == 3
    journal = journal_of(rig)
    assert journal.refused(STREET) == {2}
    assert journal.refused([("street", Direction.RETURN), ("city", Direction.UP), ("", Direction.UP)]) == frozenset()
    assert journal.refused([]) == frozenset()


def test_once_it_went_again_it_is_free_and_the_copy_is_delivered(rig: Rig) -> None:
    street = rig.stations["street"]
    street.gate.refused, street.gate.version = frozenset(), newer(VERSION)
    street.engine.policy_changed(street.gate.version, rig.now)
    rig.settle(seconds=ROUND_PAUSE_S)
    assert rig.values("street") == [1.0, 3.0, 2.0]
    assert journal_of(rig).refused(STREET) == frozenset()


def test_what_is_let_go_or_waits_for_an_operator_is_not_named(rig: Rig) -> None:
    journal = journal_of(rig)
    journal.commit([FreeBatches((2,), State.SHED)])
    assert journal.refused(STREET) == frozenset()
    quarantined = AppendRefusal(
        "street", Direction.UP, Lane.EVENT, Span(0, 1), 0, "", (), b"", "torn", VERSION.digest, by_peer=True, quarantine=True
    )
    journal.commit([quarantined])
    assert journal.refused(STREET) == frozenset()
