"""A 64-bit hash of every row of a batch, over its values and types and nothing else.

The hash does not depend on the order of columns, on dictionaries and their order, on chunking, padding or compression, nor on what lies
below a null. It is part of the wire format: golden values in the tests keep it the same in every version of this program and of Arrow.
Refuses types that may not travel. Called by sums.py (form as sent) and node/equality/sums.py (form as stored).

The mixing function is the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
Two different rows have the same hash by chance with a probability of 2^-64; nothing here withstands a forger, who is met by manifests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sync.model import WireError

Hashes = npt.NDArray[np.uint64]
"""One unsigned 64-bit number per row."""

LONG_VALUE_BYTES = 256
"""Longer texts and binary values are hashed one by one (first 8 bytes of SHA-256), shorter ones all at once."""

ROWS_AT_ONCE = 16_384
"""Rows mixed in one step: their intermediate values stay in the processor's cache."""

_ONE = np.uint64(0xBF58476D1CE4E5B9)
_TWO = np.uint64(0x94D049BB133111EB)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0x6E756C6C6E756C6C)
_NAN = np.uint64(0x7FF8000000000000)
_FALSE = pa.scalar(False)
_WORD_BYTES = 8
_BYTE_BITS = np.uint64(8)
_SEEDS_REMEMBERED_MAX = 4_096
_DICTIONARIES_REMEMBERED_MAX = 64
_TYPES_REMEMBERED_MAX = 256
WORDS_REMEMBERED_MAX = 256
"""Words of a dictionary whose hashes are remembered; longer ones are hashed each time."""


def mix(values: Hashes) -> Hashes:
    """SplitMix64's finalizer of every value: each bit of the input moves half of the output's."""
    mixed = values ^ (values >> np.uint64(30))
    mixed *= _ONE
    mixed ^= mixed >> np.uint64(27)
    mixed *= _TWO
    mixed ^= mixed >> np.uint64(31)
    return mixed


def row_hashes(rows: pa.RecordBatch) -> Hashes:
    """The hash of each row of `rows`; raises WireError for a column whose type may not travel."""
    found = np.empty(rows.num_rows, np.uint64)
    for start in range(0, rows.num_rows, ROWS_AT_ONCE):
        part = rows.slice(start, ROWS_AT_ONCE)
        total = np.zeros(part.num_rows, np.uint64)
        for name, column in zip(part.schema.names, part.columns, strict=True):
            total += column_hashes(name, column)
        found[start : start + part.num_rows] = mix(total)
    return found


def numbered(hashes: Hashes, numbers: npt.NDArray[np.int64], seeds: Hashes) -> Hashes:
    """The hashes of rows that carry these numbers in the streams of these seeds: rows that changed places do not cancel out."""
    return mix(hashes ^ mix((numbers.astype(np.uint64) * _STEP) ^ seeds))


@lru_cache(maxsize=_TYPES_REMEMBERED_MAX)
def _type_word(kind: pa.DataType) -> str:
    """The type as a word of our own: Arrow's names may change, and a text is the same text under large offsets."""
    if pa.types.is_large_string(kind) or pa.types.is_string(kind):
        return "text"
    if pa.types.is_large_binary(kind) or pa.types.is_binary(kind):
        return "bytes"
    for check, word in _WORDS:
        if check(kind):
            return word(kind) if callable(word) else word
    raise WireError(f"a column of type {str(kind)[:80]} has no hash: only flat types travel")


@lru_cache(maxsize=_SEEDS_REMEMBERED_MAX)
def seed_of(*words: str) -> int:
    """A 64-bit number that stands for a few words."""
    digest = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in (word.encode() for word in words))).digest()
    return int.from_bytes(digest[:_WORD_BYTES], "little")


def column_hashes(name: str, column: pa.Array[Any]) -> Hashes:
    """What each value of a column adds to the hash of its row: a null is a value of its own."""
    if isinstance(column, pa.DictionaryArray):
        return _of_dictionary(name, column)
    seed = np.uint64(seed_of(name, _type_word(column.type)))
    hashes = mix(_values(column) + seed)
    if column.null_count:
        hashes[column.is_null().to_numpy(zero_copy_only=False)] = _of_null(seed)[0]
    return hashes


def _of_null(seed: np.uint64) -> Hashes:
    return mix(np.array([seed ^ _NULL]))


def _of_words(name: str, words: pa.Array[Any]) -> Hashes:
    """The hash of each word, and behind them that of a null."""
    if len(words) > WORDS_REMEMBERED_MAX or not pa.types.is_string(words.type):
        return _with_null(name, words)
    return _of_known_words(name, tuple(words.to_pylist()))


@lru_cache(maxsize=_DICTIONARIES_REMEMBERED_MAX)
def _of_known_words(name: str, words: tuple[str | None, ...]) -> Hashes:
    """A node's batches repeat few short dictionaries: hashing one costs as much as hashing two thousand numbers."""
    return _with_null(name, pa.array(words, pa.string()))


def _with_null(name: str, words: pa.Array[Any]) -> Hashes:
    null = _of_null(np.uint64(seed_of(name, _type_word(words.type))))
    return np.concatenate((column_hashes(name, words), null))


def _of_dictionary(name: str, column: pa.DictionaryArray[Any, Any]) -> Hashes:
    words, indices = _of_words(name, column.dictionary), column.indices
    places = indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False) if indices.null_count else indices.to_numpy()
    hashes: Hashes = words.take(places)
    return hashes


