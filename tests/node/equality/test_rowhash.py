"""The row hash: the same for the same values however they are packed, other for other values, and the same in every version."""

from __future__ import annotations

import hashlib
import math
import struct
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from node.equality.rowhash import LONG_VALUE_BYTES, column_hashes, numbered, row_hashes
from node.equality.sums import hashed_rows, part_sums, stream_seed, total
from sync.core.equality import unpack_sums
from sync.model import NO_ROWS, Lane, Run, State, Stream, WireError

MASK = (1 << 64) - 1
ROWS = pa.RecordBatch.from_pydict(
    {
        "event_time": pa.array([1_777_622_400_000_000, None, 3], pa.timestamp("us", "UTC")),
        "territory": pa.array(["370202", "370203001", None]),
        "grade": pa.array([1, 2, -3], pa.int8()),
        "count": pa.array([0, 1 << 63, None], pa.uint64()),
        "value": pa.array([1.5, -0.0, math.nan]),
        "small": pa.array([1.5, 0.1, None], pa.float32()),
        "open": pa.array([True, False, None]),
        "day": pa.array([20_000, None, -1], pa.date32()),
        "amount": pa.array([Decimal("12.34"), None, Decimal("-0.01")], pa.decimal128(9, 2)),
        "code": pa.array([b"abcd", b"\0\0\0\0", None], pa.binary(4)),
        "note": pa.array([b"", b"x" * (LONG_VALUE_BYTES + 1), b"x" * LONG_VALUE_BYTES], pa.binary()),
    }
)


def mixed(value: int) -> int:
    """SplitMix64's finalizer, written down a second time."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def seed(*words: str) -> int:
    data = b"".join(len(word.encode()).to_bytes(4, "big") + word.encode() for word in words)
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "little")


def of_bytes(value: bytes) -> int:
    """The hash of a text or binary value, byte by byte."""
    if len(value) > LONG_VALUE_BYTES:
        return mixed(int.from_bytes(hashlib.sha256(value).digest()[:8], "little"))
    state = len(value)
    for start in range(0, len(value), 8):
        word = int.from_bytes(value[start : start + 8].ljust(8, b"\0"), "little")
        state = mixed(((state + 0x9E3779B97F4A7C15) & MASK) ^ word)
    return mixed(state)


def of_column(name: str, word: str, value: int | None) -> int:
    own = seed(name, word)
    return mixed(own ^ 0x6E756C6C6E756C6C) if value is None else mixed((value + own) & MASK)


def test_every_row_equals_a_second_implementation() -> None:
    def bits(value: float) -> int:
        return 0x7FF8000000000000 if math.isnan(value) else int(struct.unpack("<Q", struct.pack("<d", value))[0])

    def expected(row: int) -> int:
        def cell(name: str) -> Any:
            return ROWS.column(name)[row].as_py()

        moment = ROWS.column("event_time").cast(pa.int64())[row].as_py()
        day = ROWS.column("day").cast(pa.int32())[row].as_py()
        amount = None if cell("amount") is None else of_bytes(int(cell("amount") * 100).to_bytes(16, "little", signed=True))
        parts = [
            of_column("event_time", "moment us UTC", moment),
            of_column("territory", "text", None if cell("territory") is None else of_bytes(cell("territory").encode())),
            of_column("grade", "i8", cell("grade") & MASK),
            of_column("count", "u64", cell("count")),
            of_column("value", "f64", bits(cell("value"))),
            of_column("small", "f32", None if cell("small") is None else bits(cell("small"))),
            of_column("open", "truth", None if cell("open") is None else int(cell("open"))),
            of_column("day", "date32", None if day is None else day & MASK),
            of_column("amount", "decimal128 9 2", amount),
            of_column("code", "fixed 4", None if cell("code") is None else of_bytes(cell("code"))),
            of_column("note", "bytes", of_bytes(cell("note"))),
        ]
        return mixed(sum(parts) & MASK)

    assert row_hashes(ROWS).tolist() == [expected(row) for row in range(3)]


def test_the_golden_values_never_change() -> None:
    assert [f"{value:016x}" for value in row_hashes(ROWS).tolist()] == ["a0698631d0d81a1d", "95bb5146041e6f53", "fd350f04914711b8"]


def test_dictionaries_their_order_and_large_offsets_do_not_count() -> None:
    words = ["b", "a", None, "b", "", "a" * 30]
    plain = column_hashes("place", pa.array(words)).tolist()
    other = pa.DictionaryArray.from_arrays(pa.array([2, 0, None, 2, 3, 1], pa.int32()), pa.array(["a", "a" * 30, "b", ""]))
    assert column_hashes("place", pa.array(words).dictionary_encode()).tolist() == plain
    assert column_hashes("place", other).tolist() == plain
    assert column_hashes("place", pa.array(words, pa.large_string())).tolist() == plain


def test_a_slice_has_the_hashes_of_its_rows_and_the_order_of_columns_does_not_count() -> None:
    rows = pa.RecordBatch.from_pydict({name: ROWS.column(name) for name in reversed(ROWS.schema.names)})
    assert row_hashes(rows.slice(1)).tolist() == row_hashes(ROWS).tolist()[1:]


def test_what_lies_below_a_null_does_not_count() -> None:
    hidden = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(struct.pack("<qq", 5, 99))])
    assert column_hashes("n", hidden).tolist() == column_hashes("n", pa.array([5, None])).tolist()


def test_one_flipped_bit_anywhere_changes_the_hash() -> None:
    before = column_hashes("name", pa.array([b"record-000000041/qd-grid"], pa.binary()))
    for place in range(24 * 8):
        raw = bytearray(b"record-000000041/qd-grid")
        raw[place // 8] ^= 1 << place % 8
        assert column_hashes("name", pa.array([bytes(raw)], pa.binary()))[0] != before[0]


def test_the_same_bits_of_another_type_or_column_are_another_value() -> None:
    whole, narrow = pa.array([7], pa.int64()), pa.array([7], pa.int32())
    assert len({int(column_hashes(name, column)[0]) for name in ("a", "b") for column in (whole, narrow)}) == 4


def test_a_type_that_may_not_travel_is_refused() -> None:
    with pytest.raises(WireError, match="only flat types travel"):
        column_hashes("list", pa.array([[1]]))


def test_rows_that_changed_places_do_not_cancel_out() -> None:
    hashes, numbers = np.array([5, 6], np.uint64), np.array([1, 2], np.int64)
    seeds = np.full(2, stream_seed(Stream("a", 1, Lane.BULK, "r")), np.uint64)
    assert total(numbered(hashes, numbers, seeds)) != total(numbered(hashes[::-1].copy(), numbers, seeds))


def test_the_sums_of_a_part_are_those_of_its_rows_by_run_and_bucket() -> None:
    rows = pa.RecordBatch.from_pydict({"value": pa.array(range(7), pa.int64())})
    runs = (Run("a", 1, 65_534, 65_537, 0), Run("a", 1, 65_538, 65_540, NO_ROWS, State.DENIED), Run("b", 1, 9, 11, 4))
    hashed = hashed_rows(rows, runs, Lane.BULK, "r")
    assert hashed.numbers.tolist() == [65_534, 65_535, 65_536, 65_537, 9, 10, 11]
    assert unpack_sums(part_sums(rows, runs, Lane.BULK, "r")) == [total(hashed.hashes[low:high]) for low, high in ((0, 2), (2, 4), (4, 7))]
