"""Who may issue policy: bundles are signed with the issuer's manifest key and carry its certificate chain up to the provincial root."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.identity.errors import ChainError
from node.identity.files import IdentityFiles
from node.identity.keys import read_manifest_key
from node.identity.verify import verify_chain
from policies.bundle import Bundle, SignedBundle, sign_bundle
from policies.errors import BundleError


class BundleSeal:
    """Signs this node's bundles and checks everybody's."""

    def __init__(self, files: IdentityFiles) -> None:
        self._files = files
        self._root_pem = files.root_pem()

    def sign(self, bundle: Bundle) -> SignedBundle:
        """A bundle of this node, signed."""
        key = read_manifest_key(self._files.key("manifest"))
        return sign_bundle(bundle, key.sign, chain_pem=self._files.tls().chain_pem.decode())

    def territory_of(self, signed: SignedBundle) -> str:
        """The issuer's territory code, once signature, chain, name and level hold; raises BundleError naming what does not.

        The chain's dates are left unjudged: a bundle outlives the certificate it was signed under, and has dates of its own.
        """
        bundle = signed.bundle
        try:
            issuer = verify_chain(signed.chain_pem.encode(), root_pem=self._root_pem, now_us=None)
        except ChainError as error:
            raise BundleError(f"bundle {bundle.issuer} epoch {bundle.epoch} refused: {error}") from None
        if (issuer.node, issuer.level) != (bundle.issuer, bundle.level):
            raise BundleError(
                f"bundle {bundle.issuer} ({bundle.level.word}) epoch {bundle.epoch} refused: signed by {issuer.node} ({issuer.level.word})"
            )
        try:
            Ed25519PublicKey.from_public_bytes(issuer.manifest_key).verify(signed.signature, bundle.signed_bytes)
        except InvalidSignature:
            raise BundleError(f"bundle {bundle.issuer} epoch {bundle.epoch} refused: its signature does not hold") from None
        return issuer.territory.code
