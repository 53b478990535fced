"""Messages as a terminal makes them, and the frame that is published most often as an example of the standard."""

from __future__ import annotations

import struct

from node.ingest.jt808.packet import Kind

PUBLISHED = bytes.fromhex("7e02000026123456789012007d02000000010000000200ba7f0e07e4f11c0028003c00001810151010100104000000640202007d01137e")
"""A position of 2013 with both escapes in it, mileage and fuel."""
PHONE = "13800138000"


def message(kind: int, body: bytes = b"", *, phone: str = PHONE, serial: int = 7, version: int | None = None, properties: int = 0) -> bytes:
    """A message; `properties` are bits beside the length."""
    digits = bytes.fromhex(phone.zfill(12 if version is None else 20))
    head = struct.pack(">HH", kind, len(body) | properties | (0x4000 if version is not None else 0))
    return head + (b"" if version is None else bytes([version])) + digits + struct.pack(">H", serial) + body


def position(
    *, status: int = 0b10, latitude: int = 36_066_000, longitude: int = 120_382_000, when: str = "260921080000", items: bytes = b""
) -> bytes:
    """The body of a location report."""
    return struct.pack(">IIIIHHH", 0, status, latitude, longitude, 12, 405, 90) + bytes.fromhex(when) + items


def bulk(*bodies: bytes) -> bytes:
    """The body of a bulk report."""
    return struct.pack(">HB", len(bodies), 1) + b"".join(struct.pack(">H", len(body)) + body for body in bodies)


def report(body: bytes | None = None) -> bytes:
    """A position message."""
    return message(Kind.POSITION, position() if body is None else body)
