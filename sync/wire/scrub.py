"""Rows without anything hidden in their buffers.

Owns: what Arrow keeps that no reader sees and yet travels: dictionary values that no row uses (a filter leaves the dictionary whole) and
the old values under nulls (`if_else(mask, null, column)` only clears a bit). Called by payload.encode_payload,
so that nothing withheld or masked leaves in them; the gate asks it which words of a dictionary are in use.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

ZERO_BYTES = 32
"""Covers the widest fixed type (decimal256) and the two offsets of an empty text."""

FIRST_LOOK_ROWS = 2_048
"""Rows looked at before asking whether every word of a dictionary was met: most dictionaries are short and all in use."""

GLANCE_ROWS = 256
"""Rows in which a frequent word is met at once."""

FEW_WORDS = 8
"""Words that are looked for one by one: up to so many comparisons take less than counts for all rows."""


def scrub(rows: pa.RecordBatch) -> pa.RecordBatch:
    """`rows` with dictionaries cut to the values in use, in their order, and zeros under every null. Every reader sees the same values."""
    return pa.RecordBatch.from_arrays([_scrub(column) for column in rows.columns], schema=rows.schema)


def words_in_use(indices: pa.Array[Any], words: int) -> npt.NDArray[np.bool_]:
    """One flag for each of a dictionary's `words` words: True when an index of a row names it."""
    return words_met((indices.drop_null() if indices.null_count else indices).to_numpy(zero_copy_only=False), words)


def words_met(indices: npt.NDArray[Any], words: int) -> npt.NDArray[np.bool_]:
    """`words_in_use` of indices without nulls."""
    if words <= FEW_WORDS:
        return np.fromiter((_is_met(word, indices) for word in range(words)), np.bool_, words)
    # Counts by position: finding the distinct indices by hashing them costs ten times as much.
    is_used = np.bincount(indices[:FIRST_LOOK_ROWS], minlength=words) > 0
    unmet, rest = np.flatnonzero(~is_used), indices[FIRST_LOOK_ROWS:]
    if len(unmet) > FEW_WORDS:
        is_used |= np.bincount(rest, minlength=words) > 0
    else:
        is_used[unmet] = [bool((rest == word).any()) for word in unmet.tolist()]
    return is_used


def _is_met(word: int, indices: npt.NDArray[Any]) -> bool:
    return bool((indices[:GLANCE_ROWS] == word).any() or (indices[GLANCE_ROWS:] == word).any())


def _scrub(column: pa.Array[Any]) -> pa.Array[Any]:
    if not isinstance(column, pa.DictionaryArray):
        return _without_values_under_nulls(column)
    known, values = column.indices, column.dictionary
    indices = _without_values_under_nulls(known)
    is_used = words_in_use(known, len(values))
    if is_used.all():
        if indices is known and not values.null_count:
            return column
    else:
        places = pa.array(np.maximum(np.cumsum(is_used) - 1, 0)).cast(column.type.index_type)
        indices = _without_values_under_nulls(places.take(indices))
        values = values.filter(pa.array(is_used))
    return pa.DictionaryArray.from_arrays(indices, _without_values_under_nulls(values), ordered=column.type.ordered)


def _without_values_under_nulls(column: pa.Array[Any]) -> pa.Array[Any]:
    if not column.null_count:
        return column
    filled = column.fill_null(_zero(column.type))
    valid = column.is_valid().buffers()[1]
    return pa.Array.from_buffers(column.type, len(column), [valid, *filled.buffers()[1:]], column.null_count)


def _zero(kind: pa.DataType) -> pa.Scalar[Any]:
    """The value of `kind` whose bytes are zero; the empty one for texts."""
    width = kind.byte_width if pa.types.is_fixed_size_binary(kind) else 0
    buffers: list[pa.Buffer | None] = [None, pa.py_buffer(bytes(max(width, ZERO_BYTES)))]
    if _has_offsets(kind):
        buffers.append(pa.py_buffer(b""))
    return pa.Array.from_buffers(kind, 1, buffers)[0]


def _has_offsets(kind: pa.DataType) -> bool:
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(check(kind) for check in checks)
