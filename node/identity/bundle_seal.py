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
from policies.roots import SignedRoot
from policies.slices import root_of
from sync.model import Level


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
        name = f"bundle {bundle.issuer} epoch {bundle.epoch}"
        return self._territory_of(name, (bundle.issuer, bundle.level), bundle.signed_bytes, signed.signature, signed.chain_pem)

    def territory_of_root(self, signed: SignedRoot) -> str:
        """As `territory_of`, for the signed root of slices."""
        root = signed.root
        return self._territory_of(signed.name, (root.issuer, root.level), root.signed_bytes, signed.signature, signed.chain_pem)

    def own_root(self, bundle: Bundle) -> SignedRoot | None:
        """The signed root of a bundle of this node; None for another's."""
        chain_pem = self._files.tls().chain_pem
        if verify_chain(chain_pem, root_pem=self._root_pem, now_us=None).node != bundle.issuer:
            return None
        root = root_of(bundle)
        return SignedRoot(root, read_manifest_key(self._files.key("manifest")).sign(root.signed_bytes), chain_pem.decode())

    def _territory_of(self, name: str, claimed: tuple[str, Level], signed_bytes: bytes, signature: bytes, chain_pem: str) -> str:
        try:
            issuer = verify_chain(chain_pem.encode(), root_pem=self._root_pem, now_us=None)
        except ChainError as error:
            raise BundleError(f"{name} refused: {error}") from None
        if (issuer.node, issuer.level) != claimed:
            raise BundleError(f"{name} ({claimed[1].word}) refused: signed by {issuer.node} ({issuer.level.word})")
        try:
            Ed25519PublicKey.from_public_bytes(issuer.manifest_key).verify(signature, signed_bytes)
        except InvalidSignature:
            raise BundleError(f"{name} refused: its signature does not hold") from None
        return issuer.territory.code
