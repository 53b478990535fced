"""The only place that draws from the operating system's randomness: keys, nonces, ids, incarnations."""

from __future__ import annotations

import secrets
from random import Random

INCARNATION_BITS = 63
"""Fits SQLite's signed integers."""


def new_incarnation() -> int:
    """A random incarnation: 63 bits, never 0."""
    return secrets.randbits(INCARNATION_BITS) | 1


def new_id(bytes_count: int = 8) -> str:
    """A random id as lower-case hex."""
    return secrets.token_hex(bytes_count)


def new_secret() -> str:
    """A random URL-safe secret of 256 bits."""
    return secrets.token_urlsafe(32)


def new_rng() -> Random:
    """A generator seeded by the operating system, for jitter; never for keys."""
    return Random(secrets.randbits(64))  # noqa: S311 - jitter, not keys


def new_serial() -> int:
    """A certificate serial number: 159 random bits, never 0 (RFC 5280 allows 20 bytes, the first bit 0)."""
    return secrets.randbits(159) | 1


def new_nonce() -> bytes:
    """16 random bytes that make a question unlike every other."""
    return secrets.token_bytes(16)
