"""Entries and stamps are in the transaction of what they record, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.audit.entry import decode, wanted
from node.audit.stamp import STAMP_AGE_US, STAMP_ROWS_MAX
from node.audit.words import AuditKind
from node.store.journal import SqliteJournal, open_journal
from node.store.rebrand import Renumbering, renumber
from node.store.torn import DiskImage, torn, unsynced_bytes
from sync.model import JournalError, Lane
from sync.model.writes import StoreBatch
from tests.contracts.batches import INCARNATION, NODE, PARENT, RESOURCE, commit_of, run, stored
from tests.node.audit.logs import TUNING, Tick, by_hand, enter, filled, ledger, opened, sent, walked, withheld


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def kinds(path: Path) -> list[str]:
    """The kinds of all entries, in order."""
    with by_hand(path) as connection:
        return [kind for (kind,) in connection.execute("SELECT kind FROM audit_entry ORDER BY seq")]


def decided(path: Path, seq: int) -> list[dict[str, object]]:
    """What a stamp says was decided."""
    with by_hand(path) as connection:
        data = connection.execute("SELECT entry FROM audit_entry WHERE seq = ?", (seq,)).fetchone()[0]
    found = decode(data).detail["decided"]
    assert isinstance(found, list)
    return found


def test_a_journal_without_a_begun_log_writes_none(path: Path) -> None:
    journal = open_journal(path, node=NODE, incarnation=INCARNATION, tuning=TUNING)
    sent(journal, [1])
    journal.write_audit(is_last=True)
    journal.close()
    assert kinds(path) == []


def test_what_waits_goes_with_the_next_commit_whatever_it_is(path: Path) -> None:
    journal = opened(path, Tick())
    ticket = journal.audit.add(wanted(AuditKind.CASE, "3f0c", "wang", {"word": "approve"}))
    journal.commit([StoreBatch(stored(1, [run(1, 1)]))])
    assert ticket.seq == 2
    journal.close()
    assert kinds(path) == ["start", "case"]


def test_a_commit_that_fails_leaves_the_entries_waiting_and_the_chain_whole(path: Path) -> None:
    journal = opened(path, Tick())
    ticket = journal.audit.add(wanted(AuditKind.CASE, "3f0c", "wang", {}))
    with pytest.raises(JournalError, match="batch 9 refused"):
        journal.commit([ledger(1), StoreBatch(stored(9, [run(1, 1)]))])
    journal._writer.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON audit_head BEGIN SELECT raise(ABORT, 'no'); END")
    with pytest.raises(JournalError, match="no"):
        journal.commit([ledger(1)])
    journal._writer.execute("DROP TRIGGER temp.full")
    assert (ticket.seq, journal.audit.head.seq) == (0, 1)
    journal.commit([ledger(1, withheld(1))])
    journal.write_audit(is_last=True)
    journal.close()
    assert kinds(path) == ["start", "case", "decisions"]
    assert walked(path).findings == []
    assert decided(path, 3)[0]["records"] == {"denied/negative-list": 1}


def test_rows_get_their_stamp_when_enough_are_there_in_the_commit_that_completes_them(path: Path) -> None:
    journal = opened(path, Tick())
    for number in range(1, STAMP_ROWS_MAX):
        sent(journal, [number])
    assert journal.audit.head.stamped == 0
    sent(journal, [STAMP_ROWS_MAX])
    assert journal.audit.head.stamped == STAMP_ROWS_MAX
    journal.close()
    assert kinds(path) == ["start", "decisions"]
    assert walked(path).findings == []


def test_rows_get_their_stamp_when_they_are_old_even_if_the_clock_goes_back(path: Path) -> None:
    clock = Tick()
    journal = opened(path, clock)
    sent(journal, [1])
    assert not journal.audit.has_work()
    clock.now_us -= STAMP_AGE_US
    assert journal.audit.has_work()
    journal.write_audit()
    assert not journal.audit.has_work()
    assert journal.audit.head.stamped == 1
    journal.close()


def test_rows_that_a_crash_left_without_a_stamp_get_one_in_the_next_life(path: Path) -> None:
    journal = opened(path, Tick())
    sent(journal, [1, 2, 3])
    journal.close()  # nobody stamped: as after a kill
    assert walked(path).open_rows == 3
    journal = opened(path, Tick())
    journal.write_audit(is_last=True)
    journal.close()
    found = walked(path)
    assert (found.findings, found.rows, found.open_rows) == ([], 3, 0)


def test_rows_from_before_the_log_are_not_spoken_of(path: Path) -> None:
    journal = open_journal(path, node=NODE, incarnation=INCARNATION, tuning=TUNING)
    sent(journal, [1, 2])
    journal.close()
    journal = opened(path, Tick())
    sent(journal, [3])
    journal.write_audit(is_last=True)
    journal.close()
    found = walked(path)
    assert (found.findings, found.rows, found.open_rows) == ([], 1, 0)


def test_a_stamp_says_what_was_decided_by_peer_plan_outcome_and_reason(path: Path) -> None:
    journal = opened(path, Tick())
    journal.commit([ledger(1, run(1, 3), withheld(4)), ledger(2, run(5, 5), peer="other")])
    journal.write_audit(is_last=True)
    journal.close()
    told = {entry["peer"]: entry["records"] for entry in decided(path, 2)}
    assert told == {PARENT: {"present": 3, "denied/negative-list": 1}, "other": {"present": 1}}
    assert {(entry["way"], entry["resource"]) for entry in decided(path, 2)} == {("up", RESOURCE)}


def test_stamps_hold_after_a_fork_renumbered_the_records(path: Path) -> None:
    journal = opened(path, Tick())
    batches = [stored(lsn, [run(lsn, lsn)]) for lsn in (1, 2, 3)]
    for batch in batches:
        journal.commit([*commit_of(batch, after=batches[: batch.lsn - 1]), ledger(batch.lsn)])
    journal.write_audit(is_last=True)
    journal.close()
    renumber(path, Renumbering(NODE, INCARNATION, INCARNATION + 1, {Lane.BULK: 1}), tuning=TUNING)
    with by_hand(path) as connection:
        assert connection.execute("SELECT count(*) FROM ledger_run WHERE incarnation = ?", (INCARNATION + 1,)).fetchone()[0] == 2
    journal = opened(path, Tick(), incarnation=INCARNATION + 1)
    sent(journal, [4])
    journal.write_audit(is_last=True)
    journal.close()
    found = walked(path)
    assert (found.findings, found.rows) == ([], 4)
    assert [incarnation for _, incarnation in found.starts] == [INCARNATION, INCARNATION + 1]
    with by_hand(path) as connection:
        connection.execute("UPDATE renumbered SET base = base + 1")
    assert "ledger_run" in walked(path).findings[0].text


@pytest.mark.slow
def test_a_crash_at_any_byte_of_a_commit_leaves_a_log_that_holds(path: Path, tmp_path: Path) -> None:
    left = tmp_path / "left.db"
    journal, clock = filled(path)
    heads = set()
    for number in range(6, 10):
        before = DiskImage.of(path)
        heads.add(journal.audit.head.seq)
        clock.now_us += STAMP_AGE_US * (number % 2)
        journal.audit.add(wanted(AuditKind.OPERATOR, f"act-{number}", "wang", {}))
        sent(journal, [number])
        after, written = DiskImage.of(path), 0
        written = unsynced_bytes(before, after)
        for cut in range(0, written, max(1, written // 40)):
            torn(before, after, cut=cut, flip=None).write(left)
            again: SqliteJournal = opened(left, Tick())
            assert again.audit.head.seq - 1 in {*heads, journal.audit.head.seq}
            enter(again, AuditKind.CASE, "after", {})
            again.write_audit(is_last=True)
            again.close()
            assert walked(left).findings == []
    journal.close()
