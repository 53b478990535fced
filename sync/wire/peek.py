"""The outermost fields of an envelope, by hand: looked at before anything is parsed, written without copying a body again.

Owns: the walk over protobuf's tags, so that a body's size is judged before protobuf spends memory on it (two bytes can ask for an object of
a hundred). Refuses what is not a sequence of fields. Called by codec.
Source: Protocol Buffers, Encoding.
"""

from __future__ import annotations

from sync.model import WireError

FIELDS_MAX = 64
"""Outermost fields of one envelope; today's has two."""
_VARINT_BYTES_MAX = 10


def outer_fields(data: bytes) -> dict[int, int]:
    """Bytes by field number of the outermost fields; raises WireError when `data` is not a message."""
    sizes: dict[int, int] = {}
    position, count = 0, 0
    while position < len(data):
        count += 1
        if count > FIELDS_MAX:
            raise WireError(f"envelope refused: more than {FIELDS_MAX} fields")
        tag, start = _varint(data, position)
        end = _end_of_value(data, start, tag & 7)
        if end > len(data):
            raise WireError(f"envelope field {tag >> 3} refused: it ends at byte {end} of {len(data)}")
        sizes[tag >> 3] = sizes.get(tag >> 3, 0) + end - start
        position = end
    return sizes


def length_delimited(number: int, body: bytes) -> bytes:
    """The field `number` with `body` as its value."""
    return b"".join((_write_varint(number << 3 | 2), _write_varint(len(body)), body))


def _write_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _end_of_value(data: bytes, start: int, wire_type: int) -> int:
    match wire_type:
        case 0:
            return _varint(data, start)[1]
        case 1:
            return start + 8
        case 2:
            size, begin = _varint(data, start)
            return begin + size
        case 5:
            return start + 4
    raise WireError(f"envelope refused: wire type {wire_type} at byte {start} is not in use")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[position : position + _VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise WireError(f"envelope refused: the number at byte {position} does not end")
