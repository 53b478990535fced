"""Rows for the API: newest first, bounded, paged by lsn, and only those that count."""

from __future__ import annotations

from node.store.records import find_row, live_rows, newest_rows
from tests.node.shelf import Shelf


def values(rows: list[dict[str, object]]) -> list[object]:
    return [row["value"] for row in rows]


def test_the_newest_rows_come_first_across_batches(shelf: Shelf) -> None:
    shelf.add("air-quality", [{"value": 1.0}, {"value": 2.0}])
    shelf.add("air-quality", [{"value": 3.0}, {"value": 4.0}])
    assert values(newest_rows(shelf.journal, "air-quality", limit=3)) == [4.0, 3.0, 2.0]


def test_a_page_goes_on_below_the_lsn_it_is_given(shelf: Shelf) -> None:
    for value in range(5):
        shelf.add("air-quality", [{"value": float(value)}])
    first = newest_rows(shelf.journal, "air-quality", limit=2)
    last_lsn = first[-1]["_lsn"]
    assert isinstance(last_lsn, int)
    assert values(newest_rows(shelf.journal, "air-quality", limit=2, before_lsn=last_lsn)) == [2.0, 1.0]


def test_pages_go_on_past_what_one_read_takes(shelf: Shelf) -> None:
    for value in range(40):
        shelf.add("air-quality", [{"value": float(value)}])
    assert values(newest_rows(shelf.journal, "air-quality", limit=100)) == [float(value) for value in reversed(range(40))]


def test_rows_of_other_resources_and_duplicates_do_not_show(shelf: Shelf) -> None:
    shelf.add("traffic-flow", [{"value": 9.0}])
    shelf.add("air-quality", [{"value": 1.0}], origin="grid-1", duplicate=True)
    shelf.add("air-quality", [{"value": 2.0}], origin="grid-1")
    (row,) = newest_rows(shelf.journal, "air-quality", limit=10)
    assert (row["value"], row["_origin"]) == (2.0, "grid-1")


def test_a_batch_without_live_rows_gives_none(shelf: Shelf) -> None:
    assert live_rows(shelf.add("air-quality", [{}], duplicate=True)) is None


def test_a_row_is_found_by_value_and_the_newest_wins(shelf: Shelf) -> None:
    shelf.add("air-quality", [{"device": "d1", "value": 1.0}, {"device": "d2", "value": 2.0}])
    shelf.add("air-quality", [{"device": "d1", "value": 3.0}])
    found = find_row(shelf.journal, "air-quality", "device", "d1")
    assert found is not None
    assert found["value"] == 3.0
    assert find_row(shelf.journal, "air-quality", "device", "d7") is None
