"""Positions of vehicles as readings (JT/T 808 section 8, location report 0x0200 and its additional items, bulk report 0x0704). Pure.

A position gives latitude and longitude (degrees; only when the terminal says that it has a fix), altitude, speed, direction, the words of
alarm and status as numbers, and of the additional items mileage and fuel. Called by node/ingest/decode.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from node.ingest.errors import DecodeError
from node.ingest.fields import READINGS_PER_MESSAGE_MAX, checked_time_us
from node.ingest.jt808.packet import Kind, parse
from node.ingest.profiles import Profile
from node.ingest.sink import Reading

_BASIC = struct.Struct(">IIIIHHH6s")
_HAS_FIX, _IS_SOUTH, _IS_WEST = 0b0010, 0b0100, 0b1000
"""Bits of the status word."""
_MICRODEGREES, _TENTH = 1e6, 0.1
LATITUDE_MAX, LONGITUDE_MAX = 90.0, 180.0
MILEAGE, FUEL = 0x01, 0x02
ITEMS: dict[int, tuple[str, int, float, str]] = {MILEAGE: ("mileage", 4, _TENTH, "km"), FUEL: ("fuel", 2, _TENTH, "L")}
"""Additional items that are read: name, bytes, factor, unit (UCUM)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CENTURY = "20"

Value = tuple[str, float, str | None]
"""Quantity, value, unit."""


def decode_jt808(profile: Profile, topic: str, payload: bytes, received_us: int) -> list[Reading]:
    """The readings of a location report; raises DecodeError. `received_us` is not used: a position without its own time is refused."""
    packet = parse(payload)
    if packet.kind not in (Kind.POSITION, Kind.POSITIONS):
        raise DecodeError("jt808_kind", f"message {packet.kind:#06x} is no position: its content is kept here")
    bodies = [packet.body] if packet.kind == Kind.POSITION else list(_bulk(packet.body))
    readings = [
        Reading(time_us, profile.territory, profile.grade, packet.phone, quantity, value, None, unit)
        for body in bodies
        for time_us, values in [_position(body)]
        for quantity, value, unit in values
    ]
    if len(readings) > READINGS_PER_MESSAGE_MAX:
        raise DecodeError("too_many_readings", f"{len(readings)} values; at most {READINGS_PER_MESSAGE_MAX} in a packet")
    return readings


def _bulk(body: bytes) -> Iterator[bytes]:
    if len(body) < 3:
        raise DecodeError("not_a_packet", "a bulk report without its count")
    (count,), at = struct.unpack_from(">H", body), 3
    for number in range(count):
        if at + 2 > len(body):
            raise DecodeError("not_a_packet", f"a bulk report of {count} positions ends at number {number}")
        (size,) = struct.unpack_from(">H", body, at)
        at += 2 + size
        if at > len(body):
            raise DecodeError("not_a_packet", f"position {number} of a bulk report is cut off")
        yield body[at - size : at]


def _position(body: bytes) -> tuple[int, list[Value]]:
    if len(body) < _BASIC.size:
        raise DecodeError("not_a_packet", f"a position of {len(body)} bytes; {_BASIC.size} are the least")
    alarm, status, latitude, longitude, altitude, speed, direction, when = _BASIC.unpack_from(body)
    values: list[Value] = [("alarm", float(alarm), None), ("status", float(status), None)]
    if status & _HAS_FIX:
        values += _place(status, latitude / _MICRODEGREES, longitude / _MICRODEGREES)
        # Two's complement: a tunnel or a hollow lies below the sea.
        values.append(("altitude", float(altitude - 0x10000 if altitude & 0x8000 else altitude), "m"))
        values += [("speed", round(speed * _TENTH, 1), "km/h"), ("direction", float(direction), "deg")]
    return _time_us(when), values + list(_items(body[_BASIC.size :]))


def _place(status: int, latitude: float, longitude: float) -> list[Value]:
    if latitude > LATITUDE_MAX or longitude > LONGITUDE_MAX:
        raise DecodeError("bad_value", f"{latitude:g}, {longitude:g} is no place on earth")
    south, west = bool(status & _IS_SOUTH), bool(status & _IS_WEST)
    return [("latitude", -latitude if south else latitude, "deg"), ("longitude", -longitude if west else longitude, "deg")]


def _items(body: bytes) -> Iterator[Value]:
    at = 0
    while at + 2 <= len(body):
        kind, size = body[at], body[at + 1]
        content = body[at + 2 : at + 2 + size]
        if len(content) < size:
            raise DecodeError("not_a_packet", f"additional item {kind:#04x} is cut off")
        if kind in ITEMS and size == ITEMS[kind][1]:
            name, _, factor, unit = ITEMS[kind]
            yield name, round(int.from_bytes(content, "big") * factor, 1), unit
        at += 2 + size
    if at != len(body):
        raise DecodeError("not_a_packet", "a byte is left behind the additional items")


def _time_us(packed: bytes) -> int:
    """A time in packed digits YYMMDDhhmmss (China Standard Time) in microseconds since 1970 UTC."""
    digits = packed.hex()
    try:
        moment = datetime.strptime(_CENTURY + digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC) - timedelta(hours=8)
    except ValueError:
        raise DecodeError("bad_time", f"{digits!r} is no day or no hour") from None
    return checked_time_us((moment - _EPOCH) // timedelta(microseconds=1))
