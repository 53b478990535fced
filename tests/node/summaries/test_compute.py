"""A node's own part, from a real mart over a real journal."""

from __future__ import annotations

from pathlib import Path

from node.store.mart import Mart
from node.store.records import decode_rows
from node.summaries.compute import compute_cells, origins_held
from node.summaries.keying import SketchKey
from node.summaries.spec import SummarySpec
from policies.catalogue import Scalar
from tests.node.shelf import Shelf

HOUR_US = 3_600_000_000
SPEC = SummarySpec("air-quality", 0, 2 * HOUR_US)
KEY = SketchKey(b"k" * 32)


def reading(value: float, *, time_us: int = 0, device: str = "d1", territory: str = "370202001001") -> dict[str, Scalar]:
    return {"event_time": time_us, "territory": territory, "device": device, "quantity": "pm25", "value": value}


def mart_of(shelf: Shelf, tmp_path: Path) -> Mart:
    mart = Mart(tmp_path / "mart.duckdb", ["air-quality"])
    mart.catch_up(shelf.journal, shelf.journal.last_lsn, lambda payload, decoded_bytes: decode_rows(payload))
    return mart


def test_cells_are_grouped_by_hour_and_street(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(
        "air-quality", [reading(1.0), reading(3.0, device="d2"), reading(7.0, time_us=HOUR_US), reading(9.0, territory="370202002001")]
    )
    cells = compute_cells(mart_of(shelf, tmp_path), SPEC, ["street"], key=KEY)
    assert {(bucket, place): (cell.count, cell.total) for (bucket, place, _), cell in cells.items()} == {
        (0, "370202001"): (2, 4.0),
        (HOUR_US, "370202001"): (1, 7.0),
        (0, "370202002"): (1, 9.0),
    }


def test_the_window_ends_before_its_last_moment(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("air-quality", [reading(1.0, time_us=2 * HOUR_US - 1), reading(2.0, time_us=2 * HOUR_US)])
    (cell,) = compute_cells(mart_of(shelf, tmp_path), SPEC, ["street"], key=KEY).values()
    assert cell.high == 1.0


def test_only_asked_origins_count(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("air-quality", [reading(1.0)])
    shelf.add("air-quality", [reading(5.0)], origin="grid-1")
    mart = mart_of(shelf, tmp_path)
    assert origins_held(mart, "air-quality") == {"street", "grid-1"}
    (cell,) = compute_cells(mart, SPEC, ["grid-1"], key=KEY).values()
    assert (cell.count, cell.high) == (1, 5.0)


def test_duplicates_and_values_that_are_no_numbers_do_not_count(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("air-quality", [reading(1.0), reading(float("nan")), reading(float("inf"))])
    shelf.add("air-quality", [reading(100.0)], origin="grid-1", duplicate=True)
    (cell,) = compute_cells(mart_of(shelf, tmp_path), SPEC, ["street", "grid-1"], key=KEY).values()
    assert (cell.count, cell.total) == (1, 1.0)


def test_a_mart_without_the_resource_has_no_cells(shelf: Shelf, tmp_path: Path) -> None:
    mart = mart_of(shelf, tmp_path)
    assert origins_held(mart, "air-quality") == frozenset()
    assert compute_cells(mart, SPEC, ["street"], key=KEY) == {}


def test_rows_that_may_not_go_up_are_not_in_cells_that_do(shelf: Shelf, tmp_path: Path) -> None:
    raised = {**reading(99.0, device="d9"), "grade": 4}
    ungraded = {**reading(98.0, device="d8"), "grade": None}
    as_resource = {**reading(5.0), "grade": 0}
    shelf.add("air-quality", [reading(1.0), as_resource, raised, ungraded])
    mart = mart_of(shelf, tmp_path)
    told = compute_cells(mart, SPEC, ["street"], key=KEY, grade_max=2)[0, "370202001", "pm25"]
    own = compute_cells(mart, SPEC, ["street"], key=KEY)[0, "370202001", "pm25"]
    assert (told.count, told.total, told.high) == (2, 6.0, 5.0)
    assert (own.count, own.high) == (4, 99.0)
