"""The device's side of MQTT 3.1.1 and 5: packets as bytes, and what a server answers, without I/O. Section numbers are of MQTT 5.0.

Owned apart from node/ingest on purpose: a simulated device that used the door's own codec would share its mistakes. Only what a device
needs is here. Called by simulations/devices and by the benchmarks of the door.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

V311, V5 = 4, 5
"""Protocol levels."""
LENGTH_BYTES_MAX = 4
_NO_PROPERTIES = b"\0"
"""An empty property list."""
SESSION_EXPIRY = 0x11
"""Property of CONNECT, section 3.1.2.11.2."""


class Kind(IntEnum):
    """Packet types, table 2.1."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class Answer(NamedTuple):
    """One packet of the server."""

    kind: int
    """A Kind, or a number that a server never sends."""
    packet_id: int = 0
    reason: int = 0
    """Reason or return code; of a SUBACK the first."""
    topic: str = ""
    payload: bytes = b""
    """Of a PUBLISH."""
    qos: int = 0


def connect(
    client_id: str,
    *,
    version: int = V311,
    keep_alive_s: int = 60,
    is_clean: bool = True,
    user: str | None = None,
    password: str | None = None,
    will: tuple[str, bytes] | None = None,
    session_expiry_s: int = 0,
) -> bytes:
    """CONNECT (section 3.1)."""
    flags = (2 if is_clean else 0) | (4 if will else 0) | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    head = _text("MQTT") + bytes((version, flags)) + keep_alive_s.to_bytes(2, "big")
    if version == V5:
        properties = bytes((SESSION_EXPIRY,)) + session_expiry_s.to_bytes(4, "big") if session_expiry_s else b""
        head += bytes((len(properties),)) + properties
    body = _text(client_id)
    if will is not None:
        body += (_NO_PROPERTIES if version == V5 else b"") + _text(will[0]) + _binary(will[1])
    for entry in (user, password):
        body += _text(entry) if entry is not None else b""
    return _packet(Kind.CONNECT, 0, head + body)


def publish(topic: str, payload: bytes, packet_id: int = 0, *, version: int = V311, qos: int = 1, is_again: bool = False) -> bytes:
    """PUBLISH (section 3.3); `is_again` sets DUP. At QoS 0 no packet id is written."""
    number = packet_id.to_bytes(2, "big") if qos else b""
    properties = _NO_PROPERTIES if version == V5 else b""
    return _packet(Kind.PUBLISH, (8 if is_again else 0) | qos << 1, _text(topic) + number + properties + payload)


def numbered(kind: Kind, packet_id: int) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP of success, in both versions (section 3.4.2.1: no reason code means success)."""
    return _packet(kind, 2 if kind is Kind.PUBREL else 0, packet_id.to_bytes(2, "big"))


def subscribe(packet_id: int, topic_filter: str, *, version: int = V311, qos: int = 1) -> bytes:
    """SUBSCRIBE of one filter (section 3.8)."""
    properties = _NO_PROPERTIES if version == V5 else b""
    return _packet(Kind.SUBSCRIBE, 2, packet_id.to_bytes(2, "big") + properties + _text(topic_filter) + bytes((qos,)))


def plain(kind: Kind) -> bytes:
    """PINGREQ, or DISCONNECT of success."""
    return _packet(kind, 0, b"")


def read_answers(buffer: bytearray, version: int) -> list[Answer]:
    """Take every whole packet of a server from the front of `buffer`. Raises ValueError for what is no packet of a server."""
    found, position = [], 0
    while (bounds := _bounds(buffer, position)) is not None:
        start, end = bounds
        found.append(_answer(buffer[position], bytes(buffer[start:end]), version))
        position = end
    del buffer[:position]
    return found


def _answer(head: int, body: bytes, version: int) -> Answer:
    kind = head >> 4
    if kind == Kind.PUBLISH:
        return _published(head, body, version)
    if kind == Kind.CONNACK:
        return Answer(kind, reason=body[1])
    if kind == Kind.DISCONNECT:
        return Answer(kind, reason=body[0] if body else 0)
    if kind == Kind.PINGRESP:
        return Answer(kind)
    if kind not in (Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP, Kind.SUBACK, Kind.UNSUBACK):
        raise ValueError(f"packet type {kind} is none of a server")
    number, rest = int.from_bytes(body[:2], "big"), body[2:]
    if kind in (Kind.SUBACK, Kind.UNSUBACK) and version == V5:
        rest = rest[1 + rest[0] :]
    return Answer(kind, number, rest[0] if rest else 0)


def _published(head: int, body: bytes, version: int) -> Answer:
    qos, end = head >> 1 & 3, 2 + int.from_bytes(body[:2], "big")
    topic, rest = body[2:end].decode(), body[end:]
    number = int.from_bytes(rest[:2], "big") if qos else 0
    rest = rest[2:] if qos else rest
    if version == V5:
        bounds = _bounds(b"\0" + rest, 0)
        assert bounds is not None, "a property list that is whole"
        rest = rest[bounds[1] - 1 :]
    return Answer(Kind.PUBLISH, number, topic=topic, payload=rest, qos=qos)


def _bounds(buffer: bytes | bytearray, position: int) -> tuple[int, int] | None:
    """Where the body of the packet at `position` begins and ends; None while it is not whole."""
    length = 0
    for place in range(LENGTH_BYTES_MAX):
        index = position + 1 + place
        if index >= len(buffer):
            return None
        length |= (buffer[index] & 0x7F) << 7 * place
        if not buffer[index] & 0x80:
            end = index + 1 + length
            return (index + 1, end) if end <= len(buffer) else None
    raise ValueError("a remaining length of more than four bytes")


def _packet(kind: Kind, flags: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length.append(digit | (0x80 if rest else 0))
        if not rest:
            return bytes((kind << 4 | flags,)) + bytes(length) + body


def _text(value: str) -> bytes:
    return _binary(value.encode())


def _binary(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value
