"""Rows to Arrow IPC payloads and back.

Owns: which column types travel, compression, and the checks on peers' payloads before memory is spent on them. Refuses with WireError.
Called by ingest when it seals, by the link pipelines and by projections.
Source: Apache Arrow Columnar Format 1.5, IPC streaming format.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import pyarrow as pa

from sync.model import WireError
from sync.wire.arrow_layout import read_layout
from sync.wire.recent import RecentRows
from sync.wire.scrub import scrub

Compression = Literal["lz4", "zstd"]
"""lz4 on disk and LAN; zstd on thin links."""

TYPES_REMEMBERED_MAX = 256
"""Column types whose judgement is remembered."""
PLAIN_BYTES_MAX = 8_192
"""Rows that weigh no more are not compressed with lz4: it saves a page of the disk at most, and unfolding them takes twice as long."""
LAYOUTS_REMEMBERED_MAX = 256
"""Layouts that were found fit to travel; what is refused is judged each time."""

_RECENT = RecentRows()
_READ = pa.ipc.IpcReadOptions(use_threads=False)
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""End of an Arrow stream."""
_TYPE_CHECKS = (
    pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_large_string, pa.types.is_binary,
    pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_date, pa.types.is_time,
    pa.types.is_duration, pa.types.is_decimal,
)  # fmt: skip
"""Flat types only: nested and view types have buffers whose cost their lengths do not show."""


def encode_payload(rows: pa.RecordBatch, *, compression: Compression | None) -> bytes:
    """`rows` as one Arrow IPC stream, with nothing in it that the rows do not show; raises WireError for a type that may not travel.

    Where lz4 is asked for, rows of PLAIN_BYTES_MAX and less stay as they are.
    """
    _check_schema(rows.schema)
    rows = scrub(rows)
    sink = pa.BufferOutputStream()
    is_small = compression == "lz4" and rows.nbytes <= PLAIN_BYTES_MAX
    options = pa.ipc.IpcWriteOptions(compression=None if is_small else compression, use_threads=False)
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        writer.write_batch(rows)
    return sink.getvalue().to_pybytes()


def decode_payload(payload: bytes, *, decoded_bytes_max: int, rows_max: int) -> pa.RecordBatch:
    """The rows of a payload, fully validated.

    Sizes are read from the payload's own length prefixes before anything is unfolded. Raises WireError when they exceed the bounds, or
    when the payload is anything but one schema of flat types, its dictionaries and one record batch.
    """
    layout = read_layout(payload)
    if layout.decoded_bytes > decoded_bytes_max:
        raise WireError(f"payload refused: it unfolds to {layout.decoded_bytes} bytes, at most {decoded_bytes_max}")
    if layout.values_max > rows_max:
        raise WireError(f"payload refused: {layout.values_max} rows or dictionary values, at most {rows_max}")
    rows = unfold_payload(payload)
    try:
        rows.validate(full=True)
    except pa.ArrowException as error:
        raise WireError(f"payload of {len(payload)} bytes refused: {error}") from None
    return rows


def unfold_payload(payload: bytes) -> pa.RecordBatch:
    """The rows of a payload that this node made or has verified with `decode_payload`, and whose hash was checked since.

    Its layout is not walked and its values are not validated again. Raises WireError when Arrow cannot read it.
    """
    rows = _RECENT.of(payload)
    if rows is None:
        rows = unfold_together([payload])
        _RECENT.keep(payload, rows)
    return rows


def unfold_together(payloads: Sequence[bytes]) -> pa.RecordBatch:
    """The rows of several payloads of one `layout_of`, in order, as one batch with its dictionaries unified; else as `unfold_payload`.

    They are read as one stream in which each payload brings its own dictionaries: opening a stream costs as much as a hundred rows.
    """
    layout, first = layout_of(payloads[0]), len(payloads[0])
    stream = payloads[0]
    if len(payloads) > 1:
        rows_only = (memoryview(payload)[len(layout) : -len(_END)] for payload in payloads)
        stream = b"".join((layout, *rows_only, _END))
    try:
        _check_layout(layout)
        with pa.ipc.open_stream(pa.py_buffer(stream), options=_READ) as reader:
            return reader.read_next_batch() if len(payloads) == 1 else _one_batch(reader.read_all())
    except (pa.ArrowException, OSError, ValueError) as error:
        raise WireError(f"{len(payloads)} payloads, the first of {first} bytes, refused: {error}") from None


def layout_of(payload: bytes) -> bytes:
    """The bytes at the head of a payload that describe its columns: payloads with equal ones may be unfolded together."""
    return payload[: 8 + int.from_bytes(payload[4:8], "little")]


def decoded_size(payload: bytes) -> int:
    """Bytes the payload unfolds to, from its length prefixes; raises WireError when it is no payload."""
    return read_layout(payload).decoded_bytes


def concat_rows(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of all batches in order as one batch, dictionaries unified; raises WireError when there are none or their schemas differ."""
    if not batches:
        raise WireError("no batches to join: give at least one")
    schema = batches[0].schema
    for batch in batches[1:]:
        if batch.schema != schema:
            raise WireError(f"batches cannot be joined: columns {batch.schema.names} of other types than {schema.names}")
    if len(batches) == 1:
        return batches[0]
    return _one_batch(pa.Table.from_batches(batches))


def _one_batch(rows: pa.Table) -> pa.RecordBatch:
    joined = rows.unify_dictionaries().combine_chunks().to_batches()
    return joined[0] if joined else pa.RecordBatch.from_pylist([], schema=rows.schema)


@lru_cache(maxsize=LAYOUTS_REMEMBERED_MAX)
def _check_layout(layout: bytes) -> None:
    _check_schema(pa.ipc.read_schema(pa.py_buffer(layout)))


@lru_cache(maxsize=LAYOUTS_REMEMBERED_MAX)
def _check_schema(schema: pa.Schema) -> None:
    names = schema.names
    if len(set(names)) != len(names):
        raise WireError(f"payload refused: columns {names[:8]} repeat a name")
    for name, kind in zip(names, schema.types, strict=True):
        if not _may_travel(kind.value_type if isinstance(kind, pa.DictionaryType) else kind):
            raise WireError(f"payload refused: column {name[:40]!r} of type {str(kind)[:80]} may not travel, use a flat type and UTC")


@lru_cache(maxsize=TYPES_REMEMBERED_MAX)
def _may_travel(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.TimestampType):
        return kind.tz in (None, "UTC")
    return any(check(kind) for check in _TYPE_CHECKS)