_WORDS: tuple[tuple[Callable[[pa.DataType], bool], str | Callable[[Any], str]], ...] = (
    (pa.types.is_boolean, "truth"),
    (pa.types.is_signed_integer, lambda kind: f"i{kind.bit_width}"),
    (pa.types.is_unsigned_integer, lambda kind: f"u{kind.bit_width}"),
    (pa.types.is_floating, lambda kind: f"f{kind.bit_width}"),
    (pa.types.is_timestamp, lambda kind: f"moment {kind.unit} {kind.tz or ''}"),
    (pa.types.is_date, lambda kind: f"date{kind.bit_width}"),
    (pa.types.is_time, lambda kind: f"time {kind.unit}"),
    (pa.types.is_duration, lambda kind: f"duration {kind.unit}"),
    (pa.types.is_decimal, lambda kind: f"decimal{kind.bit_width} {kind.precision} {kind.scale}"),
    (pa.types.is_fixed_size_binary, lambda kind: f"fixed {kind.byte_width}"),
)


def _values(column: pa.Array[Any]) -> Hashes:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return _of_variable(column, np.dtype("<i4"))
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return _of_variable(column, np.dtype("<i8"))
    if pa.types.is_boolean(kind):
        filled = column.fill_null(_FALSE)
        return np.asarray(filled.to_numpy(zero_copy_only=False)).astype(np.uint64)
    if pa.types.is_fixed_size_binary(kind) or pa.types.is_decimal(kind):
        return _of_fixed(column)
    return _of_number(column)


def _of_number(column: pa.Array[Any]) -> Hashes:
    """The bits of each value; every float is widened, and every not-a-number is the same one."""
    width = column.type.bit_width // 8
    data = column.buffers()[1]
    if data is None:
        return np.zeros(len(column), np.uint64)
    letter = "f" if pa.types.is_floating(column.type) else "u" if pa.types.is_unsigned_integer(column.type) else "i"
    raw = np.frombuffer(memoryview(data), np.dtype(f"<{letter}{width}"), len(column), column.offset * width)
    if letter == "f":
        return _of_floats(raw.astype(np.float64))
    return raw.astype(np.int64).view(np.uint64) if letter == "i" else raw.astype(np.uint64)


def _of_floats(wide: npt.NDArray[np.float64]) -> Hashes:
    bits = wide.view(np.uint64)
    strange = np.isnan(wide)
    if strange.any():
        bits[strange] = _NAN
    return bits


def _of_variable(column: pa.Array[Any], offset_type: np.dtype[np.signedinteger[Any]]) -> Hashes:
    _, offsets, data = column.buffers()
    if offsets is None or not len(column):
        return mix(np.zeros(len(column), np.uint64))
    bounds = np.frombuffer(memoryview(offsets), offset_type, len(column) + 1, column.offset * offset_type.itemsize).astype(np.int64)
    return _of_spans(data, bounds[:-1], np.diff(bounds))


def _of_fixed(column: pa.Array[Any]) -> Hashes:
    width, data = column.type.byte_width, column.buffers()[1]
    starts = (np.arange(len(column), dtype=np.int64) + column.offset) * width
    return _of_spans(data, starts, np.full(len(column), width, np.int64))


def _of_spans(data: pa.Buffer | None, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Hashes:
    """The hash of each stretch of `data`: its words of eight bytes, the last filled up with zeros, folded into its length."""
    hashes = lengths.astype(np.uint64)
    if data is None or not data.size or not len(starts):
        return mix(hashes)
    low = int(starts.min())
    words, starts = _words(data, low, int((starts + lengths).max())), starts - low
    for place in np.flatnonzero(lengths > LONG_VALUE_BYTES):
        value = memoryview(data)[low + int(starts[place]) : low + int(starts[place] + lengths[place])]
        hashes[place] = int.from_bytes(hashlib.sha256(value).digest()[:_WORD_BYTES], "little")
    longest = int(min(lengths.max(initial=0), LONG_VALUE_BYTES))
    for done in range(0, longest, _WORD_BYTES):
        active = np.flatnonzero((lengths > done) & (lengths <= LONG_VALUE_BYTES))
        left = np.minimum(lengths[active] - done, _WORD_BYTES).astype(np.uint64)
        keep = ~np.uint64(0) >> ((np.uint64(_WORD_BYTES) - left) * _BYTE_BITS)
        hashes[active] = mix((hashes[active] + _STEP) ^ (_word_at(words, starts[active] + done) & keep))
    return mix(hashes)


def _words(data: pa.Buffer, start: int, stop: int) -> Hashes:
    """The bytes `start`..`stop` as words of eight bytes with zeros behind their end."""
    padded = np.zeros((stop - start) // _WORD_BYTES + 2, np.dtype("<u8"))
    padded.view(np.uint8)[: stop - start] = np.frombuffer(memoryview(data), np.uint8, stop - start, start)
    return padded


def _word_at(words: Hashes, places: npt.NDArray[np.int64]) -> Hashes:
    """The eight bytes at each of `places`, put together from the two aligned words that hold them."""
    index, shift = places >> 3, (places & 7).astype(np.uint64) * _BYTE_BITS
    low = words.take(index) >> shift
    high = words.take(index + 1) << ((np.uint64(64) - shift) & np.uint64(63))
    low[shift > 0] |= high[shift > 0]
    return low
