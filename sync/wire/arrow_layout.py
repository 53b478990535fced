"""What an Arrow IPC stream says about itself, read without giving it to Arrow: messages, row counts, buffers and the bytes they unfold to.

Owns: the framing of the stream and the few flatbuffer fields it takes to sum up the uncompressed lengths. Refuses with
WireError whatever is not exactly: one schema, its dictionaries, one record batch, end of stream. Called by payload.py first.
Source: Apache Arrow Columnar Format 1.5, "Serialization and IPC"; Message.fbs; FlatBuffers internals.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from sync.model import WireError

CONTINUATION = 0xFFFFFFFF
"""First four bytes of every message."""
MESSAGES_MAX = 256
"""Messages in one payload: a schema, a dictionary for each string column, one record batch."""
BUFFERS_MAX = 4_096
"""Buffers of one message."""
_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3
_UNCOMPRESSED = -1
"""Length prefix of a buffer that was left as it is inside a compressed message."""


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


def read_layout(payload: bytes) -> Layout:
    """The layout of `payload`; raises WireError when it is not one schema, dictionaries, one record batch and the end."""
    parts: list[_Part] = []
    try:
        for metadata, body in _messages(payload):
            if len(parts) == MESSAGES_MAX:
                raise WireError(f"payload refused: more than {MESSAGES_MAX} arrow messages")
            parts.append(_part(metadata, body))
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


def _messages(payload: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Metadata and body of each message; the payload must end right after the end-of-stream mark."""
    position = 0
    while True:
        mark, size = struct.unpack_from("<Ii", payload, position)
        if mark != CONTINUATION or size < 0:
            raise WireError(f"payload refused: no arrow message at byte {position}")
        position += 8
        if size == 0:
            break
        metadata = payload[position : position + size]
        if len(metadata) != size:
            raise WireError(f"payload of {len(payload)} bytes refused: arrow metadata of {size} bytes at byte {position} is cut short")
        position += size
        body_bytes = _Table.root(metadata).number(3, "<q", 0)
        if not 0 <= body_bytes <= len(payload) - position:
            raise WireError(f"payload of {len(payload)} bytes refused: an arrow body of {body_bytes} bytes at byte {position}")
        yield metadata, memoryview(payload)[position : position + body_bytes]
        position += body_bytes
    if position != len(payload):
        raise WireError(f"payload of {len(payload)} bytes refused: {len(payload) - position} bytes follow its end")


def _part(metadata: bytes, body: memoryview) -> _Part:
    message = _Table.root(metadata)
    kind = message.number(1, "<B", 0)
    header = message.table(2)
    if header is None or kind not in (_SCHEMA, _DICTIONARY, _RECORDS):
        raise WireError(f"payload refused: arrow message of kind {kind}")
    if kind == _SCHEMA:
        return _Part(kind, 0, 0, 0)
    if kind == _RECORDS:
        return _batch_part(kind, header, body)
    if header.number(2, "<B", 0):
        raise WireError("payload refused: dictionary deltas are not in use")
    batch = header.table(1)
    if batch is None:
        raise WireError("payload refused: a dictionary without values")
    return _batch_part(kind, batch, body, dictionary=header.number(0, "<q", 0))


def _batch_part(kind: int, batch: _Table, body: memoryview, dictionary: int | None = None) -> _Part:
    rows = batch.number(0, "<q", 0)
    lengths = [length for length, _ in batch.structs(1)]
    values_max = max([rows, *lengths])
    if min([rows, *lengths]) < 0:
        raise WireError(f"payload refused: a column of {min([rows, *lengths])} values")
    decoded = sum(_buffer_bytes(body, offset, length, compressed=batch.table(3) is not None) for offset, length in batch.structs(2))
    return _Part(kind, rows, decoded, values_max, dictionary)


def _buffer_bytes(body: memoryview, offset: int, length: int, *, compressed: bool) -> int:
    if offset < 0 or length < 0 or offset + length > len(body):
        raise WireError(f"payload refused: a buffer at {offset} of {length} bytes in a body of {len(body)}")
    if not compressed or length == 0:
        return length
    if length < 8:
        raise WireError(f"payload refused: a compressed buffer of {length} bytes has no length prefix")
    (unfolded,) = struct.unpack_from("<q", body, offset)
    if unfolded < _UNCOMPRESSED:
        raise WireError(f"payload refused: a buffer that unfolds to {unfolded} bytes")
    return length - 8 if unfolded == _UNCOMPRESSED else int(unfolded)


@dataclass(frozen=True, slots=True)
class _Table:
    """A flatbuffer table; every read outside the data raises struct.error or WireError."""

    data: bytes
    position: int

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, _unpack("<I", data, 0))

    def number(self, slot: int, form: str, default: int) -> int:
        field = self._field(slot)
        return default if field is None else _unpack(form, self.data, field)

    def table(self, slot: int) -> _Table | None:
        field = self._field(slot)
        return None if field is None else _Table(self.data, field + _unpack("<I", self.data, field))

    def structs(self, slot: int) -> list[tuple[int, int]]:
        """A vector of structs of two 64-bit numbers: field nodes (length, nulls) and buffers (offset, length)."""
        field = self._field(slot)
        if field is None:
            return []
        start = field + _unpack("<I", self.data, field)
        count = _unpack("<I", self.data, start)
        if count > BUFFERS_MAX:
            raise WireError(f"payload refused: {count} columns or buffers in one arrow message, at most {BUFFERS_MAX}")
        return [struct.unpack_from("<qq", self.data, start + 4 + 16 * index) for index in range(count)]

    def _field(self, slot: int) -> int | None:
        vtable = self.position - _unpack("<i", self.data, self.position)
        if vtable < 0:
            raise WireError("payload refused: broken arrow metadata (a table before its data)")
        if 4 + 2 * slot >= _unpack("<H", self.data, vtable):
            return None
        offset = _unpack("<H", self.data, vtable + 4 + 2 * slot)
        return self.position + offset if offset else None


def _unpack(form: str, data: bytes, position: int) -> int:
    """One number; raises struct.error outside the data."""
    (value,) = struct.unpack_from(form, data, position)
    return int(value)
