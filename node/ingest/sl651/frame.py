"""Frames of SL 651-2014 in its two encodings, HEX/BCD and ASCII (section 6.2): a start, the header, the body, an end byte, CRC.

Cuts frames out of a stream and makes frames to answer with. What is no frame is passed over up to the next start and counted; the buffer
holds at most one frame. Pure; called by the dialect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

START, ASCII_START = b"\x7e\x7e", b"\x01"
STX, SYN, ETX, ETB, EOT, ESC = 0x02, 0x16, 0x03, 0x17, 0x04, 0x1B
"""Begin of a body, of a body in packets; end of a frame, of a frame that more follow; end of talk: may leave the line, stays on it."""
_STARTS = re.compile(re.escape(START) + b"|" + re.escape(ASCII_START))
_LENGTH_BITS, _DOWN_BIT = 0x0FFF, 0x8000


@dataclass(frozen=True, slots=True)
class Encoding:
    """Where things stand in a frame, and how its numbers are written."""

    start: bytes
    length_at: int
    length_bytes: int
    body_at: int
    """First byte of the body; the byte before it says how the body begins."""
    check_bytes: int
    written: Callable[[bytes], bytes]
    """Bytes as they stand in a frame of this encoding."""
    read: Callable[[bytes], bytes]
    """The bytes of what stands in a frame; raises ValueError."""


def _unhexed(written: bytes) -> bytes:
    return bytes.fromhex(written.decode("ascii"))


HEX = Encoding(START, 11, 2, 14, 2, bytes, bytes)
ASCII = Encoding(ASCII_START, 19, 4, 24, 4, lambda data: data.hex().upper().encode(), _unhexed)


def _register_after(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


_TABLE = tuple(_register_after(value) for value in range(256))


def crc16(data: bytes) -> int:
    """The check value of all bytes before it: CRC-16 as Modbus has it."""
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ _TABLE[(register ^ byte) & 0xFF]
    return register


def encoding_of(frame: bytes) -> Encoding | None:
    """The encoding of what begins like a frame; None when it does not."""
    return next((encoding for encoding in (HEX, ASCII) if frame.startswith(encoding.start)), None)


def framed(encoding: Encoding, *, station: bytes, centre: int, password: bytes, function: int, body: bytes, end: int) -> bytes:
    """A frame from the centre to a station."""
    length = len(encoding.written(body))
    head = station + bytes([centre]) + password + bytes([function]) + (_DOWN_BIT | length).to_bytes(2, "big")
    frame = encoding.start + encoding.written(head) + bytes([STX]) + encoding.written(body) + bytes([end])
    return frame + encoding.written(crc16(frame).to_bytes(2, "big"))


def _is_whole(encoding: Encoding, frame: bytes) -> bool:
    """True when the check value at the end of a frame is that of what is before it."""
    at = len(frame) - encoding.check_bytes
    try:
        return encoding.read(frame[at:]) == crc16(frame[:at]).to_bytes(2, "big")
    except ValueError:
        return False


class Framer:
    """One stream's bytes, cut into frames whose check value is right."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.passed_over = 0
        """Bytes that belonged to no frame."""
        self.damaged = 0
        """Frames whose check value was wrong."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are whole with `data`, in order; take all before the next call."""
        self._buffer += data
        while (encoding := self._find_start()) is not None:
            size = self._size(encoding)
            if size is None:
                self._pass_over(1)
                continue
            if len(self._buffer) < size:
                return
            frame = bytes(self._buffer[:size])
            if _is_whole(encoding, frame):
                del self._buffer[:size]
                yield frame
            else:
                # The length may be what is damaged: the next start is looked for behind this one.
                self.damaged += 1
                self._pass_over(len(encoding.start))

    def _size(self, encoding: Encoding) -> int | None:
        """Bytes of the frame that the buffer begins with, by its header; None when it is no header."""
        if self._buffer[encoding.body_at - 1] not in (STX, SYN):
            return None
        try:
            length = encoding.read(bytes(self._buffer[encoding.length_at : encoding.length_at + encoding.length_bytes]))
        except ValueError:
            return None
        return encoding.body_at + (int.from_bytes(length, "big") & _LENGTH_BITS) + 1 + encoding.check_bytes

    def _find_start(self) -> Encoding | None:
        """Begin the buffer with a start; None while the header behind it is not whole."""
        found = _STARTS.search(self._buffer)
        if found is None:
            self._pass_over(len(self._buffer) - self._buffer.endswith(START[:1]))
            return None
        # The match looks into the buffer: it is asked before the buffer is cut.
        encoding, at = ASCII if found[0] == ASCII_START else HEX, found.start()
        self._pass_over(at)
        return encoding if len(self._buffer) >= encoding.body_at else None

    def _pass_over(self, count: int) -> None:
        del self._buffer[:count]
        self.passed_over += count
