"""Packets of SL 651-2014: the header, the answer, and the readings that a report carries (sections 6.3 and 6.6).

Reports are the test (30), the uniform period (31), the timed (32), the additional (33) and the hourly one (34). Each element becomes a
reading under its symbol in the standard. Bodies in several packets are refused by name. Pure; called by the dialect and by
node/ingest/decode.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from node.ingest.errors import DecodeError
from node.ingest.fields import READINGS_PER_MESSAGE_MAX, checked_time_us
from node.ingest.profiles import Profile
from node.ingest.sink import Reading
from node.ingest.sl651 import frame
from node.ingest.sl651.texts import text_values
from node.ingest.sl651.values import Values

HEARTBEAT = 0x2F
REPORTS = frozenset({0x30, 0x31, 0x32, 0x33, 0x34})
UPLOADS = frozenset({*REPORTS, 0x35, 0x36})
"""What stations send by themselves; 35 is set by hand, 36 a picture."""
_SERIAL_BYTES, _TIME_BYTES = 2, 6
_LEAST_BYTES = 25
"""A HEX frame of a header, serial number and time."""
_CHINA = timedelta(hours=8)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Packet:
    """One frame from a station, its header read."""

    encoding: frame.Encoding
    centre: int
    station: bytes
    """Five bytes of the address as they came."""
    password: bytes
    function: int
    serial: bytes
    sent: bytes
    """Six bytes of packed digits."""
    body: bytes
    """What follows the time of sending: bytes or text, as the encoding has it."""

    @property
    def device(self) -> str:
        """The station's address in ten digits; letters where it is not packed decimal."""
        return self.station.hex().upper()

    def answer(self, end: int) -> bytes:
        """The frame that says that the report is stored; `end` says whether the station may leave the line."""
        return frame.framed(
            self.encoding,
            station=self.station,
            centre=self.centre,
            password=self.password,
            function=self.function,
            body=self.serial + self.sent,
            end=end,
        )


def parse(data: bytes) -> Packet:
    """The packet of a frame whose check value is right; raises DecodeError."""
    encoding = frame.encoding_of(data)
    if encoding is None or len(data) < _LEAST_BYTES:
        raise DecodeError("not_a_packet", f"{len(data)} bytes are no frame with serial number and time")
    body_at, end_at = encoding.body_at, len(data) - encoding.check_bytes - 1
    try:
        head = encoding.read(data[len(encoding.start) : body_at - 1])
        begin_at = body_at + len(encoding.written(bytes(_SERIAL_BYTES + _TIME_BYTES)))
        begin = encoding.read(data[body_at:begin_at])
    except (ValueError, UnicodeDecodeError):
        raise DecodeError("not_a_packet", "the header of an ASCII frame is not hex digits") from None
    function = head[8]
    if head[9] & 0xF0:
        raise DecodeError("not_a_packet", "it goes down to a station, or its direction is not known")
    if data[body_at - 1] != frame.STX or data[end_at] not in (frame.ETX, frame.ETB):
        raise DecodeError("divided", f"function {function:02X} comes in several packets, which are not put together here")
    if begin_at > end_at:
        raise DecodeError("not_a_packet", "a body without serial number and time")
    serial, sent = begin[:_SERIAL_BYTES], begin[_SERIAL_BYTES:]
    return Packet(encoding, head[0], head[1:6], head[6:8], function, serial, sent, data[begin_at:end_at])


def decode_sl651(profile: Profile, topic: str, payload: bytes, received_us: int) -> list[Reading]:
    """The readings of a report; raises DecodeError. `received_us` is not used: a report has its own time."""
    packet = parse(payload)
    if packet.function not in REPORTS:
        raise DecodeError("sl651_function", f"function {packet.function:02X} carries no readings: its content is kept here")
    sent_us = time_us(packet.sent)
    is_text = packet.encoding is frame.ASCII
    found = text_values(packet.body, sent_us, time_us) if is_text else Values(sent_us, time_us).of(packet.body)
    readings = [
        Reading(when_us, profile.territory, profile.grade, packet.device, quantity, value, None, unit)
        for when_us, quantity, value, unit in _bounded(found)
    ]
    if not readings:
        raise DecodeError("no_value", f"function {packet.function:02X} carries no element")
    return readings


def _bounded(values: Iterator[tuple[int, str, float, str | None]]) -> Iterator[tuple[int, str, float, str | None]]:
    for number, value in enumerate(values):
        if number == READINGS_PER_MESSAGE_MAX:
            raise DecodeError("too_many_readings", f"more than {READINGS_PER_MESSAGE_MAX} values in a report")
        yield value


def time_us(packed: bytes) -> int:
    """A time in packed digits YYMMDDhhmm[ss] (China Standard Time) in microseconds since 1970 UTC; raises DecodeError."""
    digits = packed.hex()
    if not digits.isdigit():
        raise DecodeError("bad_time", f"{digits!r} are not packed decimal digits")
    try:
        moment = datetime.strptime(f"20{digits}".ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC) - _CHINA
    except ValueError:
        raise DecodeError("bad_time", f"{digits!r} is no day or no hour") from None
    return checked_time_us((moment - _EPOCH) // timedelta(microseconds=1))
