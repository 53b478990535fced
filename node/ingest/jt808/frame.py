"""Frames of JT/T 808 (section 4.4): 0x7e, the escaped message and its check byte, 0x7e.

Cuts messages out of a stream and makes frames to answer with. What is no frame is passed over up to the next 0x7e and counted; the buffer
holds at most one frame. Pure; called by the dialect.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import xor

MARK, ESCAPE = 0x7E, 0x7D
MESSAGE_BYTES_MIN = 12
"""A header of 2013 without a body."""
FRAME_BYTES_MAX = 2 * (1_023 + 21 + 1)
"""A body as long as ten bits can say, the longest header and the check byte, each byte escaped."""
_ESCAPED = {0x01: ESCAPE, 0x02: MARK}


def framed(message: bytes) -> bytes:
    """The frame of a message."""
    checked = message + bytes([reduce(xor, message, 0)])
    escaped = checked.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")
    return b"\x7e" + escaped + b"\x7e"


def unframed(escaped: bytes) -> bytes | None:
    """The message between two marks; None when an escape or the check byte is wrong, or it is too short."""
    message, at = bytearray(), 0
    while at < len(escaped):
        if escaped[at] == ESCAPE:
            at += 1
            if at == len(escaped) or escaped[at] not in _ESCAPED:
                return None
            message.append(_ESCAPED[escaped[at]])
        else:
            message.append(escaped[at])
        at += 1
    return bytes(message[:-1]) if len(message) > MESSAGE_BYTES_MIN and not reduce(xor, message) else None


class Framer:
    """One stream's bytes, cut into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.passed_over = 0
        """Bytes that belonged to no frame."""
        self.damaged = 0
        """Frames whose check byte or escapes were wrong."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are whole with `data`, in order; take all before the next call."""
        self._buffer += data
        while (escaped := self._between_marks()) is not None:
            message = unframed(escaped)
            if message is None:
                self.damaged += 1
            else:
                yield message

    def _between_marks(self) -> bytes | None:
        """What stands between the next two marks; None when it is not whole."""
        while True:
            self._pass_over(self._start())
            end = self._buffer.find(MARK, 1)
            if end < 0:
                if len(self._buffer) > FRAME_BYTES_MAX:
                    self._pass_over(len(self._buffer))
                return None
            escaped = bytes(self._buffer[1:end])
            if not escaped:
                # Two marks side by side: the first ended a frame.
                del self._buffer[:1]
                continue
            del self._buffer[: end + 1]
            return escaped

    def _start(self) -> int:
        at = self._buffer.find(MARK)
        return at if at >= 0 else len(self._buffer)

    def _pass_over(self, count: int) -> None:
        del self._buffer[:count]
        self.passed_over += count
