"""Payloads carry rows, and refuse bombs, garbage and hidden values."""

from __future__ import annotations

import struct
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sync.model import WireError
from sync.wire.payload import (
    Compression,
    concat_rows,
    decode_payload,
    decoded_size,
    encode_payload,
    layout_of,
    unfold_payload,
    unfold_together,
)
from sync.wire.scrub import FIRST_LOOK_ROWS, words_in_use

BYTES_MAX, ROWS_MAX = 1 << 20, 10_000
MUTATIONS = 5_000


def rows_of(count: int, *, prefix: str = "dev") -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "event_time": pa.array(range(count), pa.timestamp("us", "UTC")),
            "device": pa.array([f"{prefix}-{index % 7}" for index in range(count)], pa.string()).dictionary_encode(),
            "value": pa.array([None if index % 5 == 0 else index * 0.5 for index in range(count)], pa.float64()),
            "note": pa.array(["x" * (index % 9) for index in range(count)], pa.string()),
            "ended": pa.array([index % 2 == 0 for index in range(count)], pa.bool_()),
        }
    )


def decode(payload: bytes) -> pa.RecordBatch:
    return decode_payload(payload, decoded_bytes_max=BYTES_MAX, rows_max=ROWS_MAX)


def dictionary_of(rows: pa.RecordBatch) -> list[str | None]:
    column = rows.column("device")
    assert isinstance(column, pa.DictionaryArray)
    values: list[str | None] = column.dictionary.to_pylist()
    return values


def stream_of(*batches: pa.RecordBatch, deltas: bool = False, compression: Compression | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression, emit_dictionary_deltas=deltas)
    with pa.ipc.new_stream(sink, batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("compression", ["lz4", "zstd", None])
@pytest.mark.parametrize("count", [0, 1, 1_000])
def test_rows_survive(compression: Compression | None, count: int) -> None:
    rows = rows_of(count)
    assert decode(encode_payload(rows, compression=compression)).equals(rows)


@pytest.mark.parametrize("compression", ["lz4", "zstd", None])
def test_decoded_size_is_what_the_buffers_take(compression: Compression | None) -> None:
    rows = rows_of(1_000)
    size = decoded_size(encode_payload(rows, compression=compression))
    assert rows.nbytes * 0.95 < size < rows.nbytes * 1.1


def test_a_bomb_is_refused_by_its_length_prefixes() -> None:
    rows = pa.RecordBatch.from_pydict({"zeros": pa.array([0] * 9_000, pa.int64()), "text": pa.array(["a" * 1_000] * 9_000)})
    payload = encode_payload(rows, compression="zstd")
    assert len(payload) < 40_000
    with pytest.raises(WireError, match=r"unfolds to \d+ bytes, at most 1048576"):
        decode(payload)


def test_a_length_prefix_that_lies_is_refused() -> None:
    rows = pa.RecordBatch.from_pydict({"value": pa.array(range(2_000), pa.int64())})
    payload = encode_payload(rows, compression="lz4")
    at = payload.index(struct.pack("<q", 16_000))
    with pytest.raises(WireError, match=f"unfolds to {1 << 40} bytes"):
        decode(payload[:at] + struct.pack("<q", 1 << 40) + payload[at + 8 :])
    with pytest.raises(WireError):
        decode(payload[:at] + struct.pack("<q", 7_992) + payload[at + 8 :])


def test_few_rows_are_not_compressed_with_lz4_and_read_the_same_beside_compressed_ones() -> None:
    few = pa.RecordBatch.from_pydict({"value": pa.array([7] * 100, pa.int64())})
    many = pa.RecordBatch.from_pydict({"value": pa.array([7] * 2_000, pa.int64())})

    payloads = [encode_payload(rows, compression="lz4") for rows in (few, many)]

    assert payloads[0] == encode_payload(few, compression=None)
    assert len(payloads[1]) < many.nbytes
    assert unfold_together(payloads).column("value").to_pylist() == [7] * 2_100


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(WireError, match="10001 rows or dictionary values, at most 10000"):
        decode(encode_payload(pa.RecordBatch.from_pydict({"flag": pa.array([True] * 10_001)}), compression="lz4"))


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "broken arrow metadata"),
        (b"garbage that is no arrow stream", "no arrow message at byte 0"),
        (stream_of(rows_of(3)) + b"\0", "1 bytes follow its end"),
        (stream_of(rows_of(3))[:-8], "broken arrow metadata"),
        (stream_of(rows_of(3))[:-20], "refused"),
        (stream_of(rows_of(3), rows_of(3)), "expected one schema, its dictionaries, one record batch"),
        (stream_of(rows_of(3), rows_of(9), deltas=True), "dictionary deltas are not in use"),
        (stream_of(pa.RecordBatch.from_pydict({"a": pa.array([[1], [2]])})), "column 'a' of type list<item: int64> may not travel"),
        (stream_of(pa.RecordBatch.from_pydict({"a": pa.array([1], pa.timestamp("us", "Mars/Base"))})), "may not travel"),
        (stream_of(pa.RecordBatch.from_pydict({"a": pa.nulls(5)})), "column 'a' of type null may not travel"),
        (struct.pack("<Ii", 0xFFFFFFFF, 0), "expected one schema"),
        (struct.pack("<Ii", 0xFFFFFFFF, 1 << 30), "cut short"),
    ],
)
def test_what_is_no_payload_is_refused_with_the_reason(payload: bytes, words: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(payload)
    assert words in str(caught.value)


def test_an_index_beyond_its_dictionary_is_refused() -> None:
    wild = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int32()), pa.array(["only"]), safe=False)
    with pytest.raises(WireError, match="refused"):
        decode(stream_of(pa.RecordBatch.from_arrays([wild], names=["device"])))


