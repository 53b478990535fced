"""Frames of HJ 212-2017 (section 6.2): `##`, four digits of length, the data segment, its CRC in four hex digits, CR LF.

Cuts data segments out of a stream and makes frames to answer with. What is no frame is passed over up to the next `##` and counted; the
buffer holds at most one frame. Pure; called by the door.
"""

from __future__ import annotations

from collections.abc import Iterator

SEGMENT_BYTES_MAX = 9_999
"""What four digits of length can say; the standard's own bound of 1,024 is exceeded by devices in the field."""
_HEAD, _LENGTH_END, _CRC_BYTES, _END = b"##", 6, 4, b"\r\n"


def _register_after(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


_TABLE = tuple(_register_after(value) for value in range(256))


def crc16(segment: bytes) -> int:
    """The check value of a data segment (HJ 212-2017, appendix A). It is not the CRC of Modbus: the register moves before each byte."""
    register = 0xFFFF
    for byte in segment:
        register = _TABLE[(register >> 8) ^ byte]
    return register


def framed(segment: bytes) -> bytes:
    """The frame of a data segment of at most SEGMENT_BYTES_MAX bytes."""
    return b"##%04d%s%04X\r\n" % (len(segment), segment, crc16(segment))


class Framer:
    """One stream's bytes, cut into data segments."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.passed_over = 0
        """Bytes that belonged to no frame, line ends between frames apart."""
        self.damaged = 0
        """Frames whose check value was wrong."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The data segments that are whole with `data`, in order; take all before the next call."""
        self._buffer += data
        while self._find_head() and (length := self._length()) is not None:
            end = _LENGTH_END + length + _CRC_BYTES
            if len(self._buffer) < end + len(_END):
                return
            segment, check = bytes(self._buffer[_LENGTH_END : end - _CRC_BYTES]), bytes(self._buffer[end - _CRC_BYTES : end])
            if self._buffer[end : end + len(_END)] != _END:
                self._pass_over(1)
                continue
            del self._buffer[: end + len(_END)]
            if check.upper() == b"%04X" % crc16(segment):
                yield segment
            else:
                self.damaged += 1

    def _find_head(self) -> bool:
        """Begin the buffer with a head, as far as one is there."""
        at = self._buffer.find(_HEAD)
        if at < 0:
            # The last byte may be the first half of a head.
            at = len(self._buffer) - self._buffer.endswith(_HEAD[:1])
        if bytes(self._buffer[:at]).strip():
            self._pass_over(at)
        else:
            del self._buffer[:at]
        return len(self._buffer) >= _LENGTH_END

    def _length(self) -> int | None:
        """The length that the head names; None when no frame begins in the buffer any more."""
        while not (digits := bytes(self._buffer[len(_HEAD) : _LENGTH_END])).isdigit():
            self._pass_over(1)
            if not self._find_head():
                return None
        return int(digits)

    def _pass_over(self, count: int) -> None:
        del self._buffer[:count]
        self.passed_over += count
