"""SIP messages as values, from bytes and to bytes: the part of RFC 3261 that a GB/T 28181 device needs. Pure.

Owns the bounds: bytes of a message and of its body, number and length of headers. Refuses what it cannot read whole; unknown headers and
methods are kept as they came, because answers must repeat some of them. Called by dialogue.py and client.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from node.gb28181.errors import SipError

MESSAGE_BYTES_MAX = 65_507
"""One UDP datagram."""
HEADERS_MAX = 64
LINE_BYTES_MAX = 4_096
VERSION = "SIP/2.0"
_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type"}
"""Short names of headers, RFC 3261 section 7.3.3."""
_METHOD = re.compile(r"[A-Z]{1,16}")
_PARAMETER = re.compile(r'\s*([A-Za-z0-9_.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*))')

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer."""

    headers: tuple[Header, ...]
    """Names in lower case, in the order in which they came."""
    body: bytes = b""
    method: str = ""
    """Empty in an answer."""
    uri: str = ""
    status: int = 0
    """0 in a request."""
    reason: str = field(default="", compare=False)

    @property
    def is_request(self) -> bool:
        """True for a request."""
        return bool(self.method)

    def get(self, name: str) -> str:
        """The first value of a header, empty when there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method that an answer belongs to. Raises SipError."""
        number, _, method = self.get("cseq").partition(" ")
        if not (number.isascii() and number.isdigit() and len(number) <= 10 and method.strip()):
            raise SipError(f"CSeq {self.get('cseq')[:40]!r} refused: a number and a method")
        return int(number), method.strip()

    @property
    def branch(self) -> str:
        """The transaction of the topmost Via."""
        return parameters(self.get("via")).get("branch", "")


def parse(data: bytes) -> Message:
    """The message in `data`, which holds one and nothing else. Raises SipError."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise SipError(f"message of {len(data)} bytes refused: at most {MESSAGE_BYTES_MAX}")
    head, gap, body = data.partition(b"\r\n\r\n")
    if not gap:
        raise SipError("message refused: its headers do not end")
    headers, first = read_head(head)
    length = content_length(headers)
    if length is not None and length > len(body):
        raise SipError(f"message refused: {len(body)} bytes of a body of {length}")
    return _message(first, headers, body if length is None else body[:length])


def read_head(head: bytes) -> tuple[tuple[Header, ...], str]:
    """Headers and first line of a message. Raises SipError."""
    lines = head.split(b"\r\n")
    if len(lines) > HEADERS_MAX + 1 or any(len(line) > LINE_BYTES_MAX for line in lines):
        raise SipError(f"message refused: more than {HEADERS_MAX} headers, or one over {LINE_BYTES_MAX} bytes")
    try:
        words = [line.decode("utf-8") for line in lines]
    except UnicodeDecodeError:
        words = [line.decode("gb18030", "replace") for line in lines]
    return tuple(_header(line) for line in words[1:]), words[0]


def content_length(headers: Iterable[Header]) -> int | None:
    """What the header says; None without one. Raises SipError."""
    value = next((value for key, value in headers if key == "content-length"), None)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 6 and int(value) <= MESSAGE_BYTES_MAX):
        raise SipError(f"Content-Length {value[:20]!r} refused: 0 to {MESSAGE_BYTES_MAX}")
    return int(value)


def _header(line: str) -> Header:
    name, colon, value = line.partition(":")
    key = name.strip().lower()
    if not colon or not key or not key.isascii() or " " in key:
        raise SipError(f"header {line[:40]!r} refused: no name")
    if any(char < " " and char != "\t" for char in value):
        raise SipError(f"header {key[:40]!r} refused: control characters")
    return _COMPACT.get(key, key), value.strip()


def _message(first: str, headers: tuple[Header, ...], body: bytes) -> Message:
    parts = first.split(" ", 2)
    if parts[0] == VERSION and len(parts) >= 2:
        if not (parts[1].isascii() and parts[1].isdigit() and 100 <= int(parts[1]) <= 699):
            raise SipError(f"status {parts[1][:10]!r} refused: 100 to 699")
        return Message(headers, body, status=int(parts[1]), reason=parts[2] if len(parts) > 2 else "")
    if len(parts) != 3 or parts[2] != VERSION or not _METHOD.fullmatch(parts[0]) or not parts[1]:
        raise SipError(f"first line {first[:60]!r} refused: neither a request nor an answer of {VERSION}")
    return Message(headers, body, method=parts[0], uri=parts[1])


def write(message: Message) -> bytes:
    """The bytes of a message; Content-Length is counted here. Raises SipError for a header that would end its line."""
    first = f"{message.method} {message.uri} {VERSION}" if message.is_request else f"{VERSION} {message.status} {message.reason}"
    lines = [first]
    for name, value in message.headers:
        if name != "content-length":
            lines.append(f"{_written(name)}: {value}")
    lines.append(f"Content-Length: {len(message.body)}")
    if any("\r" in line or "\n" in line for line in lines):
        raise SipError("message refused: a header holds the end of a line")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + message.body


def _written(name: str) -> str:
    special = {"call-id": "Call-ID", "cseq": "CSeq", "www-authenticate": "WWW-Authenticate"}
    return special.get(name) or "-".join(part.capitalize() for part in name.split("-"))


def answer_to(request: Message, status: int, reason: str, *, tag: str, extra: Iterable[Header] = (), body: bytes = b"") -> Message:
    """The answer to a request: its Via, From, Call-ID and CSeq repeated, its To with our tag (RFC 3261 section 8.2.6)."""
    to = request.get("to")
    to = to if ";tag=" in to else f"{to};tag={tag}"
    headers = [("via", via) for via in request.all("via")]
    headers += [("from", request.get("from")), ("to", to), ("call-id", request.get("call-id")), ("cseq", request.get("cseq")), *extra]
    return Message(tuple(headers), body, status=status, reason=reason)


def parameters(value: str) -> dict[str, str]:
    """The `name=value` pairs of a header, quoted or not, names in lower case."""
    return {name.lower(): (quoted or plain) for name, quoted, plain in _PARAMETER.findall(value[:LINE_BYTES_MAX])}
