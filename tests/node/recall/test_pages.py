"""Pages of requests under a recall: no node keeps one, providers name who fetched, and whoever fetched answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from node.recall.closure import Answered, OpenList
from node.recall.eraser import Eraser, Kept
from node.recall.making import receipt_of
from node.recall.orders import Order
from node.recall.pages import Pages, concerns_pages
from node.recall.receipt import PEERS_PER_FACT, Receipt, pages_of, read_receipt
from node.requests.fetched import Fetched, FetchedPage
from node.requests.shares import Share, Shares
from node.store.recalled import OrderNote
from policies.words import Way
from sync.model import Lane, Stream
from tests.node.identity.family import StandingClock
from tests.node.recall.holder import entry
from tests.node.shelf import INCARNATION, Shelf, open_shelf
from tests.policies.city import city

RESOURCE = "air-quality"
SHARE = Share(1, "case", "laoshan", "li", RESOURCE, ("value",), "statistics", 10, {}, 0, 3, "a" * 64, "p", "q")
ORDER = Order("NL-1@x", "shandong", replace(entry(predicate=""), ways=()))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """Six batches of two records each: numbers 1 to 12."""
    opened = open_shelf(tmp_path)
    for _ in range(6):
        opened.add(RESOURCE, [{}, {}])
    yield opened
    opened.journal.close()


@pytest.fixture
def books(tmp_path: Path, shelf: Shelf) -> Iterator[Pages]:
    found = Pages(Shares(tmp_path / "shares.db"), Fetched(tmp_path / "fetched.db"), shelf.journal)
    yield found
    found.shares.close()
    found.fetched.close()


def named(books: Pages, *numbers: int) -> dict[str, int]:
    """Who fetched pages with these records."""
    lane = books.journal.recent(RESOURCE, limit=1, before_lsn=None)[0].batch.header.lane
    return books.given({Stream("street", INCARNATION, lane, RESOURCE): [(number, number) for number in numbers]}, [RESOURCE])


@pytest.mark.parametrize(
    ("first_lsn", "last_lsn", "number", "is_named"),
    [
        (0, 3, 1, True),
        (0, 3, 6, True),
        (0, 3, 7, True),  # the page may end inside the batch behind the last that it names
        (0, 3, 9, False),
        (3, 6, 6, False),
        (3, 6, 12, True),
        (3, 3, 7, True),  # a page inside one batch
        (3, 3, 6, False),
    ],
)
def test_a_page_is_named_where_it_read_a_batch_with_the_record(
    books: Pages, first_lsn: int, last_lsn: int, number: int, is_named: bool
) -> None:
    books.shares.enter(replace(SHARE, first_lsn=first_lsn, last_lsn=last_lsn))
    assert named(books, number) == ({"laoshan": 10} if is_named else {})


def test_pages_of_other_resources_and_without_rows_name_nobody(books: Pages) -> None:
    books.shares.enter(replace(SHARE, resource="traffic-flow"))
    books.shares.enter(replace(SHARE, rows=0))
    assert named(books, 1) == {}


def test_rows_of_all_pages_of_a_node_are_counted_together(books: Pages) -> None:
    for asker in ("laoshan", "jimo", "laoshan"):
        books.shares.enter(replace(SHARE, asker=asker))
    assert named(books, 1) == {"jimo": 10, "laoshan": 20}


@pytest.mark.parametrize(("ways", "concerns"), [((), True), ((Way.SIDEWAYS,), True), ((Way.UP, Way.RETURN), False)])
def test_an_order_about_other_ways_says_nothing_of_pages(ways: tuple[Way, ...], concerns: bool) -> None:
    assert concerns_pages(replace(ORDER, entry=replace(ORDER.entry, ways=ways))) is concerns


def test_who_fetched_is_expected_to_answer_and_is_missing_until_then() -> None:
    receipt = Receipt(order=ORDER.id, entry="NL-1", root="0" * 64, kept=1, fetched={"laoshan": 10})
    one = OpenList({"badaguan": Answered("badaguan", 1, receipt, {}, frozenset(), {"laoshan": 10})})
    assert one.missing == ["laoshan"]
    one.answered["laoshan"] = Answered("laoshan", 2, replace_pages(receipt, 1), {}, frozenset())
    assert one.missing == []


def replace_pages(receipt: Receipt, pages: int) -> Receipt:
    """The receipt of a node that fetched."""
    said = {"order": receipt.order, "entry": receipt.entry, "root": receipt.root, "stores": {"pages": pages}, "requests": ["case"]}
    found = read_receipt(said)
    assert found is not None
    return found


def test_many_who_fetched_are_said_over_several_facts() -> None:
    fetched = {f"node-{number:03d}": 1 for number in range(PEERS_PER_FACT + 5)}
    bodies = pages_of(Receipt(order="o", entry="e", root="0" * 64, fetched=fetched))
    assert [len(body["fetched"]) for body in bodies] == [PEERS_PER_FACT, 5]
    assert all(read_receipt(body) is not None for body in bodies)


def test_a_node_that_fetched_and_never_held_answers_with_the_requests(books: Pages) -> None:
    eraser = cast("Eraser", SimpleNamespace(journal=books.journal, policy=SimpleNamespace(ruleset=city()), clock=StandingClock()))
    note, order = OrderNote(ORDER.id, "NL-1", "shandong", 1), replace(ORDER, entry=replace(ORDER.entry, resource="traffic-flow"))
    assert receipt_of(order, note, Kept(), eraser, books) is None
    books.fetched.enter(FetchedPage(1, "8bb5", "liaoyuan", "li", "traffic-flow", 7, "a" * 64))
    receipt = receipt_of(order, note, Kept(), eraser, books)
    assert receipt is not None
    assert (receipt.erased, receipt.stores.pages, receipt.requests) == (0, 1, ["8bb5"])
    upward = replace(order, entry=replace(order.entry, ways=(Way.UP,)))
    assert receipt_of(upward, note, Kept(), eraser, books) is None


def test_a_provider_that_keeps_its_own_records_names_who_fetched_them(books: Pages) -> None:
    eraser = cast("Eraser", SimpleNamespace(journal=books.journal, policy=SimpleNamespace(ruleset=city()), clock=StandingClock()))
    books.shares.enter(SHARE)
    (stream,) = books.journal.recent(RESOURCE, limit=1, before_lsn=None)[0].batch.header.runs
    kept = Kept({stream.stream(Lane.BULK, RESOURCE): [(1, 2)]})
    receipt = receipt_of(ORDER, OrderNote(ORDER.id, "NL-1", "shandong", 1), kept, eraser, books)
    assert receipt is not None
    assert (receipt.kept, receipt.fetched) == (2, {"laoshan": 10})
