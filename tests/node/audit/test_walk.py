"""Whatever is done to the log from outside is found and named, on real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.audit.entry import chained
from node.audit.walk import Fault
from node.store.journal import open_journal
from tests.contracts.batches import INCARNATION, NODE
from tests.node.audit.logs import TUNING, by_hand, filled, forge_from, walked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed journal with eight entries over five rows of the share ledger."""
    path = tmp_path / "journal.db"
    journal, _ = filled(path)
    journal.close()
    return path


def first(path: Path) -> tuple[Fault, int]:
    """The first thing that does not hold."""
    finding = walked(path).findings[0]
    return finding.fault, finding.seq


def test_a_log_that_nobody_touched_holds(path: Path) -> None:
    found = walked(path)
    assert found.findings == []
    assert (found.entries, found.first, found.last, found.stamps, found.rows, found.open_rows) == (8, 1, 8, 2, 5, 0)


EDITS = {
    "another detail": "UPDATE audit_entry SET entry = replace(entry, 'act-1', 'act-9') WHERE seq = 3",
    "another hash": "UPDATE audit_entry SET hash = zeroblob(32) WHERE seq = 3",
    "another previous hash": "UPDATE audit_entry SET prev = zeroblob(32) WHERE seq = 4",
    "no JSON at all": "UPDATE audit_entry SET entry = 'gone' WHERE seq = 3",
    "an empty entry": "UPDATE audit_entry SET entry = '' WHERE seq = 3",
}


@pytest.mark.parametrize("statement", EDITS.values(), ids=EDITS)
def test_an_entry_that_was_edited_is_named(path: Path, statement: str) -> None:
    with by_hand(path) as connection:
        connection.execute(statement)
    assert first(path)[0] in (Fault.EDITED, Fault.REPLACED)
    assert first(path)[1] == 3


@pytest.mark.parametrize("seq", [2, 5, 7])
def test_an_entry_that_was_dropped_is_named(path: Path, seq: int) -> None:
    with by_hand(path) as connection:
        connection.execute("DELETE FROM audit_entry WHERE seq = ?", (seq,))
    assert first(path) == (Fault.DROPPED, seq)


def test_the_first_entries_cannot_be_dropped_without_a_checkpoint(path: Path) -> None:
    with by_hand(path) as connection:
        connection.execute("DELETE FROM audit_entry WHERE seq <= 3")
    assert first(path) == (Fault.CHECKPOINT, 1)
    assert "entries 1 to 3 are gone" in walked(path).findings[0].text


def test_an_entry_dropped_and_the_rest_moved_up_is_named(path: Path) -> None:
    with by_hand(path) as connection:
        connection.execute("DELETE FROM audit_entry WHERE seq = 3")
        for seq in range(4, 9):
            connection.execute("UPDATE audit_entry SET seq = ? WHERE seq = ?", (seq - 1, seq))
    assert first(path)[1] in (2, 3)
    assert Fault.REORDERED in {finding.fault for finding in walked(path).findings}


@pytest.mark.parametrize("columns", ["entry", "entry, prev, hash"])
def test_two_entries_that_changed_places_are_named(path: Path, columns: str) -> None:
    names = columns.split(", ")
    with by_hand(path) as connection:
        rows = {seq: connection.execute(f"SELECT {columns} FROM audit_entry WHERE seq = ?", (seq,)).fetchone() for seq in (3, 4)}
        for seq, other in ((3, 4), (4, 3)):
            assignment = ", ".join(f"{name} = ?" for name in names)
            connection.execute(f"UPDATE audit_entry SET {assignment} WHERE seq = ?", (*rows[other], seq))
    found = walked(path).findings
    assert {finding.fault for finding in found} & {Fault.REORDERED}
    assert min(finding.seq for finding in found) in (2, 3)


def test_a_log_that_was_cut_off_is_found_by_its_head(path: Path) -> None:
    with by_hand(path) as connection:
        connection.execute("DELETE FROM audit_entry WHERE seq > 6")
    assert first(path) == (Fault.TRUNCATED, 7)
    assert "entries 7 to 8 are gone" in walked(path).findings[0].text


def test_a_head_that_is_gone_or_another_is_found(path: Path) -> None:
    with by_hand(path) as connection:
        connection.execute("UPDATE audit_head SET seq = 7")
    assert first(path) == (Fault.HEAD, 8)
    with by_hand(path) as connection:
        connection.execute("DELETE FROM audit_head")
    assert first(path) == (Fault.HEAD, 8)


