"""Join tokens: `CA-hash::id.secret`. Owns their text and the proof that a child holds one; the store of issued tokens is admissions.py.

The secret never travels: the child sends an HMAC over everything it asks for, keyed by the secret's SHA-256, and the parent keeps
only that hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from node.identity.chance import new_id, new_secret
from node.identity.errors import JoinRefused, Refusal

_TOKEN = re.compile(r"([0-9a-f]{64})::([0-9a-f]{16})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class JoinToken:
    """A token as its holder has it."""

    ca_sha256: str
    """SHA-256 of the issuing CA's certificate (DER), 64 hex digits."""
    id: str
    secret: str

    def __str__(self) -> str:
        return f"{self.ca_sha256}::{self.id}.{self.secret}"

    def __repr__(self) -> str:
        return f"JoinToken({self.id})"

    @property
    def key(self) -> bytes:
        """What proofs are keyed with and what the parent stores: SHA-256 of the secret."""
        return hashlib.sha256(self.secret.encode()).digest()

    @classmethod
    def new(cls, ca_sha256: str) -> JoinToken:
        """A fresh token of the CA with this hash."""
        return cls(ca_sha256, new_id(8), new_secret())

    @classmethod
    def parse(cls, text: str) -> JoinToken:
        """The token written as `text`; raises JoinRefused(WRONG_TOKEN) without repeating the text, which is a secret."""
        match = _TOKEN.fullmatch(text.strip())
        if match is None:
            raise JoinRefused(Refusal.WRONG_TOKEN, "the text is not a token (CA-hash::id.secret): copy it whole from `yunnao token create`")
        return cls(*match.groups())


def prove(key: bytes, *parts: str) -> str:
    """HMAC-SHA256 over length-prefixed parts, hex: the proof of holding a token (RFC 2104)."""
    mac = hmac.new(key, b"yunnao-join-1", hashlib.sha256)
    for part in parts:
        raw = part.encode()
        mac.update(len(raw).to_bytes(4, "big") + raw)
    return mac.hexdigest()


def proof_holds(key: bytes, proof: str, *parts: str) -> bool:
    """True when `proof` is `prove(key, *parts)`; compares in constant time."""
    return hmac.compare_digest(prove(key, *parts).encode(), proof.encode())
