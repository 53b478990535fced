"""Requests and replies of the loopback pages: what HTTP/1.1 needs for them and nothing more. Pure.

Owns the bounds of a request and who may ask: a browser reaches a loopback port on behalf of any web page, so the name in Host must be this
machine's (DNS rebinding), the path begins with a token that no page can guess, and what changes something comes as JSON of the same origin.
Refuses everything else with a status and a line. Called by server.py.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

HEAD_BYTES_MAX = 16_384
HEADERS_MAX = 100
BODY_BYTES_MAX = 65_536
HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Names under which a browser reaches this machine; any port, because an SSH tunnel may begin at another one."""
JSON = "application/json"
_REASONS = {
    200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    411: "Length Required", 413: "Content Too Large", 415: "Unsupported Media Type", 503: "Service Unavailable",
}  # fmt: skip


class RequestRefused(Exception):
    """A request that gets a status and a line instead of an answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True, slots=True)
class Request:
    """A request that may be answered."""

    method: str
    """GET or POST."""
    path: str
    """Behind the token, without a leading slash."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a browser gets."""

    kind: str
    """Content-Type."""
    body: bytes | AsyncIterator[bytes]
    """Whole, or parts of a stream that goes on until either side ends it."""
    policy: str = "default-src 'none'"
    """Content-Security-Policy."""
    status: int = 200


@dataclass(frozen=True, slots=True)
class Head:
    """The first line and the headers of a request."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in small letters."""

    @property
    def body_bytes(self) -> int:
        """How long the body is. Raises RequestRefused."""
        if self.method == "GET":
            return 0
        length = self.headers.get("content-length", "")
        if "transfer-encoding" in self.headers or not (length.isascii() and length.isdigit()) or len(length) > 9:
            raise RequestRefused(411, "say how long the body is with Content-Length")
        if int(length) > BODY_BYTES_MAX:
            raise RequestRefused(413, f"a body of {length} bytes: at most {BODY_BYTES_MAX}")
        return int(length)


def parse_head(data: bytes) -> Head:
    """The head of a request, up to its empty line. Raises RequestRefused."""
    lines = data.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise RequestRefused(400, "this is no HTTP/1.1")
    fields = [line for line in lines[1:] if line]
    if len(fields) > HEADERS_MAX:
        raise RequestRefused(400, f"over {HEADERS_MAX} headers")
    headers: dict[str, str] = {}
    for line in fields:
        name, colon, value = line.partition(":")
        key = name.lower()
        if not colon or not key or key != key.strip() or (key in headers and key in ("host", "content-length", "origin")):
            raise RequestRefused(400, "a header does not parse, or came twice")
        headers[key] = value.strip()
    return Head(words[0], words[1], headers)


def admitted(head: Head, token: str) -> str:
    """The path behind the token, of a request that may be answered. Raises RequestRefused."""
    host = head.headers.get("host", "")
    if _name_of(host) not in HOSTS:
        raise RequestRefused(403, "ask by 127.0.0.1 or localhost: no other name is this machine's")
    first, _, path = urlsplit("//x" + head.target if head.target.startswith("/") else head.target).path[1:].partition("/")
    if not hmac.compare_digest(first.encode(), token.encode()):
        raise RequestRefused(404, "nothing is here: use the whole address that the command printed")
    if head.method not in ("GET", "POST"):
        raise RequestRefused(405, "GET and POST are known")
    if head.method == "POST":
        _check_origin(head, host)
    return path


def _check_origin(head: Head, host: str) -> None:
    if head.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise RequestRefused(415, f"only {JSON} is read")
    origin = head.headers.get("origin")
    if (origin is not None and origin != f"http://{host}") or head.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise RequestRefused(403, "this came from another page")


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()


def reply_head(reply: Reply, *, length: int | None) -> bytes:
    """Status and headers; `length` is None for a stream. One reply a connection."""
    lines = [
        f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Error')}",
        f"Content-Type: {reply.kind}",
        f"Content-Security-Policy: {reply.policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Cache-Control: no-store",
        "Connection: close",
        "Cross-Origin-Opener-Policy: same-origin",
        "Cross-Origin-Resource-Policy: same-origin",
        "Referrer-Policy: no-referrer",
        "X-Content-Type-Options: nosniff",
        "X-Frame-Options: DENY",
    ]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def refusal(error: RequestRefused) -> Reply:
    """What a refused request gets: its reason as plain text."""
    return Reply("text/plain; charset=utf-8", f"{error.why}\n".encode(), status=error.status)