def test_text_offsets_beyond_the_data_are_refused() -> None:
    wild = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(struct.pack("<3i", 0, 1 << 20, 4)), pa.py_buffer(b"text")])
    with pytest.raises(WireError, match="refused"):
        decode(stream_of(pa.RecordBatch.from_arrays([wild], names=["note"])))


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["lz4", None])
def test_mutated_payloads_decode_or_raise_wire_error(compression: Compression | None) -> None:
    rng, refused = Random(7), 0
    original = encode_payload(rows_of(50), compression=compression)
    for _ in range(MUTATIONS):
        data = bytearray(original)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            encode_payload(decode(bytes(data)), compression=None)
        except WireError:
            refused += 1
    assert 0 < refused < MUTATIONS


def test_values_of_filtered_rows_do_not_travel_in_the_dictionary() -> None:
    rows = rows_of(70, prefix="secret-device")
    kept = rows.filter(pc.not_equal(rows.column("device").cast(pa.string()), pa.scalar("secret-device-3")))
    payload = encode_payload(kept, compression=None)
    assert b"secret-device-2" in payload
    assert b"secret-device-3" not in payload
    assert decode(payload).to_pylist() == kept.to_pylist()


def test_values_under_nulls_do_not_travel() -> None:
    numbers = pa.array([0x1122334455667788, 2, 3])
    mask = pa.array([True, False, False])
    masked = pc.if_else(mask, pa.scalar(None, pa.int64()), numbers)
    devices = pa.array(["a", "b", "c"]).dictionary_encode()
    hidden = pa.DictionaryArray.from_arrays(pc.if_else(mask, pa.scalar(None, pa.int32()), devices.indices), devices.dictionary)
    rows = pa.RecordBatch.from_arrays([masked, hidden], names=["id_number", "device"])
    payload = encode_payload(rows, compression=None)
    assert (0x1122334455667788).to_bytes(8, "little") not in payload
    decoded = decode(payload)
    assert decoded.to_pylist() == rows.to_pylist()
    assert dictionary_of(decoded) == ["b", "c"]


def test_a_slice_carries_only_its_own_rows() -> None:
    rows = rows_of(1_000)
    payload = encode_payload(rows.slice(990, 5), compression=None)
    assert len(payload) < 4_000
    assert decode(payload).to_pylist() == rows.slice(990, 5).to_pylist()


def test_batches_join_with_their_dictionaries_unified() -> None:
    left, right = rows_of(10), rows_of(10, prefix="other")
    joined = concat_rows([left, right])
    assert joined.to_pylist() == left.to_pylist() + right.to_pylist()
    assert len(dictionary_of(joined)) == 14
    assert decode(encode_payload(joined, compression="lz4")).equals(joined)


def test_joining_nothing_or_different_columns_is_refused() -> None:
    with pytest.raises(WireError, match="at least one"):
        concat_rows([])
    with pytest.raises(WireError, match="other types"):
        concat_rows([rows_of(1), pa.RecordBatch.from_pydict({"a": [1]})])


def test_empty_batches_join() -> None:
    assert concat_rows([rows_of(0), rows_of(0)]).num_rows == 0


@pytest.mark.parametrize("compression", ["lz4", "zstd", None])
def test_payloads_of_one_layout_unfold_together_as_they_would_one_by_one(compression: Compression | None) -> None:
    batches = [rows_of(10), rows_of(0), rows_of(40, prefix="other")]
    payloads = [encode_payload(rows, compression=compression) for rows in batches]
    assert len({layout_of(payload) for payload in payloads}) == 1
    assert unfold_together(payloads).equals(concat_rows([unfold_payload(payload) for payload in payloads]))


def test_payloads_without_rows_unfold_together() -> None:
    payloads = [encode_payload(rows_of(0), compression="lz4")] * 2
    assert (unfold_together(payloads).num_rows, unfold_together(payloads).schema) == (0, rows_of(0).schema)


def test_a_damaged_payload_among_others_is_refused() -> None:
    payload = encode_payload(rows_of(50), compression="lz4")
    with pytest.raises(WireError, match="2 payloads"):
        unfold_together([payload, payload[:-30]])


def test_a_column_that_may_not_travel_is_refused_each_time() -> None:
    nested = pa.RecordBatch.from_pydict({"a": [[1]]})
    for _ in range(2):
        with pytest.raises(WireError, match="may not travel"):
            unfold_payload(stream_of(nested))


def test_a_word_that_only_the_last_row_uses_is_in_use() -> None:
    indices = pa.array([0] * (3 * FIRST_LOOK_ROWS) + [2, None], pa.int32())
    assert words_in_use(indices, 4).tolist() == [True, False, True, False]
