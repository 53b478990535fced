"""The checker of audit logs: good over a whole log, and it names what was done to one that is not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from node.audit.entry import wanted
from node.audit.words import AuditKind
from node.store.journal import SqliteJournal
from simulations.checkers import Promise
from simulations.checkers.audit import check_audit
from tests.node.shelf import open_shelf


def logged(folder: Path) -> SqliteJournal:
    journal = open_shelf(folder).journal
    journal.begin_audit(lambda: 1_800_000_000_000_000)
    for number in range(3):
        journal.audit.add(wanted(AuditKind.POLICY, f"version {number}", "", {"epochs": []}))
    journal.write_audit()
    return journal


def test_a_whole_log_is_good_and_one_that_was_never_kept_is_not(tmp_path: Path) -> None:
    with closing(logged(tmp_path)) as journal:
        assert check_audit("street", journal) == []
    (tmp_path / "other").mkdir()
    with closing(open_shelf(tmp_path / "other").journal) as silent:
        assert [one.promise for one in check_audit("street", silent)] == [Promise.AUDITED]


def test_an_entry_that_is_gone_is_found(tmp_path: Path) -> None:
    with closing(logged(tmp_path)) as journal:
        with closing(sqlite3.connect(journal.path)) as db, db:
            db.execute("DELETE FROM audit_entry WHERE seq = 2")
        assert "entry 2" in check_audit("street", journal)[0].text