def test_a_log_cut_off_with_its_head_holds_alone_and_differs_from_what_was_witnessed(path: Path) -> None:
    was = walked(path, wanted=frozenset({8})).hashes
    with by_hand(path) as connection:
        connection.execute("DELETE FROM audit_entry WHERE seq > 6")
        connection.execute("UPDATE audit_head SET seq = 6, hash = (SELECT hash FROM audit_entry WHERE seq = 6), stamped = 3")
    found = walked(path, wanted=frozenset({8}))
    assert found.findings == []  # nothing in the file can tell: this is what witnesses are for
    assert found.open_rows == 2
    assert (8 in was, found.hashes) == (True, {})


def test_a_log_written_anew_with_all_hashes_differs_from_what_was_witnessed(path: Path) -> None:
    was = walked(path, wanted=frozenset({8})).hashes
    with by_hand(path) as connection:
        forge_from(connection, 3, n=9)
    found = walked(path, wanted=frozenset({8}))
    assert found.findings == []
    assert found.hashes[8] != was[8]


LEDGER_EDITS = {
    "a peer": "UPDATE ledger SET peer = 'elsewhere' WHERE id = 2",
    "a hash": "UPDATE ledger SET payload_sha256 = zeroblob(32) WHERE id = 2",
    "a state": "UPDATE ledger_run SET state = 10, reason = 'ceiling' WHERE ledger_id = 2",
    "a run less": "DELETE FROM ledger_run WHERE ledger_id = 2",
    "a run more": "INSERT INTO ledger_run VALUES (2, 1, 'x', 1, 1, 1, 1, '', '')",
    "a row less": "DELETE FROM ledger WHERE id = 2",
    "another row's plan": "UPDATE ledger SET plan_hash = (SELECT a.plan_hash FROM ledger AS a WHERE a.id = 3) WHERE id = 2",
}


@pytest.mark.parametrize("statement", LEDGER_EDITS.values(), ids=LEDGER_EDITS)
def test_rows_of_the_share_ledger_that_were_changed_behind_their_stamp_are_named(path: Path, statement: str) -> None:
    with by_hand(path) as connection:
        connection.execute(statement)
    finding = walked(path).findings[0]
    assert (finding.fault, finding.seq) == (Fault.LEDGER, 5)
    assert "rows 1 to 3" in finding.text


def test_the_newest_rows_of_the_share_ledger_cannot_go_either(path: Path) -> None:
    with by_hand(path) as connection:
        connection.execute("DELETE FROM ledger WHERE id > 3")
    assert first(path) == (Fault.LEDGER, 8)


def test_a_stamp_that_leaves_rows_out_is_named_even_with_right_hashes(path: Path) -> None:
    with by_hand(path) as connection:
        forge_from(connection, 8, rows=[5, 5])
    found = walked(path).findings
    assert [finding.fault for finding in found] == [Fault.LEDGER] * 2
    assert "begins at ledger row 5, 4 was due" in found[0].text


@pytest.mark.parametrize("rows", [[4, 1 << 62], [9, 2], [0, 0], ["a", 1], [], None])
def test_a_stamp_over_rows_that_cannot_be_is_named_at_once(path: Path, rows: object) -> None:
    with by_hand(path) as connection:
        forge_from(connection, 8, rows=rows)
    assert Fault.LEDGER in {finding.fault for finding in walked(path).findings}


def test_an_entry_that_is_no_entry_behind_right_hashes_is_named(path: Path) -> None:
    with by_hand(path) as connection:
        connection.execute("UPDATE audit_entry SET entry = '[8,1,\"start\",3]' WHERE seq = 8")
        data, prev = connection.execute("SELECT CAST(entry AS BLOB), prev FROM audit_entry WHERE seq = 8").fetchone()
        connection.execute("UPDATE audit_entry SET hash = ?1 WHERE seq = 8", (chained(prev, data),))
        connection.execute("UPDATE audit_head SET hash = ?1", (chained(prev, data),))
    assert first(path) == (Fault.EDITED, 8)


def test_a_journal_whose_log_never_began_holds(tmp_path: Path) -> None:
    open_journal(tmp_path / "journal.db", node=NODE, incarnation=INCARNATION, tuning=TUNING).close()
    found = walked(tmp_path / "journal.db")
    assert (found.findings, found.entries) == ([], 0)


def test_entries_are_read_by_kind_without_a_walk(path: Path) -> None:
    with by_hand(path) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT seq FROM audit_entry WHERE kind = 'case' AND subject = 'x' AND kind <> 'decisions'"
        ).fetchall()
    assert any("audit_found" in str(step) for step in plan)
