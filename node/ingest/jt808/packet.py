"""Packets of JT/T 808-2013 and -2019: the header, the login, and the answers of a platform (sections 4.4 and 8).

A vehicle registers (0x0100), logs in with its code (0x0102), keeps the line alive (0x0002) and reports positions (0x0200, 0x0704). Refuses
encrypted messages, which it names, and a lone part of a message. Pure. Called by the dialect and by location.py.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from node.ingest.errors import DecodeError
from node.ingest.fields import checked_name, checked_text

_LENGTH_BITS, _ENCRYPTION_BITS, DIVIDED_BIT, _VERSION_BIT = 0x03FF, 0x1C00, 0x2000, 0x4000
_PART_BYTES = 4
_PHONE_2013, _PHONE_2019 = 6, 10
_CODE_LENGTH_BYTES = 1


class Kind(IntEnum):
    """Messages of a vehicle that are understood."""

    HEARTBEAT = 0x0002
    LOGOUT = 0x0003
    REGISTER = 0x0100
    LOGIN = 0x0102
    POSITION = 0x0200
    POSITIONS = 0x0704


class Result(IntEnum):
    """Results of a general answer (0x8001)."""

    DONE = 0
    FAILED = 1
    UNSUPPORTED = 3


class Registered(IntEnum):
    """Results of an answer to a registration (0x8100)."""

    DONE = 0
    KNOWN = 3
    """The terminal is registered already: it logs in with the code it has."""


GENERAL_ANSWER, REGISTER_ANSWER = 0x8001, 0x8100


@dataclass(frozen=True, slots=True)
class Packet:
    """One message, its header read."""

    kind: int
    phone: str
    """Number of the terminal's card, leading zeros off: its name."""
    serial: int
    version: int | None
    """Version byte of 2019 and later; None in 2013."""
    body: bytes
    parts: int = 1
    """How many parts it came in; their serial numbers follow one another and `serial` is the first."""

    @property
    def code(self) -> str:
        """The code of a login. Raises DecodeError when the message has none that can be read."""
        raw = self.body
        if self.version is not None:
            raw = raw[_CODE_LENGTH_BYTES : _CODE_LENGTH_BYTES + raw[0]] if raw else b""
        try:
            return checked_text(raw.decode("gb18030").rstrip("\x00"))
        except UnicodeDecodeError:
            raise DecodeError("not_text", "the code of a login is not text") from None

    def general_answers(self, result: Result) -> list[bytes]:
        """The messages that say what became of this one: one for each part, because a terminal repeats the part that has none."""
        serials = [(self.serial + part) & 0xFFFF for part in range(self.parts)]
        return [self._answer(GENERAL_ANSWER, struct.pack(">HHB", serial, self.kind, result)) for serial in serials]

    def register_answer(self, result: Registered, code: str = "") -> bytes:
        """The message that answers a registration; the code only when it is DONE."""
        return self._answer(REGISTER_ANSWER, struct.pack(">HB", self.serial, result) + code.encode("gb18030"))

    def _answer(self, kind: int, body: bytes) -> bytes:
        size = _PHONE_2013 if self.version is None else _PHONE_2019
        phone = bytes.fromhex(self.phone.zfill(2 * size))
        version = b"" if self.version is None else bytes([self.version])
        properties = len(body) | (_VERSION_BIT if self.version is not None else 0)
        return struct.pack(">HH", kind, properties) + version + phone + struct.pack(">H", self.serial) + body


def parse(message: bytes) -> Packet:
    """The packet of a message; raises DecodeError."""
    try:
        kind, properties = struct.unpack_from(">HH", message)
        has_version = bool(properties & _VERSION_BIT)
        at = 4 + has_version
        size = _PHONE_2019 if has_version else _PHONE_2013
        digits = message[at : at + size].hex()
        (serial,) = struct.unpack_from(">H", message, at + size)
    except struct.error:
        raise DecodeError("not_a_packet", f"{len(message)} bytes are less than a header") from None
    if properties & _ENCRYPTION_BITS:
        raise DecodeError("encrypted", f"message {kind:#06x} is encrypted: switch it off at the terminal")
    body, parts = _body(message[at + size + 2 :], kind, properties)
    if not digits.isdigit():
        raise DecodeError("not_a_packet", f"the number of the terminal is {digits!r}, which are not digits")
    phone = checked_name(digits.lstrip("0") or "0", what="device")
    return Packet(kind, phone, serial, message[4] if has_version else None, body, parts)


def header_bytes(message: bytes) -> int:
    """Bytes of the header of a message, the number of a part apart."""
    has_version = bool(int.from_bytes(message[2:4], "big") & _VERSION_BIT)
    return 4 + has_version + (_PHONE_2019 if has_version else _PHONE_2013) + 2


def _body(rest: bytes, kind: int, properties: int) -> tuple[bytes, int]:
    """The body, and how many parts it came in; raises DecodeError."""
    if properties & DIVIDED_BIT:
        if len(rest) < _PART_BYTES or rest[2:_PART_BYTES] != b"\x00\x00":
            raise DecodeError("divided", f"one part of message {kind:#06x} alone: the others did not come")
        return rest[_PART_BYTES:], int.from_bytes(rest[:2], "big")
    if len(rest) != properties & _LENGTH_BITS:
        raise DecodeError("not_a_packet", f"a body of {len(rest)} bytes, where the header says {properties & _LENGTH_BITS}")
    return rest, 1
