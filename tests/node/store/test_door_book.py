"""What the sensor door must not forget: written with the commit it was staged for, in order, or not at all."""

from __future__ import annotations

import pytest

from node.store.door_book import KeptSession, Mark, MarkKind, kept_sessions
from node.store.journal import SqliteJournal
from sync.model import JournalError
from tests.contracts.batches import commit_of, run, stored


def put(client: str, facts: str = "{}", ended_us: int = 0) -> Mark:
    return Mark(MarkKind.PUT_SESSION, client, facts=facts, ended_us=ended_us)


def hold(client: str, packet_id: int) -> Mark:
    return Mark(MarkKind.HOLD_ID, client, packet_id)


def kept(journal: SqliteJournal) -> list[KeptSession]:
    return journal.look("test", kept_sessions)


def test_marks_are_written_by_the_next_commit_and_once(journal: SqliteJournal) -> None:
    journal.door.stage([put("a", ended_us=7), hold("a", 5), hold("a", 4)])
    assert kept(journal) == []
    journal.commit(commit_of(stored(1, [run(1, 1)])))
    assert kept(journal) == [KeptSession("a", "{}", 7, (4, 5))]
    journal.door.stage([Mark(MarkKind.RELEASE_ID, "a", 5)])
    journal.commit([])
    journal.commit([])
    assert kept(journal) == [KeptSession("a", "{}", 7, (4,))]


def test_marks_take_effect_in_their_order(journal: SqliteJournal) -> None:
    journal.door.stage([put("a"), hold("a", 1), Mark(MarkKind.DROP_SESSION, "a"), put("a", "[]"), hold("a", 2)])
    journal.commit([])
    assert kept(journal) == [KeptSession("a", "[]", 0, (2,))]


def test_a_commit_that_fails_writes_no_mark_and_the_next_one_does(journal: SqliteJournal) -> None:
    journal.door.stage([put("a"), hold("a", 1)])
    with pytest.raises(JournalError):
        journal.commit(commit_of(stored(9, [run(1, 1)])))
    assert kept(journal) == []
    journal.commit(commit_of(stored(1, [run(1, 1)])))
    assert kept(journal) == [KeptSession("a", "{}", 0, (1,))]


def test_the_session_that_ended_longest_ago_comes_first(journal: SqliteJournal) -> None:
    journal.door.stage([put("late", ended_us=9), put("early", ended_us=3), put("here")])
    journal.commit([])
    assert [each.client for each in kept(journal)] == ["early", "late", "here"]
