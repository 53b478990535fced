"""What an Arrow IPC stream says about itself, read without giving it to Arrow: messages, row counts, buffers and the bytes they unfold to.

Owns: the framing of the stream and the few flatbuffer fields it takes to sum up the uncompressed lengths. Refuses with
WireError whatever is not exactly: one schema, its dictionaries, one record batch, end of stream. Called by payload.py first.
Source: Apache Arrow Columnar Format 1.5, "Serialization and IPC"; Message.fbs; FlatBuffers internals.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sync.model import WireError

CONTINUATION = 0xFFFFFFFF
"""First four bytes of every message."""
MESSAGES_MAX = 256
"""Messages in one payload: a schema, a dictionary for each string column, one record batch."""
BUFFERS_MAX = 4_096
"""Buffers of one message."""
REMEMBERED_BYTES_MAX = 1 << 10
SHAPES_REMEMBERED_MAX = 1_024
"""Metadata up to this size is remembered, so many of it: about 10 MB at the very most."""
_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3
_UNCOMPRESSED = -1
"""Length prefix of a buffer that was left as it is inside a compressed message."""

_U8, _U16, _U32, _I32, _I64 = (struct.Struct(form) for form in ("<B", "<H", "<I", "<i", "<q"))
_HEAD, _PAIR = struct.Struct("<Ii"), struct.Struct("<qq")
_SLOTS = 4
"""Slots of a table that are read here: the first four."""
_OFFSETS = tuple(struct.Struct(f"<{slots}H") for slots in range(_SLOTS + 1))
_ABSENT = (0,) * _SLOTS


@dataclass(frozen=True, slots=True)
class Layout:
    """What a payload claims to be."""

    rows: int
    decoded_bytes: int
    """Bytes of all buffers after decompression."""
    values_max: int
    """Longest column or dictionary."""


@dataclass(frozen=True, slots=True)
class _Part:
    kind: int
    rows: int
    decoded_bytes: int
    values_max: int
    dictionary: int | None = None
    """Id of the dictionary; None for other kinds."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a message's metadata says, whatever its body is."""

    body_bytes: int
    kind: int
    rows: int = 0
    values_max: int = 0
    buffers: tuple[tuple[int, int], ...] = ()
    """(offset, length) in the body."""
    is_compressed: bool = False
    dictionary: int | None = None


def read_layout(payload: bytes) -> Layout:
    """The layout of `payload`; raises WireError when it is not one schema, dictionaries, one record batch and the end."""
    parts: list[_Part] = []
    try:
        for shape, body in _messages(payload):
            if len(parts) == MESSAGES_MAX:
                raise WireError(f"payload refused: more than {MESSAGES_MAX} arrow messages")
            size = _unfolded_bytes(body, shape.buffers) if shape.is_compressed else _plain_bytes(body, shape.buffers)
            parts.append(_Part(shape.kind, shape.rows, size, shape.values_max, shape.dictionary))
    except (struct.error, IndexError, OverflowError) as error:
        raise WireError(f"payload of {len(payload)} bytes refused: broken arrow metadata ({error})") from None
    _check_sequence(parts)
    return Layout(
        rows=parts[-1].rows,
        decoded_bytes=sum(part.decoded_bytes for part in parts),
        values_max=max(part.values_max for part in parts),
    )


def _check_sequence(parts: list[_Part]) -> None:
    kinds = [part.kind for part in parts]
    if kinds[:1] != [_SCHEMA] or kinds[-1:] != [_RECORDS] or any(kind != _DICTIONARY for kind in kinds[1:-1]):
        raise WireError(f"payload refused: arrow messages of kinds {kinds[:8]}, expected one schema, its dictionaries, one record batch")
    names = [part.dictionary for part in parts[1:-1]]
    if len(set(names)) != len(names):
        raise WireError(f"payload refused: {len(names)} dictionaries replace one another")


def _messages(payload: bytes) -> Iterator[tuple[_Shape, memoryview]]:
    """Shape and body of each message; the payload must end right after the end-of-stream mark."""
    position = 0
    while True:
        mark, size = _HEAD.unpack_from(payload, position)
        if mark != CONTINUATION or size < 0:
            raise WireError(f"payload refused: no arrow message at byte {position}")
        position += 8
        if size == 0:
            break
        metadata = payload[position : position + size]
        if len(metadata) != size:
            raise WireError(f"payload of {len(payload)} bytes refused: arrow metadata of {size} bytes at byte {position} is cut short")
        position += size
        shape = _known_shape(metadata) if size <= REMEMBERED_BYTES_MAX else _shape(metadata)
        body_bytes = shape.body_bytes
        if not 0 <= body_bytes <= len(payload) - position:
            raise WireError(f"payload of {len(payload)} bytes refused: an arrow body of {body_bytes} bytes at byte {position}")
        yield shape, memoryview(payload)[position : position + body_bytes]
        position += body_bytes
    if position != len(payload):
        raise WireError(f"payload of {len(payload)} bytes refused: {len(payload) - position} bytes follow its end")


