"""The checkers over copies made by hand: each sees what it is for, and nothing in a good copy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simulations.checkers import Copy, Holder, Promise
from simulations.checkers.convergence import check_converged, check_kept
from simulations.checkers.copies import HeldRun, RecordRow
from simulations.checkers.oracle import May, Oracle
from simulations.checkers.stored import check_once, check_order, check_permitted
from simulations.rules import Change
from sync.model import Lane, Level, Run, Stream

HOLDERS = {
    holder.id: holder
    for holder in (
        Holder("p0", Level.PROVINCIAL, "37", "", Path("p0")),
        Holder("m1", Level.MUNICIPAL, "3701", "p0", Path("m1")),
        Holder("d11", Level.DISTRICT, "370101", "m1", Path("d11")),
        Holder("s111", Level.STREET, "370101001", "d11", Path("s111")),
        Holder("s112", Level.STREET, "370101002", "d11", Path("s112")),
    )
}
AIR = Stream("s111", 1, Lane.BULK, "air-quality")
PEOPLE = Stream("s111", 1, Lane.STATE, "residents")
EPOCHS = range(1, 3)


def reading(name: str, value: float = 10.0) -> RecordRow:
    return {"text": name, "value": value, "territory": "370101001"}


def resident(name: str, category: str = "ordinary") -> RecordRow:
    return {"resident_id": name, "name": name, "id_number": name, "phone": name, "category": category}


def held(lsn: int, first: int, *rows: RecordRow, stream: Stream = AIR) -> HeldRun:
    run = Run(stream.origin, stream.incarnation, first, first + len(rows) - 1, 0)
    return HeldRun(lsn, stream, run, rows, is_live=True, is_backfill=False, is_returned=False)


def copy_of(node: str, *runs: HeldRun) -> Copy:
    copy = Copy(HOLDERS[node], runs, {})
    for run, number, row in copy.live():
        copy.records.setdefault(run.stream, {})[number] = row
    return copy


ORIGINS = {AIR: {1: reading("a"), 2: reading("b")}}


def test_a_good_copy_breaks_nothing() -> None:
    copy = copy_of("d11", held(1, 1, reading("a"), reading("b")))
    assert check_once(copy, ORIGINS) + check_order(copy) + check_permitted(copy, Oracle(HOLDERS, Change.NONE), frozenset(), EPOCHS) == []


@pytest.mark.parametrize(
    ("runs", "word"),
    [
        ((held(1, 1, reading("a")), held(2, 1, reading("a"))), "live twice"),
        ((held(1, 1, reading("a")), held(2, 2, reading("a"))), "named a is live twice"),
        ((held(1, 1, reading("a", 11.0)),), "value differ"),
        ((held(1, 3, reading("c")),), "not at its origin"),
    ],
)
def test_doubles_and_changed_records_break_p2(runs: tuple[HeldRun, ...], word: str) -> None:
    found = check_once(copy_of("d11", *runs), ORIGINS)
    assert found[0].promise is Promise.ONCE
    assert any(word in violation.text for violation in found)


def test_a_duplicate_that_is_marked_as_one_is_no_double() -> None:
    copy = copy_of("d11", held(1, 1, reading("a")), replace(held(2, 1, reading("a")), is_live=False))
    assert check_once(copy, ORIGINS) + check_order(copy) == []


def test_a_run_behind_a_later_one_breaks_p3_unless_it_is_backfill() -> None:
    late = held(2, 1, reading("a"))
    assert [violation.promise for violation in check_order(copy_of("d11", held(1, 2, reading("b")), late))] == [Promise.ORDER]
    assert check_order(copy_of("d11", held(1, 2, reading("b")), replace(late, is_backfill=True))) == []


@pytest.mark.parametrize(
    ("node", "row", "word"),
    [
        ("m1", resident("***"), "is stored"),
        ("d11", resident("***", "protected"), "is stored"),
        ("s112", resident("***"), "is stored"),
        ("d11", resident("secret"), "shows resident_id"),
    ],
)
def test_residents_where_they_may_not_be_break_p4(node: str, row: RecordRow, word: str) -> None:
    copy = copy_of(node, held(1, 1, row, stream=PEOPLE))
    found = check_permitted(copy, Oracle(HOLDERS, Change.NONE), frozenset({"secret"}), EPOCHS)
    assert [violation.promise for violation in found] == [Promise.GOVERNED]
    assert word in found[0].text


def test_a_masked_resident_may_be_at_the_district() -> None:
    copy = copy_of("d11", held(1, 1, resident("***"), stream=PEOPLE))
    assert check_permitted(copy, Oracle(HOLDERS, Change.NONE), frozenset({"secret"}), EPOCHS) == []


@pytest.mark.parametrize(
    ("change", "epoch", "expected"),
    [(Change.NONE, 1, May.ALL), (Change.DENY_ROWS, 1, May.ALL), (Change.DENY_ROWS, 2, May.NOTHING), (Change.RELEASE_ROWS, 1, May.NOTHING),
     (Change.RELEASE_ROWS, 2, May.ALL), (Change.NONE, 0, May.NOTHING)],
)  # fmt: skip
def test_the_oracle_follows_the_epoch(change: Change, epoch: int, expected: May) -> None:
    assert Oracle(HOLDERS, change).may_hold("air-quality", reading("a", 190.0), origin="s111", holder="m1", epoch=epoch) is expected


@pytest.mark.parametrize(("holder", "expected"), [("s111", May.ALL), ("d11", May.ALL), ("s112", May.NOTHING)])
def test_an_enterprise_returns_to_its_own_territory_only(holder: str, expected: May) -> None:
    row: RecordRow = {"territory": "370101001"}
    assert Oracle(HOLDERS, Change.NONE).may_hold("enterprises", row, origin="m1", holder=holder, epoch=1) is expected


def test_an_acknowledged_record_that_is_gone_breaks_p1() -> None:
    copy = copy_of("s111", held(1, 1, reading("a")))
    assert [violation.text for violation in check_kept(copy, ["a", "b"])] == ["acknowledged record b is gone"]


def test_a_permitted_record_that_is_missing_above_breaks_p5() -> None:
    copies = {"s111": copy_of("s111", held(1, 1, reading("a"))), "d11": copy_of("d11"), "s112": copy_of("s112")}
    found = check_converged(copies, Oracle(HOLDERS, Change.NONE), 1)
    assert [(violation.promise, violation.node) for violation in found] == [(Promise.CONVERGED, "d11")]
