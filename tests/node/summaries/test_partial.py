"""Cells merge exactly where the answer says exact, within the stated error elsewhere, and a peer's impossible cells are refused."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from node.summaries.errors import SummaryError
from node.summaries.keying import SketchKey
from node.summaries.partial import Cell, CellState, merge_cells, pack, stated_errors, unpack

KEY = (0, "370202001", "pm25")


def cell(values: np.ndarray, devices: int = 1, *, prefix: str = "d", key: bytes = b"k" * 32) -> Cell:
    return Cell.of(values, [f"{prefix}{number}" for number in range(devices)], SketchKey(key))


def estimate(one: Cell) -> float:
    assert one.distinct is not None
    return float(one.distinct.sketch.get_estimate())


def state(**changes: object) -> CellState:
    (packed,) = pack({KEY: cell(np.array([1.0, 2.0, 3.0]), 2)})
    return msgspec.structs.replace(packed, **changes)


def test_count_total_and_extremes_merge_exactly() -> None:
    values = np.random.default_rng(1).normal(size=10_000)
    merged = cell(values[:3_000])
    merged.merge(cell(values[3_000:]))
    assert (merged.count, merged.low, merged.high) == (10_000, values.min(), values.max())
    assert merged.total == pytest.approx(values.sum())


def test_the_median_of_merged_parts_is_within_the_stated_rank_error() -> None:
    values = np.random.default_rng(2).permutation(100_000).astype(float)
    merged = cell(values[:20_000])
    for start in range(20_000, 100_000, 20_000):
        merged.merge(cell(values[start : start + 20_000]))
    stated = float(stated_errors()["quantiles"].split("+-")[1].split("%")[0]) / 100
    assert abs(merged.values.get_quantile(0.5) / 100_000 - 0.5) <= stated


def test_distinct_devices_of_two_parts_count_common_ones_once() -> None:
    merged = cell(np.ones(2_000), 2_000)
    merged.merge(cell(np.ones(2_000), 2_000))
    assert estimate(merged) == pytest.approx(2_000, rel=0.05)


def test_packed_cells_come_back_the_same() -> None:
    cells = {KEY: cell(np.arange(500.0), 30)}
    back = unpack(pack(cells))
    assert back[KEY].values.get_quantile(0.5) == cells[KEY].values.get_quantile(0.5)
    assert estimate(back[KEY]) == estimate(cells[KEY])
    assert (back[KEY].count, back[KEY].total, back[KEY].low, back[KEY].high) == (500, 124_750.0, 0.0, 499.0)


def test_cells_of_another_key_stand_side_by_side() -> None:
    cells = {KEY: cell(np.array([1.0]))}
    merge_cells(cells, {(0, "370202002", "pm25"): cell(np.array([2.0]))})
    assert sorted(place for _, place, _ in cells) == ["370202001", "370202002"]


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 0},
        {"count": -3},
        {"count": 1_000_000},
        {"total": float("nan")},
        {"high": float("inf")},
        {"values": b""},
        {"distinct": b"?"},
        {"key": b"short"},
        {"grade": 9},
    ],
)
def test_a_cell_that_no_node_can_have_computed_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SummaryError, match="refused"):
        unpack([state(**changes)])


def test_a_cell_with_more_devices_than_records_is_refused() -> None:
    (crowd,) = pack({KEY: cell(np.array([1.0]), 5_000)})
    with pytest.raises(SummaryError, match="do not fit"):
        unpack([crowd])


def test_a_cell_that_comes_twice_is_refused() -> None:
    with pytest.raises(SummaryError, match="twice"):
        unpack([state(), state()])


def test_sketches_under_two_keys_do_not_merge() -> None:
    merged = cell(np.ones(10), 10)
    merged.merge(cell(np.ones(10), 10, key=b"o" * 32))
    assert (merged.count, merged.distinct) == (20, None)
    merged.merge(cell(np.ones(10), 10))
    assert merged.distinct is None, "what is missing once stays missing"


def test_a_cell_without_a_sketch_travels_and_says_so() -> None:
    merged = cell(np.ones(10), 10)
    merged.merge(Cell.of(np.ones(1), ["d"], None))
    (packed,) = pack({KEY: merged})
    assert (packed.distinct, packed.key) == (b"", b"")
    assert unpack([packed])[KEY].distinct is None


def test_a_sketch_of_an_older_program_is_read_and_merges_with_its_like_alone() -> None:
    (packed,) = pack({KEY: cell(np.ones(10), 10)})
    eight_fields = msgspec.to_builtins(packed, builtin_types=(bytes,))[:9]
    older = msgspec.convert(eight_fields, CellState)
    assert (older.key, older.grade) == (b"", 0)
    first, second = unpack([older])[KEY], unpack([older])[KEY]
    first.merge(second)
    assert estimate(first) == pytest.approx(10, rel=0.05)
    first.merge(cell(np.ones(10), 10))
    assert first.distinct is None
