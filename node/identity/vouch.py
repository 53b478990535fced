"""Signs this node's manifests and checks those of nodes whose key is known (sync.ports.Vouch).

A key becomes known when a chain that carries it was verified: the parent's at join, a child's when its link opens. A manifest of a
node whose key is not known here (an origin far below) cannot be checked; it is carried unchanged, and `knows` lets the caller tell
"not checkable" from "false".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.identity.verify import PeerIdentity
from sync.model import Manifest, signed_bytes

KEYS_PER_NODE_MAX = 4
"""Manifest keys remembered per node: the present one and those rotated out, newest last."""
KEYS_READ_MAX = 1_024
"""Keys whose read form is remembered, of all peers together."""


class KeyDirectory:
    """Manifest keys by node, learned from verified chains."""

    def __init__(self, keys: Mapping[str, tuple[bytes, ...]] | None = None) -> None:
        self._keys: dict[str, tuple[bytes, ...]] = dict(keys or {})

    def learn(self, peer: PeerIdentity) -> bool:
        """Remember the key of a verified peer; True when it is new."""
        return self.learn_key(peer.node, peer.manifest_key)

    def learn_key(self, node: str, key: bytes) -> bool:
        """Remember the raw Ed25519 public `key` of `node`; True when it is new."""
        held = self._keys.get(node, ())
        if key in held:
            return False
        self._keys[node] = (*held, key)[-KEYS_PER_NODE_MAX:]
        return True

    def keys_of(self, node: str) -> tuple[bytes, ...]:
        """The known keys of `node`, newest last; empty when none is known."""
        return self._keys.get(node, ())


class ManifestVouch:
    """sync.ports.Vouch over an Ed25519 key and a directory of known keys."""

    def __init__(self, node: str, key: Ed25519PrivateKey, directory: KeyDirectory) -> None:
        self._node = node
        self._key = key
        self._directory = directory

    @property
    def issuer(self) -> str:
        """The node that signs."""
        return self._node

    @property
    def directory(self) -> KeyDirectory:
        """Where newly verified peers are to be learned."""
        return self._directory

    def sign(self, header_sha256: bytes, inputs: tuple[bytes, ...]) -> Manifest:
        """A manifest of this node over a header."""
        return Manifest(self._node, header_sha256, inputs, self._key.sign(signed_bytes(self._node, header_sha256, inputs)))

    def knows(self, issuer: str) -> bool:
        """True when at least one key of `issuer` is known, so that `check` can decide."""
        return bool(self._directory.keys_of(issuer))

    def check(self, manifest: Manifest, *, issuer: str) -> bool:
        """True when `manifest` is signed by a known certified key of `issuer`."""
        if manifest.issuer != issuer:
            return False
        return any(_holds(key, manifest) for key in reversed(self._directory.keys_of(issuer)))


@lru_cache(maxsize=KEYS_READ_MAX)
def _public(key: bytes) -> Ed25519PublicKey:
    """The key as a value; reading it costs as much as a check takes."""
    return Ed25519PublicKey.from_public_bytes(key)


def _holds(key: bytes, manifest: Manifest) -> bool:
    try:
        _public(key).verify(manifest.signature, manifest.signed_bytes)
    except (InvalidSignature, ValueError):
        return False
    return True
