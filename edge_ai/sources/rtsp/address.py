"""Where a camera is, and apart from it who we are there. Pure. Called by edge_ai/sources/opening.py and client.py.

A password is taken out of the address at once: what is shown, logged or sent as an address has none.
Source: RFC 2326 3.2, RFC 3986 3.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from edge_ai.errors import SourceError
from edge_ai.reasons import reason

PORT = 554
ADDRESS_CHARACTERS_MAX = 2_048
_BLOTTED = re.compile(r"(?i)((?:pass\w*?|pwd|token|secret|auth\w*?)[=:_])[^&_/?;]*")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are at the camera."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Address:
    """A camera's stream."""

    host: str
    port: int
    url: str = field(repr=False)
    """For requests; without user and password, though some makers hide a password in the path."""

    @property
    def shown(self) -> str:
        """For people: host, port and path, with what looks like a secret blotted out."""
        return _BLOTTED.sub(r"\1***", self.url.removeprefix("rtsp://"))


def read_address(text: str) -> tuple[Address, Credentials | None]:
    """Take `rtsp://[user[:password]@]host[:port]/path` apart; raises SourceError, which shows nothing of it."""
    if len(text) > ADDRESS_CHARACTERS_MAX or any(ord(character) <= 32 or ord(character) == 127 for character in text):
        raise SourceError(reason("address-bad"))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port or PORT
        # As whoever looks the name up will: what cannot be a name there is none here (UnicodeError is a ValueError).
        (host or "").encode("idna")
    except ValueError:
        host, port, parts = None, PORT, urlsplit("")
    if parts.scheme.lower() != "rtsp" or not host:
        raise SourceError(reason("address-not-rtsp"))
    place = f"[{host}]" if ":" in host else host
    url = f"rtsp://{place}:{port}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    return Address(host, port, url), _credentials(parts)


def _credentials(parts: SplitResult) -> Credentials | None:
    if parts.username is None:
        return None
    return Credentials(unquote(parts.username), unquote(parts.password or ""))
