"""Which lives a journal knows, its own and its peers', across commits and restarts."""

from __future__ import annotations

from pathlib import Path

from node.store.journal import SqliteJournal, open_journal
from sync.model import LIVES_TOLD_MAX, Life
from tests.contracts.batches import INCARNATION, NODE, commit_of, run, stored


def opened(path: Path, life: int) -> SqliteJournal:
    return open_journal(path, node=NODE, incarnation=INCARNATION, life=life)


def one_batch(journal: SqliteJournal, lsn: int) -> None:
    journal.commit(commit_of(stored(lsn, [run(lsn, lsn)])))


def test_a_life_is_told_at_once_and_written_with_its_first_batch(path: Path) -> None:
    journal = opened(path, 7)
    assert journal.lives.told() == (Life(7, 0),)
    journal.close()
    journal = opened(path, 8)
    assert journal.lives.told() == (Life(8, 0),)  # the one before wrote nothing
    one_batch(journal, 1)
    one_batch(journal, 2)
    journal.close()
    journal = opened(path, 9)
    assert journal.lives.told() == (Life(8, 0), Life(9, 2))
    journal.close()


def test_whoever_only_reads_begins_no_life(path: Path) -> None:
    journal = opened(path, 0)
    one_batch(journal, 1)
    assert journal.lives.own() == ()
    journal.close()


def test_only_the_newest_lives_are_told(path: Path) -> None:
    for number in range(1, LIVES_TOLD_MAX + 3):
        journal = opened(path, number)
        one_batch(journal, number)
        journal.close()
    journal = opened(path, 0)
    assert len(journal.lives.own()) == LIVES_TOLD_MAX + 2
    assert [life.id for life in journal.lives.told()] == list(range(3, LIVES_TOLD_MAX + 3))
    journal.close()


def test_what_is_learned_of_a_peer_is_written_with_the_next_commit(path: Path) -> None:
    lives = (Life(1, 0), Life(2, 5))
    journal = opened(path, 7)
    journal.lives.learn("qd-street", 5, lives)
    journal.close()
    journal = opened(path, 7)
    assert journal.lives.known("qd-street", 5) == ()  # no commit, so no data of it either
    journal.lives.learn("qd-street", 5, lives[:1])
    journal.lives.learn("qd-street", 5, lives)
    journal.lives.learn("qd-street", 6, ())
    one_batch(journal, 1)
    journal.close()
    journal = opened(path, 7)
    assert journal.lives.known("qd-street", 5) == lives
    assert journal.lives.known("qd-street", 6) == journal.lives.known("qd-other", 5) == ()
    journal.close()
