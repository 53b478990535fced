"""The signatures of a world: made with real keys, and remembered, so that a true one need not be proven again in the same process.

Whatever is not, byte for byte, what this world signed is checked as the product checks it. So it is with bundles: the product reads each
of them strictly, once for all nodes. Made by simulations/world.py and host.py.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.identity.vouch import KeyDirectory, ManifestVouch
from policies.bundle import SignedBundle, decode_signed
from sync.model import Manifest

BUNDLES_REMEMBERED_MAX = 256
"""Bundles that a process remembers: those of some seeds."""

Signed = dict[bytes, bytes]
"""Bytes that were signed, by their signature; one for all nodes of a world."""


class Notary(ManifestVouch):
    """The product's vouch of one node."""

    def __init__(self, node: str, key: Ed25519PrivateKey, directory: KeyDirectory, signed: Signed) -> None:
        super().__init__(node, key, directory)
        self._signed = signed

    def sign(self, header_sha256: bytes, inputs: tuple[bytes, ...]) -> Manifest:
        """As ManifestVouch."""
        manifest = super().sign(header_sha256, inputs)
        self._signed[manifest.signature] = manifest.signed_bytes
        return manifest

    def check(self, manifest: Manifest, *, issuer: str) -> bool:
        """As ManifestVouch."""
        is_known = self.knows(issuer) and manifest.issuer == issuer and self._signed.get(manifest.signature) == manifest.signed_bytes
        return is_known or super().check(manifest, issuer=issuer)


@lru_cache(maxsize=BUNDLES_REMEMBERED_MAX)
def read_bundle(data: bytes) -> SignedBundle:
    """As policies.bundle.decode_signed."""
    return decode_signed(data)
