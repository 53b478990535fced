"""The encryption of a parcel's body: chunks under AES-256-GCM, to one certified key.

Owns: the key agreement, the nonces, the chunk size. Refuses bodies whose chunks were changed, reordered, dropped or cut. Called by
parcel.py and writer.py. The key comes from an ephemeral P-256 key and the target's certified one (ECDH, NIST SP 800-56A) by HKDF-SHA256
(RFC 5869), bound to the parcel's header. Nonces are a counter and a flag on the last chunk: STREAM (Hoang, Reyhanitabar, Rogaway, Vizar:
Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, CRYPTO 2015).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CHUNK_BYTES = 1 << 20
"""Plain bytes of every chunk but the last."""
TAG_BYTES = 16
POINT_BYTES = 65
"""An uncompressed point of P-256."""
CHUNKS_MAX = 1 << 31
_LABEL = b"yunnao-parcel-1"


class BodyDamaged(ValueError):
    """A chunk does not decrypt: changed, out of order, or for another key."""


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """The uncompressed point of a P-256 key."""
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def sealing_key(ephemeral: ec.EllipticCurvePrivateKey, target: ec.EllipticCurvePublicKey, header_sha256: bytes) -> bytes:
    """The sender's 32-byte content key for a body behind the header of this hash."""
    return _derived(ephemeral.exchange(ec.ECDH(), target), header_sha256)


def opening_key(own: ec.EllipticCurvePrivateKey, ephemeral_point: bytes, header_sha256: bytes) -> bytes:
    """The target's copy of the content key; raises ValueError when the point is none of the curve."""
    ephemeral = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ephemeral_point)
    return _derived(own.exchange(ec.ECDH(), ephemeral), header_sha256)


class ChunkWriter:
    """Encrypts what is written into it; `close` writes the last chunk."""

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        self._file = file
        self._cipher = AESGCM(key)
        self._waiting = bytearray()
        self._count = 0
        self.size = 0
        """Encrypted bytes written, without what still waits for its chunk to fill."""

    def write(self, data: bytes) -> None:
        """Add plain bytes."""
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:
            self._put(bytes(self._waiting[:CHUNK_BYTES]), is_last=False)
            del self._waiting[:CHUNK_BYTES]

    def close(self) -> None:
        """Write the rest as the last chunk; nothing may be written after it."""
        self._put(bytes(self._waiting), is_last=True)
        self._waiting.clear()

    def _put(self, plain: bytes, *, is_last: bool) -> None:
        assert self._count < CHUNKS_MAX, "a body of more chunks than there are nonces"
        sealed = self._cipher.encrypt(_nonce(self._count, is_last=is_last), plain, None)
        self._file.write(sealed)
        self._count += 1
        self.size += len(sealed)


def read_chunks(file: BinaryIO, key: bytes, body_bytes: int) -> Iterator[bytes]:
    """The plain chunks of the `body_bytes` that `file` stands before; raises BodyDamaged."""
    cipher, count, left = AESGCM(key), 0, body_bytes
    while left > 0:
        size = min(left, CHUNK_BYTES + TAG_BYTES)
        left -= size
        try:
            yield cipher.decrypt(_nonce(count, is_last=not left), file.read(size), None)
        except (InvalidTag, ValueError):
            raise BodyDamaged(f"chunk {count} does not decrypt") from None
        count += 1


def _nonce(count: int, *, is_last: bool) -> bytes:
    return count.to_bytes(11, "big") + (b"\x01" if is_last else b"\x00")


def _derived(shared: bytes, header_sha256: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=_LABEL + header_sha256).derive(shared)
