"""Sketches as they travel: the few forms this program writes, checked to the last byte before the sketch library reads them.

The library trusts its input: a damaged quantile sketch makes it read past its memory or loop for ever (fuzzing shows both), which no
`except` can catch. So a peer's sketch is refused here unless its layout is one that partial.py writes.
Sources: Apache DataSketches, kll_sketch_impl.hpp and HllUtil.hpp (preamble layouts, little-endian).
"""

from __future__ import annotations

import struct
from itertools import pairwise

import datasketches as ds
import numpy as np

from node.summaries.errors import SummaryError

HLL_LG_K = 12
"""4,096 registers: standard error about 1.6 %."""
HLL_TYPE = ds.tgt_hll_type.HLL_8
"""One byte per register: the one form that can be checked without knowing the library's packing."""
KLL_K = 400
"""Normalised rank error about 0.7 % (single-sided)."""
KLL_M = 8
"""Smallest capacity of a level; the library knows no other."""
KLL_LEVELS_MAX = 31
"""Levels that more values than 2**38 would need."""

_KLL_FAMILY, _HLL_FAMILY = 15, 7
_SORTED = 2
"""The flag of a KLL sketch whose level zero is sorted."""
_KLL_HEAD = struct.Struct("<BBBBHBx")
_KLL_FULL = struct.Struct("<QHBx")

_HLL_HEAD = struct.Struct("<BBBBBBBB")
_HLL_ARRAY = struct.Struct("<dddII")
_LIST_MODE, _SET_MODE, _ARRAY_MODE = 8, 9, 10
"""Current mode in the low two bits, HLL_8 above."""
_COMPACT, _OUT_OF_ORDER = 8, 16
_LIST_COUPONS_MAX, _SET_COUPONS_MAX = 8, 384
_REGISTER_MAX = 63


def read_quantiles(data: bytes) -> ds.kll_doubles_sketch:
    """The quantile sketch in `data`; raises SummaryError for anything this program would not have written."""
    _require(len(data) >= _KLL_HEAD.size, "quantile sketch is cut short")
    preamble, version, family, flags, k, m = _KLL_HEAD.unpack_from(data)
    _require((family, k, m) == (_KLL_FAMILY, KLL_K, KLL_M), "quantile sketch of another kind or size")
    if (preamble, version, flags & ~_SORTED) == (2, 2, 4):
        _require(len(data) == _KLL_HEAD.size + 8 and bool(np.isfinite(np.frombuffer(data, "<f8", offset=8)).all()), "bad single value")
    else:
        _require((preamble, version, flags & ~_SORTED) == (5, 1, 0), "quantile sketch of another layout")
        _check_levels(data, is_sorted=bool(flags & _SORTED))
    return ds.kll_doubles_sketch.deserialize(data)


def _check_levels(data: bytes, *, is_sorted: bool) -> None:
    start = _KLL_HEAD.size + _KLL_FULL.size
    _require(len(data) >= start, "quantile sketch is cut short")
    count, k_min, levels = _KLL_FULL.unpack_from(data, _KLL_HEAD.size)
    _require(k_min == KLL_K and 1 <= levels <= KLL_LEVELS_MAX, "quantile sketch of another size")
    values_at = start + 4 * levels
    _require(len(data) >= values_at + 16 and (len(data) - values_at) % 8 == 0, "quantile sketch is cut short")
    capacity = sum(max(KLL_M, ((2 * KLL_K << depth) // 3**depth + 1) // 2) for depth in range(levels))
    bounds = [*struct.unpack_from(f"<{levels}I", data, start), capacity]
    low, high, *_ = values = np.frombuffer(data, "<f8", offset=values_at)
    items = values[2:]
    _require(len(items) == capacity - bounds[0] and all(first <= last for first, last in pairwise(bounds)), "levels do not fit the values")
    _require(count == sum((last - first) << level for level, (first, last) in enumerate(pairwise(bounds))), "levels do not fit the count")
    _require(bool(np.isfinite(values).all()) and (items >= low).all() and (items <= high).all(), "values outside their own bounds")
    for level, (first, last) in enumerate(pairwise(bounds)):
        part = items[first - bounds[0] : last - bounds[0]]
        _require((level == 0 and not is_sorted) or bool((part[1:] >= part[:-1]).all()), f"level {level} is not sorted")


def read_distinct(data: bytes) -> ds.hll_sketch:
    """The distinct-count sketch in `data`; raises SummaryError for anything this program would not have written."""
    _require(len(data) >= _HLL_HEAD.size, "distinct sketch is cut short")
    preamble, version, family, lg_k, lg_array, flags, count, mode = _HLL_HEAD.unpack_from(data)
    _require((version, family, lg_k) == (1, _HLL_FAMILY, HLL_LG_K), "distinct sketch of another kind or size")
    _require(flags & ~_OUT_OF_ORDER == _COMPACT and lg_array <= HLL_LG_K, "distinct sketch of another layout")
    if (preamble, mode) == (2, _LIST_MODE):
        _check_coupons(data[8:], count, _LIST_COUPONS_MAX)
    elif (preamble, mode) == (3, _SET_MODE) and len(data) >= 12:
        _check_coupons(data[12:], int.from_bytes(data[8:12], "little"), _SET_COUPONS_MAX)
    else:
        _require((preamble, mode) == (10, _ARRAY_MODE), "distinct sketch of another layout")
        _check_registers(data)
    return ds.hll_sketch.deserialize(data)


def _check_coupons(data: bytes, count: int, most: int) -> None:
    _require(1 <= count <= most and len(data) == 4 * count, "coupons do not fit their count")
    coupons = np.frombuffer(data, "<u4")
    _require(len(np.unique(coupons)) == count and bool((coupons >> 26 > 0).all()), "coupons are empty or repeat")


def _check_registers(data: bytes) -> None:
    registers_at = _HLL_HEAD.size + _HLL_ARRAY.size
    _require(len(data) == registers_at + (1 << HLL_LG_K) and data[6] == 0, "registers do not fit their number")
    *estimates, zeros, exceptions = _HLL_ARRAY.unpack_from(data, _HLL_HEAD.size)
    registers = np.frombuffer(data, "u1", offset=registers_at)
    _require(exceptions == 0 and zeros == int((registers == 0).sum()) and int(registers.max()) <= _REGISTER_MAX, "registers out of range")
    _require(bool(np.isfinite(estimates).all()) and min(estimates) >= 0.0, "estimate out of range")


def _require(holds: object, what: str) -> None:
    if not holds:
        raise SummaryError(f"sketch refused: {what}; the peer must run a program of this version")
