"""The projection: built from the journal, in steps, again when it is another journal's, and never believing what is no fact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.cases.errors import CaseError, RegisterDamaged
from node.cases.fact import row_of
from node.cases.register import ARRIVED_MAX, FILE_NAME, Register
from node.ingest.sink import Row
from sync.model import HybridTime
from tests.node.cases.loans import DAY_US, LENDER, LOAN, READER, RESOURCE, asked, said
from tests.node.cases.town import put
from tests.node.rot import away
from tests.node.shelf import Shelf, open_shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A journal of node street with one loan."""
    found = open_shelf(tmp_path)
    put(found, RESOURCE, [row_of(asked(), bearer=READER, territory="370202001", grade=2)], origin=READER, at=HybridTime(10))
    put(found, RESOURCE, [row_of(said("lend", 20, LENDER), bearer=LENDER, territory="3702", grade=2)], origin=LENDER, at=HybridTime(20))
    return found


def opened(folder: Path) -> Register:
    """The register in a folder."""
    return Register(folder / FILE_NAME, [LOAN], me="street", above=lambda: ())


def test_a_register_holds_what_the_journal_says(shelf: Shelf, tmp_path: Path) -> None:
    register = opened(tmp_path)
    assert register.catch_up(shelf.journal) == {("loan", "c1")}
    case = register.case(LOAN, "c1")
    assert case is not None
    assert (case.state, case.data["title"]) == ("lent", "Faust")
    assert [one.id for one in register.cases(LOAN, states={"lent"}, limit=10)] == ["c1"]
    assert register.cases(LOAN, states={"over"}, limit=10) == []
    assert register.counts(LOAN) == {"lent": 1}
    assert (register.overdue(LOAN, 20 + DAY_US), register.overdue(LOAN, 21 + DAY_US)) == (0, 1)


def test_it_goes_on_where_it_ended(shelf: Shelf, tmp_path: Path) -> None:
    opened(tmp_path).catch_up(shelf.journal)
    register = opened(tmp_path)
    assert register.catch_up(shelf.journal) == set()
    put(
        shelf,
        RESOURCE,
        [row_of(said("give-back", 30, READER), bearer=READER, territory="370202001", grade=2)],
        origin=READER,
        at=HybridTime(30),
    )
    assert register.catch_up(shelf.journal) == {("loan", "c1")}
    assert register.counts(LOAN) == {"over": 1}


def test_facts_of_a_batch_that_was_away_are_read_once_it_is_back(shelf: Shelf, tmp_path: Path) -> None:
    register = opened(tmp_path)
    with away(shelf.journal, 2):
        assert register.catch_up(shelf.journal) == {("loan", "c1")}
        assert (register.counts(LOAN), register.catch_up(shelf.journal)) == ({"asked": 1}, set())
    register.close()
    register = opened(tmp_path)
    assert register.catch_up(shelf.journal) == {("loan", "c1")}
    assert (register.counts(LOAN), register.unreadable, register.catch_up(shelf.journal)) == ({"lent": 1}, 0, set())


def test_a_register_of_another_journal_begins_anew(shelf: Shelf, tmp_path: Path) -> None:
    register = opened(tmp_path)
    register.catch_up(shelf.journal)
    (tmp_path / "other").mkdir()
    empty = open_shelf(tmp_path / "other", node="other")
    register.catch_up(empty.journal)
    assert register.counts(LOAN) == {}


def test_a_register_ahead_of_its_journal_begins_anew(shelf: Shelf, tmp_path: Path) -> None:
    register = opened(tmp_path)
    register.catch_up(shelf.journal)
    (tmp_path / "restored").mkdir()
    restored = open_shelf(tmp_path / "restored")
    put(restored, RESOURCE, [row_of(asked(), bearer=READER, territory="370202001", grade=2)], origin=READER, at=HybridTime(10))
    register.catch_up(restored.journal)
    assert register.counts(LOAN) == {"asked": 1}


@pytest.mark.parametrize(
    "change",
    [
        {3: ""},
        {4: "x" * 65},
        {6: ""},
        {6: "x" * 201},
        {7: "no json"},
        {7: "[1]"},
        {7: "[" * 5_000},
        {8: '{"origin":"m1"}'},
        {8: "{}"},
    ],
    ids=str,
)
def test_a_row_that_is_no_fact_is_counted_and_passed_over(shelf: Shelf, tmp_path: Path, change: dict[int, object]) -> None:
    good = row_of(said("give-back", 30, READER), bearer=READER, territory="370202001", grade=2)
    bad: Row = tuple(change.get(place, value) for place, value in enumerate(good))
    put(shelf, RESOURCE, [bad, good], origin=READER, at=HybridTime(30))
    register = opened(tmp_path)
    register.catch_up(shelf.journal)
    assert (register.counts(LOAN), register.unreadable) == ({"over": 1}, 1)


