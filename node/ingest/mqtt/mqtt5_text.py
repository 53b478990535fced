"""Checks the text of MQTT 5 packets before the `mqtt5` library reads them.

The library (0.8) panics on text that is not UTF-8, which would end the node for one bad packet; so every string is walked to and checked
here first.
Section numbers are of the MQTT 5.0 standard (OASIS, 7 March 2019).
"""

from __future__ import annotations

from node.ingest.errors import PacketError
from node.ingest.mqtt.packets import decode_text

CONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 10, 12, 14
ACKS = frozenset({4, 5, 6, 7})
"""Packet types a client may send to this server, section 2.1.2; ACKS are PUBACK, PUBREC, PUBREL and PUBCOMP."""

_FIXED_BYTES = {
    0x01: 1, 0x17: 1, 0x19: 1, 0x24: 1, 0x25: 1, 0x28: 1, 0x29: 1, 0x2A: 1, 0x13: 2, 0x21: 2, 0x22: 2, 0x23: 2,
    0x02: 4, 0x11: 4, 0x18: 4, 0x27: 4,
}  # fmt: skip
"""Bytes of the properties of fixed size by identifier, table 2-4."""
_STRINGS = frozenset({0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F})
_BINARIES = frozenset({0x09, 0x16})
_VARIABLE_INTEGER = 0x0B
_USER_PROPERTY = 0x26


class _Walk:
    """Moves over the fields of one packet body; every step is checked against the end."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._position = 0

    @property
    def has_more(self) -> bool:
        return self._position < len(self._body)

    def take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._body):
            raise PacketError("malformed_packet", "a packet shorter than its fields")
        taken = self._body[self._position : end]
        self._position = end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def variable(self) -> int:
        value = 0
        for shift in (0, 7, 14, 21):
            digit = self.number(1)
            value |= (digit & 0x7F) << shift
            if not digit & 0x80:
                return value
        raise PacketError("malformed_packet", "a variable byte integer of more than four bytes")

    def binary(self) -> None:
        self.take(self.number(2))

    def text(self) -> None:
        decode_text(self.take(self.number(2)))

    def properties(self) -> None:
        inner = _Walk(self.take(self.variable()))
        while inner.has_more:
            inner.property()

    def property(self) -> None:
        identifier = self.variable()
        if identifier in _FIXED_BYTES:
            self.take(_FIXED_BYTES[identifier])
        elif identifier in _STRINGS:
            self.text()
        elif identifier in _BINARIES:
            self.binary()
        elif identifier == _USER_PROPERTY:
            self.text()
            self.text()
        elif identifier == _VARIABLE_INTEGER:
            self.variable()
        else:
            raise PacketError("malformed_packet", f"unknown property {identifier:#x}")


def check_packet(head: int, body: bytes) -> None:
    """Raise PacketError unless `body` is walkable as the packet that `head` names and all its text is UTF-8."""
    kind = head >> 4
    walk = _Walk(body)
    if kind == PUBLISH:
        walk.text()
        if head >> 1 & 3:
            walk.take(2)
        walk.properties()
    elif kind == CONNECT:
        _check_connect(walk)
    elif kind in (SUBSCRIBE, UNSUBSCRIBE):
        walk.take(2)
        walk.properties()
        while walk.has_more:
            walk.text()
            walk.take(1 if kind == SUBSCRIBE else 0)
    elif kind == DISCONNECT or kind in ACKS:
        walk.take(2 if kind in ACKS else 0)
        if walk.has_more:
            walk.take(1)
        if walk.has_more:
            walk.properties()
    elif kind != PINGREQ:
        raise PacketError("protocol_error", f"packet type {kind} is not for this server")


def _check_connect(walk: _Walk) -> None:
    walk.text()
    walk.take(1)
    flags = walk.number(1)
    walk.take(2)
    walk.properties()
    walk.text()
    if flags & 0x04:
        walk.properties()
        walk.text()
        walk.binary()
    if flags & 0x80:
        walk.text()
    if flags & 0x40:
        walk.binary()
