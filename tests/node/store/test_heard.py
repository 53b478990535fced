"""Refusals that are too old for the engine's memory are told to whoever has not entered them, page by page, and to nobody else."""

from __future__ import annotations

import pytest

from node.store import heard
from node.store.heard import last_heard, unheard
from node.store.journal import SqliteJournal
from sync.core.messages import Heard, Hello
from sync.model import Direction, Lane, Level, PolicyVersion, Span
from sync.model.writes import AppendRefusal

VERSION = PolicyVersion.of({"province": 1})
PEER, LIFE, OWN = "street", 7, 5
REMEMBERED = 2


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard, "REFUSALS_KEPT_MAX", REMEMBERED)
    monkeypatch.setattr(heard, "PAGE_MAX", 2)


def refusal(upto: int, *, part: int = 0, lane: Lane = Lane.BULK, life: int = LIFE, peer: str = PEER) -> AppendRefusal:
    """One that was made here."""
    return AppendRefusal(
        peer, Direction.UP, lane, Span(upto - 1, upto), part, "air-quality", (), b"h" * 32, f"no {upto}", b"v" * 32, by_peer=False,
        incarnation=life, program="yunnao 1",
    )  # fmt: skip


def heard_of(upto: int, *, part: int = 0, lane: Lane = Lane.BULK, refuser: int = LIFE, own: int = OWN) -> AppendRefusal:
    """One that a peer made."""
    return AppendRefusal(
        PEER, Direction.UP, lane, Span(upto - 1, upto), part, "", (), b"", "no", b"v" * 32, by_peer=True, incarnation=own, refuser=refuser
    )


def hello(*marks: tuple[Lane, int, int], node: str = PEER, life: int = LIFE) -> Hello:
    told = tuple(Heard(Direction.UP, lane, upto, part) for lane, upto, part in marks)
    return Hello(node, life, Level.STREET, "37", VERSION, (), heard=told)


def told(journal: SqliteJournal, said: Hello) -> list[tuple[str, int, int]]:
    return [(entry.lane.word, entry.span.upto, entry.part) for entry in unheard(journal, said, VERSION)]


def test_what_lies_above_the_mark_and_below_the_memory_is_told_in_order(journal: SqliteJournal) -> None:
    journal.commit([refusal(upto) for upto in range(1, 11)])
    assert told(journal, hello((Lane.BULK, 3, 0))) == [("bulk", upto, 0) for upto in range(4, 9)]
    assert told(journal, hello((Lane.BULK, 8, 0))) == []


def test_a_part_behind_the_one_that_was_heard_is_told(journal: SqliteJournal) -> None:
    journal.commit([refusal(4, part=part) for part in range(3)] + [refusal(9), refusal(10)])
    assert told(journal, hello((Lane.BULK, 4, 0))) == [("bulk", 4, 1), ("bulk", 4, 2)]


def test_each_lane_has_a_mark_of_its_own_and_other_lives_and_peers_are_left_out(journal: SqliteJournal) -> None:
    journal.commit([refusal(1), refusal(2, lane=Lane.ALARM), refusal(3, life=6), refusal(4, peer="other"), refusal(9), refusal(10)])
    assert told(journal, hello((Lane.BULK, 0, 0), (Lane.ALARM, 2, 0))) == [("bulk", 1, 0)]


def test_an_older_program_that_says_nothing_is_told_nothing_more(journal: SqliteJournal) -> None:
    journal.commit([refusal(upto) for upto in range(1, 11)])
    assert told(journal, hello()) == []


def test_few_refusals_are_the_engines_alone(journal: SqliteJournal) -> None:
    journal.commit([refusal(1), refusal(2)])
    assert told(journal, hello((Lane.BULK, 0, 0))) == []


def test_it_says_what_the_refusal_said(journal: SqliteJournal) -> None:
    journal.commit([refusal(upto) for upto in (1, 2, 3)])
    (entry,) = unheard(journal, hello((Lane.BULK, 0, 0)), VERSION)
    assert (entry.reason, entry.under, entry.program, entry.policy, entry.quarantine) == ("no 1", b"v" * 32, "yunnao 1", VERSION, False)


def test_the_last_one_heard_is_of_both_lives(journal: SqliteJournal) -> None:
    journal.commit([heard_of(4), heard_of(6, part=1), heard_of(6), heard_of(99, refuser=3), heard_of(98, own=4), refusal(50)])
    found = journal.look("test", lambda db: last_heard(db, PEER, LIFE, own=OWN))
    marks = {(entry.direction, entry.lane): (entry.upto, entry.part) for entry in found}
    assert marks.pop((Direction.UP, Lane.BULK)) == (6, 1)
    assert set(marks.values()) == {(0, 0)}
    assert len(marks) == 2 * len(Lane) - 1