@pytest.mark.parametrize(("origin", "counts"), [("street", {"asked": 1}), (LENDER, {"lent": 1})])
def test_nobody_tells_a_node_what_it_said_itself(tmp_path: Path, origin: str, counts: dict[str, int]) -> None:
    """A node above that may pass facts on could otherwise put a decision into the mouth of the node that acts on it."""
    shelf, me = open_shelf(tmp_path), "street" if origin == "street" else LENDER
    put(shelf, RESOURCE, [row_of(asked(), bearer=READER, territory="370202001", grade=2)], origin=READER, at=HybridTime(10))
    forged = replace(said("lend", 20, LENDER), place=replace(said("lend", 20, LENDER).place, origin=me))
    put(shelf, RESOURCE, [row_of(forged, bearer="p0", territory="370202001", grade=2)], origin="p0", at=HybridTime(20))
    register = Register(tmp_path / FILE_NAME, [LOAN], me="street", above=lambda: ("p0",))
    register.catch_up(shelf.journal)
    assert register.counts(LOAN) == counts
    assert register.unreadable == (origin == "street")


@pytest.mark.slow
def test_one_case_keeps_no_more_than_its_bound(shelf: Shelf, tmp_path: Path) -> None:
    notes = [said("note", 30 + number, READER, text=str(number)) for number in range(ARRIVED_MAX + 50)]
    put(shelf, RESOURCE, [row_of(one, bearer=READER, territory="370202001", grade=2) for one in notes], origin=READER, at=HybridTime(30))
    register = opened(tmp_path)
    register.catch_up(shelf.journal)
    with register.transaction() as db:
        assert db.execute("SELECT count(*) FROM fact").fetchone() == (ARRIVED_MAX,)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database at all, and long enough to be looked at")
    with pytest.raises(RegisterDamaged, match="move it away"):
        opened(tmp_path)


def test_a_closed_register_says_so(tmp_path: Path) -> None:
    register = opened(tmp_path)
    register.close()
    with pytest.raises(CaseError, match="is closed"):
        register.counts(LOAN)


def put_body(shelf: Shelf, body: str) -> None:
    """A fact of a peer with a body as it wrote it."""
    row = list(row_of(said("lend", 30, LENDER), bearer=LENDER, territory="3702", grade=2))
    row[7] = body
    put(shelf, RESOURCE, [tuple(row)], origin=LENDER, at=HybridTime(30))


@pytest.mark.parametrize(
    "body", [*('{"a": ' * depth + "1" + "}" * depth for depth in (33, 500)), '{"a": [{"b": -9223372036854775809}]}', f'{{"a": {1 << 200}}}']
)
def test_a_body_that_could_not_be_stored_is_no_fact(body: str, shelf: Shelf, tmp_path: Path) -> None:
    register = opened(tmp_path)
    put_body(shelf, body)
    assert (register.catch_up(shelf.journal), register.unreadable) == ({("loan", "c1")}, 1)


def test_a_body_at_the_bounds_is_a_fact(shelf: Shelf, tmp_path: Path) -> None:
    register = opened(tmp_path)
    put_body(shelf, '{"a": ' * 31 + "9223372036854775807" + "}" * 31)
    assert (register.catch_up(shelf.journal), register.unreadable) == ({("loan", "c1")}, 0)


def test_a_fact_of_the_last_moment_that_can_be_written_ends_no_register(tmp_path: Path) -> None:
    shelf, last_us = open_shelf(tmp_path), (1 << 63) - 1
    put(shelf, RESOURCE, [row_of(asked(), bearer=READER, territory="370202001", grade=2)], origin=READER, at=HybridTime(10))
    row = row_of(said("lend", 20, LENDER), bearer=LENDER, territory="3702", grade=2)
    put(shelf, RESOURCE, [row], origin=LENDER, at=HybridTime(last_us))
    register = opened(tmp_path)
    assert register.catch_up(shelf.journal) == {("loan", "c1")}
    assert register.overdue(LOAN, last_us) == 0
