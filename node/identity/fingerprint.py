"""The short form of a node's CA key that two people compare on two screens before one accepts the other."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

FINGERPRINT_DIGITS = 32
"""Hex digits kept: 128 bits, so that nobody finds a second key with the same print."""


def fingerprint(holder: x509.CertificateSigningRequest | x509.Certificate) -> str:
    """SHA-256 of the public key, cut to 32 hex digits in groups of four: `ab12-cd34-...`."""
    der = holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digits = hashlib.sha256(der).hexdigest()[:FINGERPRINT_DIGITS]
    return "-".join(digits[start : start + 4] for start in range(0, FINGERPRINT_DIGITS, 4))
