"""Partial aggregates that merge: exact count, sum, min and max; sketches for distinct counts and quantiles.

Sources: Flajolet et al., HyperLogLog, 2007; Karnin, Lang and Liberty, Optimal Quantile Approximation in Streams, 2016; both as in
Apache DataSketches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

import datasketches as ds
import msgspec
import numpy as np

from node.summaries.errors import SummaryError
from node.summaries.sketches import HLL_LG_K, HLL_TYPE, KLL_K, read_distinct, read_quantiles

CELLS_MAX = 1_000_000
"""Cells one answer may carry."""

Key = tuple[int, str, str]
"""(bucket start in microseconds, territory code, quantity)."""


class CellState(msgspec.Struct, frozen=True, array_like=True):
    """One cell as it travels."""

    bucket_us: int
    territory: str
    quantity: str
    count: int
    total: float
    low: float
    high: float
    distinct: bytes
    """HLL sketch, compact form."""
    values: bytes
    """KLL sketch of doubles."""


@dataclass(slots=True)
class Cell:
    """One cell while it is merged."""

    count: int
    total: float
    low: float
    high: float
    distinct: ds.hll_sketch
    values: ds.kll_doubles_sketch

    @classmethod
    def of(cls, values: np.ndarray, devices: Iterable[str]) -> Cell:
        """The cell of one group's values (float64, no NaN, at least one) and its distinct devices."""
        kll, hll = ds.kll_doubles_sketch(KLL_K), ds.hll_sketch(HLL_LG_K, HLL_TYPE)
        kll.update(values)
        for device in devices:
            hll.update(device)
        return cls(len(values), float(values.sum()), float(values.min()), float(values.max()), hll, kll)

    def merge(self, other: Cell) -> None:
        """Add another node's part of the same cell."""
        self.count += other.count
        self.total += other.total
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        union = ds.hll_union(HLL_LG_K)
        union.update(self.distinct)
        union.update(other.distinct)
        self.distinct = union.get_result(HLL_TYPE)
        self.values.merge(other.values)


Cells = dict[Key, Cell]


def merge_cells(into: Cells, other: Cells) -> None:
    """Add all cells of `other`."""
    for key, cell in other.items():
        if key in into:
            into[key].merge(cell)
        else:
            into[key] = cell


def pack(cells: Cells) -> list[CellState]:
    """Cells as they travel, in key order."""
    return [
        CellState(*key, cell.count, cell.total, cell.low, cell.high, cell.distinct.serialize_compact(), cell.values.serialize())
        for key, cell in sorted(cells.items(), key=lambda item: item[0])
    ]


def unpack(states: list[CellState]) -> Cells:
    """The inverse of `pack`; raises SummaryError for a cell that no node can have computed."""
    if len(states) > CELLS_MAX:
        raise SummaryError(f"answer of {len(states)} cells refused: at most {CELLS_MAX}; narrow the window")
    cells: Cells = {}
    for state in states:
        key = (state.bucket_us, state.territory, state.quantity)
        if key in cells:
            raise SummaryError(f"cell {key} refused: it comes twice in one answer")
        cells[key] = _checked(state)
    return cells


def _checked(state: CellState) -> Cell:
    distinct, values = read_distinct(state.distinct), read_quantiles(state.values)
    # A cell holds one value per record, and no more devices than records (with room for the sketch's error).
    fits = state.count == values.n and 0 < distinct.get_estimate() <= 2 * state.count + 1
    if not fits or not all(isfinite(figure) for figure in (state.total, state.low, state.high)):
        raise SummaryError(f"cell {state.territory} of {state.bucket_us} refused: its figures do not fit its sketches")
    return Cell(state.count, state.total, state.low, state.high, distinct, values)


def stated_errors() -> dict[str, str]:
    """The error of each approximate column, as the answer prints it."""
    rank = ds.kll_doubles_sketch(KLL_K).normalized_rank_error(False)
    relative = 1.04 / (1 << HLL_LG_K) ** 0.5
    return {
        "distinct": f"+-{2 * relative:.1%} (95 %)",
        "quantiles": f"rank +-{rank:.2%} (99 %)",
        "count": "exact",
        "max": "exact",
        "mean": "exact",
    }
