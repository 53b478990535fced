"""What a journal remembers of renumberings, and what it holds of a peer by former numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from node.store.journal import SqliteJournal, open_journal
from node.store.rebrand import Renumbering, renumber
from node.store.renumbered import held_before, steps
from sync.model import Direction, Lane, Life, State
from sync.model.renumbering import HELD_RANGES_MAX, HeldBefore, Renumbered, Step
from sync.model.writes import InPosition, SetInPosition
from tests.contracts.batches import INCARNATION, NODE, PARENT, RESOURCE, commit_of, run, stored

COPIED, NEXT = Life(1, 0), Life(2, 10)
TOLD = Renumbered(INCARNATION, Lane.BULK, RESOURCE, 4)


def hold(journal: SqliteJournal, *ranges: tuple[int, int], upto: int = 10, source: str = PARENT) -> None:
    """Batches with records of the peer, which has been heard up to `upto`."""
    batches = [stored(lsn, [run(*span, origin=PARENT)], source=source) for lsn, span in enumerate(ranges, 1)]
    journal.commit([*commit_of(*batches), SetInPosition(PARENT, INCARNATION, Direction.RETURN, Lane.BULK, InPosition(upto))])


def held(journal: SqliteJournal, *, lives: Sequence[Life] = (COPIED, NEXT), known: Sequence[Life] = (COPIED,)) -> list[HeldBefore]:
    def look(peer: str, incarnation: int) -> Sequence[Life]:
        return known

    return journal.look("test", lambda db: held_before(db, PARENT, [TOLD], lives=lives, known=look))


def ranges_of(found: list[HeldBefore]) -> list[tuple[int, int]]:
    return [span for entry in found for span in entry.ranges]


def test_a_renumbering_is_remembered_stream_by_stream(path: Path) -> None:
    journal = open_journal(path, node=NODE, incarnation=INCARNATION)
    journal.commit(commit_of(stored(1, [run(1, 3)]), stored(2, [run(4, 9)])))
    journal.close()
    renumber(path, Renumbering(NODE, INCARNATION, 78, {Lane.BULK: 1}))
    journal = open_journal(path, node=NODE, incarnation=78)
    assert journal.look("test", steps) == [Step(Renumbered(INCARNATION, Lane.BULK, RESOURCE, 3), 78)]
    journal.close()


def test_a_renumbering_that_changes_no_number_leaves_nothing(path: Path) -> None:
    journal = open_journal(path, node=NODE, incarnation=INCARNATION)
    journal.commit(commit_of(stored(1, [run(1, 3)])))
    journal.close()
    renumber(path, Renumbering(NODE, INCARNATION, 78, {Lane.BULK: 1}))
    journal = open_journal(path, node=NODE, incarnation=78)
    assert journal.look("test", steps) == []
    journal.close()


def test_only_what_lies_above_the_base_is_named_in_one_piece_where_it_touches(journal: SqliteJournal) -> None:
    hold(journal, (1, 2), (4, 6), (7, 8), (11, 11))
    assert held(journal) == [HeldBefore(INCARNATION, Lane.BULK, RESOURCE, ((5, 8), (11, 11)))]


def test_what_came_by_another_way_is_not_named(journal: SqliteJournal) -> None:
    hold(journal, (5, 6), source="qd-other")
    assert held(journal) == []


@pytest.mark.parametrize(
    ("lives", "known", "upto"),
    [
        ((COPIED, NEXT), (Life(9, 0),), 10),  # another copy's life
        ((COPIED, NEXT), (COPIED,), 11),  # of the life in which the copy was made, but from after it
        ((COPIED, NEXT), (), 10),
    ],
)
def test_what_another_copy_wrote_is_not_named(journal: SqliteJournal, lives: Sequence[Life], known: Sequence[Life], upto: int) -> None:
    hold(journal, (5, 6), upto=upto)
    assert held(journal, lives=lives, known=known) == []


def test_the_newest_life_may_have_written_without_end(journal: SqliteJournal) -> None:
    hold(journal, (5, 6), upto=99)
    assert ranges_of(held(journal, lives=(COPIED,), known=(COPIED,))) == [(5, 6)]


def test_records_without_rows_are_not_held(journal: SqliteJournal) -> None:
    batch = stored(1, [run(5, 6, origin=PARENT, state=State.HELD)], source=PARENT)
    journal.commit(commit_of(batch))
    assert held(journal) == []


def test_no_more_ranges_are_named_than_a_hello_may_carry(journal: SqliteJournal) -> None:
    runs = [run(number, number, row=row, origin=PARENT) for row, number in enumerate(range(5, 5 + 2 * HELD_RANGES_MAX + 6, 2))]
    journal.commit(commit_of(stored(1, runs, source=PARENT)))
    assert len(ranges_of(held(journal))) == HELD_RANGES_MAX
