"""`yunnao audit check` over real journals: what holds, what is broken, and what cannot be told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.verb import UsageError
from simulations.audit_verb import check
from simulations.checkers import Promise
from tests.node.equality.city import CHILD, city


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Path]:
    with city(tmp_path) as made:
        made.offer([1.0, 2.0, 3.0])
        made.offer([4.0])
        yield tmp_path / f"{CHILD}.db"


def change(journal: Path, statement: str) -> None:
    with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        connection.execute(statement)


def words(journal: Path) -> dict[Promise, str]:
    return {result.promise: result.word for result in check(journal)}


def test_a_good_journal_holds_and_the_policy_is_not_guessed(journal: Path) -> None:
    assert words(journal) == {
        Promise.ONCE: "check_holds",
        Promise.ORDER: "check_holds",
        Promise.GOVERNED: "check_unknown",
        Promise.ACCOUNTED: "check_holds",
    }


def test_a_record_that_counts_twice_is_found(journal: Path) -> None:
    change(journal, "UPDATE batch_run SET first_seq = 3, last_seq = 3 WHERE lsn = 2")
    (broken,) = [result for result in check(journal) if result.promise is Promise.ONCE]
    assert [violation.text for violation in broken.found] == [f"record 3 of {CHILD}/air-quality, batch 2, is live twice"]


def test_a_missing_ledger_row_breaks_the_equation(journal: Path) -> None:
    change(journal, "DELETE FROM ledger_run WHERE ledger_id = 1")
    assert words(journal)[Promise.ACCOUNTED] == "check_broken"


def test_a_damaged_batch_leaves_what_needs_its_rows_open(journal: Path) -> None:
    change(journal, "UPDATE batch SET payload = CAST(x'00' || substr(payload, 2) AS BLOB) WHERE lsn = 1")
    assert words(journal)[Promise.ONCE] == "check_unknown"


def test_a_path_without_a_journal_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither a node's folder nor a journal file"):
        check(tmp_path)
    (tmp_path / "text").write_text("no database, but long enough to be looked at as one")
    with pytest.raises(UsageError, match="cannot be read as a journal"):
        check(tmp_path / "text")
