"""A raise at a holder: of ten thousand records exactly the hundred named go, or are masked, and the rest stays as it was to the byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from node.recall.orders import RegradeOrder, orders_of
from node.regrading.recalling import RegradeRewriting, rewriting_of
from node.store.records import decode_rows
from policies import Ruleset
from policies.compile import PlanBook
from policies.masks import KeyRing, TokenTable
from policies.regrade import Regrade, streams_of
from policies.ruleset import IssuedRegrade
from sync.model import Level, State
from tests.node.shelf import INCARNATION, Shelf, open_shelf
from tests.policies.city import NOW_US, city
from tests.policies.test_regrade import BASIS

RECORDS, NAMED, BATCH = 4_000, 100, 500
RESIDENTS = city().resources["residents"]


def under(regrade: Regrade) -> Ruleset:
    return replace(city(), regrades=(IssuedRegrade("street", Level.STREET, regrade),))


def raised(*numbers: int, resource: str = "residents", grade: int = 4) -> Regrade:
    streams = streams_of([("street", INCARNATION, one, one) for one in numbers])
    return Regrade("RG-1", resource, True, grade, streams, BASIS, "li", "wang", NOW_US)


def at_district(regrade: Regrade) -> RegradeRewriting:
    """What the district makes of the raise."""
    rules = under(regrade)
    (order,) = orders_of(rules, NOW_US)
    assert isinstance(order, RegradeOrder)
    found = rewriting_of(order, rules.resources[regrade.resource], PlanBook(rules, now_us=NOW_US), node="district", level=Level.DISTRICT)
    assert isinstance(found, RegradeRewriting)
    return found


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return open_shelf(tmp_path, node="district")


def filled(shelf: Shelf, code: str = "residents", count: int = RECORDS) -> None:
    for begin in range(0, count, BATCH):
        key = "resident_id" if code == "residents" else "credit_code"
        shelf.add(code, [{key: f"r{n + 1}"} for n in range(begin, min(count, begin + BATCH))], origin="street", distance=1)


@pytest.mark.slow
def test_exactly_the_named_records_go_and_no_other_batch_is_touched(shelf: Shelf) -> None:
    filled(shelf)
    named = sorted(Random(5).sample(range(1, RECORDS // 2), NAMED))
    rewriting = at_district(raised(*named))
    tokens, left, gone = TokenTable(KeyRing()), list[object](), list[int]()
    for stored in shelf.batches:
        if not rewriting.is_about(stored.batch.header):
            assert stored.batch.header.runs[0].first > RECORDS // 2
            left += decode_rows(stored.batch.payload).column("resident_id").to_pylist()
            continue
        done = rewriting.rewritten(stored, tokens)
        assert done is not None
        left += decode_rows(done.stored.batch.payload).column("resident_id").to_pylist()
        gone += [one for run in done.erased for one in range(run.first, run.last + 1)]
        accounts = [run for run in done.stored.batch.header.runs if run.state is State.RECALLED]
        assert sum(run.count for run in accounts) == sum(run.count for run in done.erased)
    assert gone == named
    assert left == [f"r{n}" for n in range(1, RECORDS + 1) if n not in set(named)]


def test_what_its_grade_may_be_with_masks_is_masked_and_carries_the_grade(shelf: Shelf) -> None:
    fields = tuple(
        replace(item, role=RESIDENTS.fields[1].role) if item.name == "name" else item for item in city().resources["enterprises"].fields
    )
    regrade = raised(2, resource="enterprises", grade=3)
    rules = under(regrade)
    rules = replace(rules, resources={**rules.resources, "enterprises": replace(rules.resources["enterprises"], fields=fields)})
    shelf.add("enterprises", [{"name": "甲公司"}, {"name": "乙公司"}, {"name": "丙公司"}], origin="street", distance=1)
    (order,) = orders_of(rules, NOW_US)
    rewriting = rewriting_of(order, rules.resources["enterprises"], PlanBook(rules, now_us=NOW_US), node="district", level=Level.DISTRICT)
    done = rewriting.rewritten(shelf.batches[0], TokenTable(KeyRing()))
    assert done is not None
    rows = decode_rows(done.stored.batch.payload)
    names = rows.column("name").to_pylist()
    assert (names[0], names[2]) == ("甲公司", "丙公司")
    assert names[1] != "乙公司"
    assert rows.column("grade").to_pylist() == [1, 3, 1]
    assert [run.count for run in done.masked] == [1]


def test_the_node_that_made_them_keeps_its_records(tmp_path: Path) -> None:
    shelf = open_shelf(tmp_path, node="street")
    shelf.add("residents", [{}, {}], origin="street")
    rules = under(raised(1))
    (order,) = orders_of(rules, NOW_US)
    rewriting = rewriting_of(order, RESIDENTS, PlanBook(rules, now_us=NOW_US), node="street", level=Level.STREET)
    assert not rewriting.is_about(shelf.batches[0].batch.header)
    assert [(run.first, run.last) for run in rewriting.own(shelf.batches[0], None)] == [(1, 1)]


def test_only_a_raise_with_a_basis_orders_anything() -> None:
    assert [order.entry.id for order in orders_of(under(raised(1)), NOW_US)] == ["RG-1"]
    assert orders_of(under(replace(raised(1), raises=False, grade=3)), NOW_US) == []
    assert orders_of(under(replace(raised(1), approver="")), NOW_US) == []
    (first,), (second,) = orders_of(under(raised(1)), NOW_US), orders_of(under(raised(2)), NOW_US)
    assert first.id != second.id
