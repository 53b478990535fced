"""64-bit hashes of whole columns, for keys and references: vectorised over the bytes of the distinct values.

A hash is linear in its bytes with secret coefficients, then mixed: whoever does not know the node's seed finds no two values with one hash
(universal hashing, Carter and Wegman 1979). Two values in ten million collide with a chance of about 3e-6. Owns no state. Called by
`judging` and `projection`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from policies.arrow import Column, indices_of, is_dictionary, plain, to_flags, to_numpy, words_of

Hashes: TypeAlias = "npt.NDArray[np.uint64]"
"""One number per row."""

COEFFICIENTS = 8_192
"""Bytes of a value that count; what follows repeats the coefficients."""
SLICE_BYTES_MAX = 1 << 20
"""Bytes of values hashed at once: eight times as much is held."""
NULL_HASH = np.uint64(0x6E756C6C)

_MIX = np.uint64(0xFF51AFD7ED558CCD)
_NEXT = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)


def hashes_of(columns: list[Column], seed: int) -> Hashes:
    """One hash per row over all `columns` together; nulls are a value of their own."""
    found = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        found = _mixed(found * _NEXT + _of_column(column, seed))
    return found


def _of_column(column: Column, seed: int) -> Hashes:
    missing = to_flags(column.is_null()) if column.null_count else None
    if is_dictionary(column):
        words = _of_texts(words_of(column), seed)
        places = to_numpy(indices_of(column).fill_null(0))
        found = words[places] if len(words) else np.zeros(len(column), np.uint64)
    elif pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        found = _of_texts(column, seed)
    else:
        found = _of_numbers(column, seed)
    return found if missing is None else np.where(missing, NULL_HASH, found)


def _of_numbers(column: Column, seed: int) -> Hashes:
    if pa.types.is_floating(column.type):
        values = to_numpy(column.fill_null(0.0).cast(pa.float64())) + 0.0  # -0.0 is 0.0
    else:
        values = to_numpy(column.cast(pa.int64()).fill_null(0))
    return _mixed(np.ascontiguousarray(values).view(np.uint64) * _coefficients(seed)[0])


def _of_texts(words: Column, seed: int) -> Hashes:
    texts = plain(words)
    if texts.nbytes > SLICE_BYTES_MAX and len(texts) > 1:
        half = len(texts) // 2
        return np.concatenate([_of_texts(texts.slice(0, half), seed), _of_texts(texts.slice(half), seed)])
    offsets, data = _bytes_of(texts)
    lengths = np.diff(offsets)
    places = np.arange(len(data)) - np.repeat(offsets[:-1], lengths)
    weighed = (data.astype(np.uint64) + np.uint64(1)) * _coefficients(seed)[places % COEFFICIENTS]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weighed, dtype=np.uint64)])
    return _mixed(sums[offsets[1:]] - sums[offsets[:-1]] + lengths.astype(np.uint64) * _NEXT)


def _bytes_of(texts: Column) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Where each text begins and ends in the bytes, and the bytes."""
    _, begins, values = texts.buffers()
    if not len(texts) or begins is None:
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    offsets = np.frombuffer(memoryview(begins), np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    data = np.frombuffer(memoryview(values), np.uint8) if values is not None else np.zeros(0, np.uint8)
    return offsets - offsets[0], data[offsets[0] : offsets[-1]]


def _mixed(values: Hashes) -> Hashes:
    once = (values ^ (values >> _SHIFT)) * _MIX
    return np.asarray(once ^ (once >> _SHIFT), np.uint64)


@lru_cache(maxsize=4)
def _coefficients(seed: int) -> Hashes:
    return np.random.Generator(np.random.PCG64(seed)).integers(1, 1 << 63, COEFFICIENTS, dtype=np.uint64) | np.uint64(1)
