"""Bytes of an RTSP connection into messages and interleaved packets, with bounds checked before memory is spent. Pure.

Called by client.py, sdp.py and, for the other direction, by simulations/devices/rtsp_camera.py.
Source: RFC 2326, 4 (messages), 10.12 (interleaved data).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_ai.errors import SourceError
from edge_ai.reasons import reason

HEAD_BYTES_MAX = 16_384
BODY_BYTES_MAX = 262_144
"""A session description has about 1 KiB."""
DIGITS_MAX = 9
VERSION = "RTSP/1.0"
_DOLLAR = 0x24
_LINE_ENDS = b"\r\n"


@dataclass(frozen=True, slots=True)
class Interleaved:
    """One RTP or RTCP packet."""

    channel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response."""

    first: tuple[str, str, str]
    """The three words of the first line."""
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in order; a name may come twice."""
    body: bytes = b""

    @property
    def is_response(self) -> bool:
        """True for an answer, false for a request of the other side."""
        return self.first[0].startswith("RTSP/")

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.first[1])

    def header(self, name: str) -> str:
        """The first value of a header; empty when there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def all_of(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]


class RtspReader:
    """What arrived and is not whole yet."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Bytes from the connection, then ask `next_item` until it gives None."""
        self._buffer += data

    def next_item(self) -> Message | Interleaved | None:
        """The next whole message or packet; None when more bytes are needed. Raises SourceError for what is no RTSP."""
        buffer = self._buffer
        # Some cameras send line ends between messages.
        while buffer and buffer[0] in _LINE_ENDS:
            del buffer[:1]
        if not buffer:
            return None
        return self._packet() if buffer[0] == _DOLLAR else self._message()

    def _packet(self) -> Interleaved | None:
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        end = 4 + int.from_bytes(buffer[2:4], "big")
        if len(buffer) < end:
            return None
        packet = Interleaved(buffer[1], bytes(buffer[4:end]))
        del buffer[:end]
        return packet

    def _message(self) -> Message | None:
        buffer = self._buffer
        if not (65 <= buffer[0] <= 90):
            raise SourceError(reason("not-rtsp-byte", byte=f"{buffer[0]:#04x}"))
        at = buffer.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
        if at < 0:
            if len(buffer) >= HEAD_BYTES_MAX:
                raise SourceError(reason("head-too-large", most=HEAD_BYTES_MAX))
            return None
        head = _read_head(bytes(buffer[:at]))
        size = head.header("content-length") or "0"
        if not is_number(size) or int(size) > BODY_BYTES_MAX:
            raise SourceError(reason("body-too-large", bytes=size[:20], most=BODY_BYTES_MAX))
        end = at + 4 + int(size)
        if len(buffer) < end:
            return None
        message = Message(head.first, head.headers, bytes(buffer[at + 4 : end]))
        del buffer[:end]
        return message


def _read_head(head: bytes) -> Message:
    # A line end of one character alone must not reach an answer that quotes a header.
    lines = head.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or (words[0].startswith("RTSP/") and not (is_number(words[1]) and len(words[1]) == 3)):
        raise SourceError(reason("not-rtsp-line"))
    pairs = (line.partition(":") for line in lines[1:])
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs if name.strip())
    return Message((words[0], words[1], words[2] if len(words) > 2 else ""), headers)


def is_number(text: str) -> bool:
    """True for a few digits as RTSP writes numbers: `int` takes other scripts' for granted, and thousands of digits not at all."""
    return text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX


def encode_message(first: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """The bytes of a request or response; `first` is its first line."""
    given = dict(headers) | ({"Content-Length": str(len(body))} if body else {})
    assert not any("\r" in text or "\n" in text for pair in given.items() for text in (first, *pair))
    return "\r\n".join([first, *(f"{name}: {value}" for name, value in given.items()), "", ""]).encode() + body


def encode_packet(channel: int, data: bytes) -> bytes:
    """The bytes of an interleaved packet."""
    return b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + data
