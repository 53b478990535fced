"""Digest answers to a platform's challenge (RFC 2617, as GB/T 28181-2016 section 9.1 asks; SHA-256 of RFC 7616 for the 2022 edition). Pure.

Called by dialogue.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from node.gb28181.errors import SipError
from node.gb28181.sip import parameters

COUNT = "00000001"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_HASHES: Mapping[str, Callable[[str], str]] = {"MD5": _md5, "SHA-256": _sha256}


def authorization(challenge: str, *, method: str, uri: str, user: str, password: str, cnonce: str) -> str:
    """The Authorization header for a WWW-Authenticate. Raises SipError for a challenge that cannot be answered."""
    if not challenge.lower().startswith("digest"):
        raise SipError(f"challenge {challenge[:20]!r} refused: only Digest is answered")
    asked = parameters(challenge)
    algorithm = asked.get("algorithm", "MD5").upper()
    found = _HASHES.get(algorithm)
    if found is None or "nonce" not in asked:
        raise SipError(f"challenge with algorithm {algorithm[:20]!r} refused: known are {', '.join(_HASHES)}")
    realm, nonce = asked.get("realm", ""), asked["nonce"]
    has_qop = "auth" in [word.strip() for word in asked.get("qop", "").split(",")]
    secret, what = found(f"{user}:{realm}:{password}"), found(f"{method}:{uri}")
    proof = found(f"{secret}:{nonce}:{COUNT}:{cnonce}:auth:{what}" if has_qop else f"{secret}:{nonce}:{what}")
    parts = [f'username="{user}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"', f'response="{proof}"', f"algorithm={algorithm}"]
    if has_qop:
        parts += ["qop=auth", f"nc={COUNT}", f'cnonce="{cnonce}"']
    if "opaque" in asked:
        parts.append(f'opaque="{asked["opaque"]}"')
    return "Digest " + ", ".join(parts)