def _shape(metadata: bytes) -> _Shape:
    message = _Table(metadata, *_U32.unpack_from(metadata))
    body_bytes, kind = message.number(3, _I64, 0), message.number(1, _U8, 0)
    header = message.table(2)
    if header is None or kind not in (_SCHEMA, _DICTIONARY, _RECORDS):
        raise WireError(f"payload refused: arrow message of kind {kind}")
    if kind == _SCHEMA:
        return _Shape(body_bytes, kind)
    if kind == _RECORDS:
        return _batch_shape(body_bytes, kind, header)
    if header.number(2, _U8, 0):
        raise WireError("payload refused: dictionary deltas are not in use")
    batch = header.table(1)
    if batch is None:
        raise WireError("payload refused: a dictionary without values")
    return _batch_shape(body_bytes, kind, batch, dictionary=header.number(0, _I64, 0))


@lru_cache(maxsize=SHAPES_REMEMBERED_MAX)
def _known_shape(metadata: bytes) -> _Shape:
    """Most messages of a stream describe the same short dictionaries again and again."""
    return _shape(metadata)


def _batch_shape(body_bytes: int, kind: int, batch: _Table, dictionary: int | None = None) -> _Shape:
    rows = batch.number(0, _I64, 0)
    lengths = [rows, *(length for length, _ in batch.structs(1))]
    if min(lengths) < 0:
        raise WireError(f"payload refused: a column of {min(lengths)} values")
    is_compressed = batch.table(3) is not None
    return _Shape(body_bytes, kind, rows, max(lengths), tuple(batch.structs(2)), is_compressed, dictionary)


def _plain_bytes(body: memoryview, buffers: Sequence[tuple[int, int]]) -> int:
    """Bytes of buffers that lie there as they are."""
    total, end = 0, len(body)
    for offset, length in buffers:
        if offset < 0 or length < 0 or offset + length > end:
            raise WireError(f"payload refused: a buffer at {offset} of {length} bytes in a body of {end}")
        total += length
    return total


def _unfolded_bytes(body: memoryview, buffers: Sequence[tuple[int, int]]) -> int:
    """Bytes that compressed buffers unfold to, from their length prefixes."""
    total = _plain_bytes(body, buffers)
    for offset, length in buffers:
        if length == 0:
            continue
        if length < _I64.size:
            raise WireError(f"payload refused: a compressed buffer of {length} bytes has no length prefix")
        (unfolded,) = _I64.unpack_from(body, offset)
        if unfolded < _UNCOMPRESSED:
            raise WireError(f"payload refused: a buffer that unfolds to {unfolded} bytes")
        total += -_I64.size if unfolded == _UNCOMPRESSED else unfolded - length
    return total


class _Table:
    """A flatbuffer table, its offsets read once; every read outside the data raises struct.error or WireError."""

    __slots__ = ("_data", "_offsets", "_position")

    def __init__(self, data: bytes, position: int) -> None:
        (distance,) = _I32.unpack_from(data, position)
        vtable = position - distance
        if vtable < 0:
            raise WireError("payload refused: broken arrow metadata (a table before its data)")
        (vtable_bytes,) = _U16.unpack_from(data, vtable)
        slots = max(0, min(vtable_bytes // 2 - 2, _SLOTS))
        self._data, self._position = data, position
        self._offsets: tuple[int, ...] = _OFFSETS[slots].unpack_from(data, vtable + 4) + _ABSENT[slots:]

    def number(self, slot: int, form: struct.Struct, default: int) -> int:
        """The number in a slot."""
        offset = self._offsets[slot]
        return int(form.unpack_from(self._data, self._position + offset)[0]) if offset else default

    def table(self, slot: int) -> _Table | None:
        """The table that a slot points to."""
        start = self._target(slot)
        return None if start is None else _Table(self._data, start)

    def structs(self, slot: int) -> list[tuple[int, int]]:
        """A vector of structs of two 64-bit numbers: field nodes (length, nulls) and buffers (offset, length)."""
        start = self._target(slot)
        if start is None:
            return []
        (count,) = _U32.unpack_from(self._data, start)
        if count > BUFFERS_MAX:
            raise WireError(f"payload refused: {count} columns or buffers in one arrow message, at most {BUFFERS_MAX}")
        pairs = self._data[start + 4 : start + 4 + _PAIR.size * count]
        if len(pairs) != _PAIR.size * count:
            raise WireError(f"payload refused: {count} columns or buffers are announced, the arrow metadata ends before")
        return list(_PAIR.iter_unpack(pairs))

    def _target(self, slot: int) -> int | None:
        offset = self._offsets[slot]
        if not offset:
            return None
        field = self._position + offset
        (distance,) = _U32.unpack_from(self._data, field)
        return field + int(distance)
