"""Private keys: how they are made, and how they lie on disk (PKCS #8 PEM, mode 0600). Refuses key files that others may read.

The generators inside the cryptography library draw from the operating system themselves; serial numbers come from chance.py.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.identity.errors import KeyFileError

PRIVATE_MODE = 0o600
FOLDER_MODE = 0o700


def new_tls_key() -> ec.EllipticCurvePrivateKey:
    """An ECDSA P-256 key for a CA or a TLS leaf: the one curve every TLS stack accepts in certificates."""
    return ec.generate_private_key(ec.SECP256R1())


def new_manifest_key() -> Ed25519PrivateKey:
    """An Ed25519 key for manifests (RFC 8032)."""
    return Ed25519PrivateKey.generate()


def public_bytes(key: Ed25519PublicKey) -> bytes:
    """The 32 raw bytes of a manifest key's public half."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def write_private(path: Path, key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> None:
    """Write a new key file; raises KeyFileError when there is one, because overwriting a key loses an identity."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    except FileExistsError:
        raise KeyFileError(f"key file {path} exists already: remove it by hand if this identity is to be replaced") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def read_tls_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The ECDSA key at `path`; raises KeyFileError."""
    key = _read(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyFileError(f"key file {path} refused: it holds no ECDSA key; restore it from a backup or join again")
    return key


def read_manifest_key(path: Path) -> Ed25519PrivateKey:
    """The Ed25519 key at `path`; raises KeyFileError."""
    key = _read(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"key file {path} refused: it holds no Ed25519 key; restore it from a backup or join again")
    return key


def _read(path: Path) -> object:
    try:
        mode = path.stat().st_mode & 0o777
        pem = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"key file {path} cannot be read ({error.strerror}): run `yunnao init`, or restore it") from error
    if mode & 0o077:
        raise KeyFileError(f"key file {path} has mode {mode:04o}, so others may read it: run `chmod 600 {path}`")
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"key file {path} is no private key ({error}): restore it from a backup or join again") from error
