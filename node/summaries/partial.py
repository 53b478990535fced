"""Partial aggregates that merge: exact count, sum, min and max; sketches for distinct counts and quantiles.

Distinct sketches merge under one key alone (keying.py); a cell whose parts have several has no distinct count, and says so.
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
from node.summaries.keying import KEY_ID_BYTES, SketchKey
from node.summaries.sketches import HLL_LG_K, HLL_TYPE, KLL_K, read_distinct, read_quantiles

CELLS_MAX = 1_000_000
"""Cells one answer may carry."""
GRADE_MAX = 4

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
    """HLL sketch, compact form; empty where it is not told."""
    values: bytes
    """KLL sketch of doubles."""
    key: bytes = b""
    """Id of the key under which ids went into `distinct`; empty for a sketch of ids in the clear, of an older program."""
    grade: int = 0
    """Highest grade among the rows; 0 where an older program does not say."""


@dataclass(frozen=True, slots=True)
class Distinct:
    """A distinct sketch and the id of its key."""

    key: bytes
    sketch: ds.hll_sketch

    def merged(self, other: Distinct | None) -> Distinct | None:
        """Both together; None where they are of different keys, so that one id would count twice."""
        if other is None or other.key != self.key:
            return None
        union = ds.hll_union(HLL_LG_K)
        union.update(self.sketch)
        union.update(other.sketch)
        return Distinct(self.key, union.get_result(HLL_TYPE))


@dataclass(slots=True)
class Cell:
    """One cell while it is merged."""

    count: int
    total: float
    low: float
    high: float
    distinct: Distinct | None
    """None where it cannot be told."""
    values: ds.kll_doubles_sketch
    grade: int = 0

    @classmethod
    def of(cls, values: np.ndarray, devices: Iterable[str], key: SketchKey | None, *, grade: int = 0) -> Cell:
        """The cell of one group's values (float64, no NaN, at least one) and its distinct devices, told under `key` or not at all."""
        kll = ds.kll_doubles_sketch(KLL_K)
        kll.update(values)
        distinct = None if key is None else _sketched(devices, key)
        return cls(len(values), float(values.sum()), float(values.min()), float(values.max()), distinct, kll, grade)

    def merge(self, other: Cell) -> None:
        """Add another node's part of the same cell."""
        self.count += other.count
        self.total += other.total
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.distinct = self.distinct.merged(other.distinct) if self.distinct is not None else None
        self.values.merge(other.values)
        self.grade = max(self.grade, other.grade)


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
    return [_packed(key, cell) for key, cell in sorted(cells.items(), key=lambda item: item[0])]


def _packed(key: Key, cell: Cell) -> CellState:
    told = cell.distinct
    distinct = told.sketch.serialize_compact() if told is not None else b""
    key_id = told.key if told is not None else b""
    return CellState(*key, cell.count, cell.total, cell.low, cell.high, distinct, cell.values.serialize(), key_id, cell.grade)


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
    distinct = Distinct(state.key, read_distinct(state.distinct)) if state.distinct else None
    values = read_quantiles(state.values)
    # A cell holds one value per record, and no more devices than records (with room for the sketch's error).
    fits = state.count == values.n and (distinct is None or 0 < distinct.sketch.get_estimate() <= 2 * state.count + 1)
    fits = fits and len(state.key) in (0, KEY_ID_BYTES) and 0 <= state.grade <= GRADE_MAX
    if not fits or not all(isfinite(figure) for figure in (state.total, state.low, state.high)):
        raise SummaryError(f"cell {state.territory} of {state.bucket_us} refused: its figures do not fit its sketches")
    return Cell(state.count, state.total, state.low, state.high, distinct, values, state.grade)


def _sketched(devices: Iterable[str], key: SketchKey) -> Distinct:
    hll = ds.hll_sketch(HLL_LG_K, HLL_TYPE)
    # In the order of the hashes: a small sketch keeps the order in which it was filled, and that of the ids would tell their ranks.
    for hashed in sorted(key.hashed(devices)):
        hll.update(hashed)
    return Distinct(key.id, hll)


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
