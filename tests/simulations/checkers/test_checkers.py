"""The checkers over copies made by hand: each sees what it is for, and nothing in a good copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from simulations.checkers import Copy, Holder, Promise, Truth
from simulations.checkers.convergence import check_converged, check_kept, check_secured
from simulations.checkers.copies import Runs
from simulations.checkers.oracle import May, Oracle, Origins
from simulations.checkers.records import Records
from simulations.checkers.stored import check_once, check_order, check_permitted
from simulations.checkers.truth import MadeRecords, Numbered, present
from simulations.rules import Change
from sync.model import Lane, Level, State, Stream

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
NODES = tuple(HOLDERS)
AIR = Stream("s111", 1, Lane.BULK, "air-quality")
PEOPLE = Stream("s111", 1, Lane.STATE, "residents")
EPOCHS = range(1, 3)
SECRETS = {"secret"}
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of one run, as a test writes them down."""

    lsn: int
    first: int
    rows: Sequence[Row]
    live: bool = True
    backfill: bool = False


def reading(name: str, value: float = 10.0) -> Row:
    return {"text": name, "value": value, "territory": "370101001"}


def resident(name: str, category: str = "ordinary") -> Row:
    return {"resident_id": name, "name": name, "id_number": name, "phone": name, "category": category}


def copy_of(node: str, *held: Held, stream: Stream = AIR) -> Copy:
    rows = [row for run in held for row in run.rows]
    counts = [len(run.rows) for run in held]
    runs = Runs(
        lsn=np.array([run.lsn for run in held], np.int64),
        stream=np.zeros(len(held), np.int64),
        first=np.array([run.first for run in held], np.int64),
        last=np.array([run.first + len(run.rows) - 1 for run in held], np.int64),
        state=np.full(len(held), int(State.PRESENT), np.int64),
        live=np.array([run.live for run in held], np.bool_),
        backfill=np.array([run.backfill for run in held], np.bool_),
        returned=np.zeros(len(held), np.bool_),
    )
    numbers = [run.first + index for run in held for index in range(len(run.rows))]
    records = Records(
        pa.Table.from_pylist(rows), np.zeros(len(rows), np.int64), np.array(numbers, np.int64),
        np.repeat(runs.lsn, counts), np.repeat(runs.live, counts),
    )  # fmt: skip
    return Copy(HOLDERS[node], (stream,), runs, {stream.resource: records} if rows else {}, {})


def truth_of(*rows: Row, stream: Stream = AIR) -> Truth:
    made = MadeRecords(pa.Table.from_pylist(list(rows)), np.full(len(rows), NODES.index(stream.origin), np.int64))
    return Truth(NODES, {stream.resource: made}, {stream: [Numbered(1, len(rows), 0)]})


A, B = reading("a"), reading("b")
TRUTH = truth_of(A, B)


def test_a_good_copy_breaks_nothing() -> None:
    copy = copy_of("d11", Held(1, 1, [A, B]))
    assert check_once({copy.holder.id: copy}, TRUTH) + check_order(copy) == []
    assert check_permitted(copy, Oracle(HOLDERS, Change.NONE), SECRETS, EPOCHS) == []


@pytest.mark.parametrize(
    ("runs", "word"),
    [
        ((Held(1, 1, [A]), Held(2, 1, [A])), "is live twice"),
        ((Held(1, 1, [A]), Held(2, 2, [A])), "is live a second time"),
        ((Held(1, 1, [reading("a", 11.0)]),), "value differs"),
        ((Held(1, 3, [reading("c")]),), "was never made"),
    ],
)
def test_doubles_and_changed_records_break_p2(runs: tuple[Held, ...], word: str) -> None:
    found = check_once({"d11": copy_of("d11", *runs)}, TRUTH)
    assert found[0].promise is Promise.ONCE
    assert any(word in violation.text for violation in found)


def test_a_duplicate_that_is_marked_as_one_is_no_double() -> None:
    copy = copy_of("d11", Held(1, 1, [A]), Held(2, 1, [A], live=False))
    assert check_once({copy.holder.id: copy}, TRUTH) + check_order(copy) == []


