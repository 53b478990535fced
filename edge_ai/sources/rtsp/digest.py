"""Answers to a camera's challenge: Digest with SHA-256 or MD5, Basic where nothing better is offered. Pure. Called by client.py.

Sources: RFC 7616 (Digest, both hashes), RFC 2617 (Digest without qop), RFC 7617 (Basic), RFC 2326 D.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from edge_ai.errors import SourceError
from edge_ai.reasons import reason
from edge_ai.sources.rtsp.address import Credentials

_PAIR = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_NONCE_BITS = 64


def _md5(text: str) -> str:
    # Older cameras know nothing else; it proves that we know the password and protects nothing more.
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_HASHES: dict[str, Callable[[str], str]] = {"SHA-256": _sha256, "MD5": _md5}
"""Best first."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the camera asks."""

    scheme: str
    """digest or basic."""
    realm: str
    nonce: str
    algorithm: str
    """SHA-256 or MD5."""
    is_session: bool
    """True for the -sess variants."""
    has_qop: bool
    opaque: str | None
    is_stale: bool
    """True when the answer was right and only its nonce too old."""


def read_challenge(headers: Sequence[str]) -> Challenge:
    """The best of the camera's challenges that can be answered; raises SourceError when there is none."""
    challenges = [challenge for header in headers if (challenge := _challenge(header)) is not None]
    ranked = ("digest SHA-256", "digest MD5", "basic ")
    if not challenges:
        raise SourceError(reason("unknown-login"))
    return min(challenges, key=lambda challenge: ranked.index(f"{challenge.scheme} {challenge.algorithm}"))


def _challenge(header: str) -> Challenge | None:
    scheme, _, rest = header.strip().partition(" ")
    values = {name.lower(): (quoted or bare) for name, quoted, bare in _PAIR.findall(rest)}
    if scheme.lower() == "basic":
        return Challenge("basic", values.get("realm", ""), "", "", False, False, None, False)
    algorithm = values.get("algorithm", "MD5").upper()
    qops = [word.strip().lower() for word in values.get("qop", "").split(",") if word.strip()]
    is_known = algorithm.removesuffix("-SESS") in _HASHES and (not qops or "auth" in qops)
    if scheme.lower() != "digest" or not is_known or "nonce" not in values:
        return None
    return Challenge(
        "digest", values.get("realm", ""), values["nonce"], algorithm.removesuffix("-SESS"), algorithm.endswith("-SESS"), "auth" in qops,
        values.get("opaque"), values.get("stale", "").lower() == "true",
    )  # fmt: skip


class Login:
    """The answers to one challenge; counts them, as the nonce demands."""

    def __init__(self, credentials: Credentials, challenge: Challenge, rng: Random) -> None:
        self._credentials = credentials
        self._challenge = challenge
        self._rng = rng
        self._count = 0

    def header(self, method: str, url: str) -> str:
        """The value of Authorization for a request."""
        who, asked = self._credentials, self._challenge
        if asked.scheme == "basic":
            return "Basic " + base64.b64encode(f"{who.user}:{who.password}".encode()).decode()
        self._count += 1
        cnonce = f"{self._rng.getrandbits(_NONCE_BITS):016x}"
        response = self._response(method, url, cnonce)
        words = [f'username="{_quoted(who.user)}"', f'realm="{asked.realm}"', f'nonce="{asked.nonce}"', f'uri="{url}"']
        words += [f'response="{response}"', f"algorithm={asked.algorithm}{'-sess' if asked.is_session else ''}"]
        if asked.has_qop or asked.is_session:
            words.append(f'cnonce="{cnonce}"')
        if asked.has_qop:
            words += ["qop=auth", f"nc={self._count:08x}"]
        if asked.opaque is not None:
            words.append(f'opaque="{asked.opaque}"')
        return "Digest " + ", ".join(words)

    def _response(self, method: str, url: str, cnonce: str) -> str:
        who, asked = self._credentials, self._challenge
        hashed = _HASHES[asked.algorithm]
        secret = hashed(f"{who.user}:{asked.realm}:{who.password}")
        if asked.is_session:
            secret = hashed(f"{secret}:{asked.nonce}:{cnonce}")
        request = hashed(f"{method}:{url}")
        if asked.has_qop:
            return hashed(f"{secret}:{asked.nonce}:{self._count:08x}:{cnonce}:auth:{request}")
        return hashed(f"{secret}:{asked.nonce}:{request}")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