def test_a_run_behind_a_later_one_breaks_p3_unless_it_is_backfill() -> None:
    assert [violation.promise for violation in check_order(copy_of("d11", Held(1, 2, [B]), Held(2, 1, [A])))] == [Promise.ORDER]
    assert check_order(copy_of("d11", Held(1, 2, [B]), Held(2, 1, [A], backfill=True))) == []


@pytest.mark.parametrize(
    ("node", "row", "word"),
    [
        ("m1", resident("***"), "is stored"),
        ("d11", resident("***", "protected"), "is stored"),
        ("s112", resident("***"), "is stored"),
        ("d11", resident("secret"), "shows what is secret"),
    ],
)
def test_residents_where_they_may_not_be_break_p4(node: str, row: Row, word: str) -> None:
    copy = copy_of(node, Held(1, 1, [row]), stream=PEOPLE)
    found = check_permitted(copy, Oracle(HOLDERS, Change.NONE), SECRETS, EPOCHS)
    assert [violation.promise for violation in found] == [Promise.GOVERNED]
    assert word in found[0].text


def test_a_masked_resident_may_be_at_the_district() -> None:
    copy = copy_of("d11", Held(1, 1, [resident("***")]), stream=PEOPLE)
    assert check_permitted(copy, Oracle(HOLDERS, Change.NONE), SECRETS, EPOCHS) == []


@pytest.mark.parametrize(
    ("change", "epoch", "expected"),
    [(Change.NONE, 1, May.ALL), (Change.DENY_ROWS, 1, May.ALL), (Change.DENY_ROWS, 2, May.NOTHING), (Change.DENY_ROWS, 3, May.NOTHING),
     (Change.RELEASE_ROWS, 1, May.NOTHING), (Change.RELEASE_ROWS, 2, May.ALL), (Change.RELEASE_ROWS, 3, May.NOTHING),
     (Change.NONE, 0, May.NOTHING)],
)  # fmt: skip
def test_the_oracle_follows_the_epoch(change: Change, epoch: int, expected: May) -> None:
    origins = Origins(("s111",), np.array([0]))
    rows = pa.Table.from_pylist([reading("a", 190.0)])
    assert Oracle(HOLDERS, change).may_hold("air-quality", rows, origins, holder="m1", epoch=epoch).tolist() == [expected]


@pytest.mark.parametrize(("holder", "expected"), [("s111", May.ALL), ("d11", May.ALL), ("s112", May.NOTHING)])
def test_an_enterprise_returns_to_its_own_territory_only(holder: str, expected: May) -> None:
    rows, origins = pa.Table.from_pylist([{"territory": "370101001"}]), Origins(("m1",), np.array([0]))
    assert Oracle(HOLDERS, Change.NONE).may_hold("enterprises", rows, origins, holder=holder, epoch=1).tolist() == [expected]


def test_an_acknowledged_record_that_is_gone_breaks_p1() -> None:
    presence = present(TRUTH, {"s111": copy_of("s111", Held(1, 1, [A]))})
    found = check_kept("s111", TRUTH, presence, {"air-quality": np.array([0, 1])})
    assert [violation.text for violation in found] == ["acknowledged record b is gone"]


def test_a_permitted_record_that_is_missing_above_breaks_p5() -> None:
    copies = {node: copy_of(node, *([Held(1, 1, [A])] if node == "s111" else [])) for node in HOLDERS}
    found = check_converged(copies, TRUTH, present(TRUTH, copies), Oracle(HOLDERS, Change.NONE), 1)
    assert [(violation.promise, violation.node) for violation in found] == [(Promise.CONVERGED, node) for node in ("p0", "m1", "d11")]


def test_a_secured_record_that_is_lost_with_its_origin_breaks_p1() -> None:
    presence = present(TRUTH, {"d11": copy_of("d11", Held(1, 1, [A]))})
    found = check_secured("d11", {"air-quality": np.array([0, 1])}, TRUTH, presence, Oracle(HOLDERS, Change.NONE), EPOCHS)
    assert [violation.text for violation in found] == ["record b was secured, and is lost with its origin's disk"]
