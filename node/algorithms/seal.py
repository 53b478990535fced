"""Signs packages with the node's manifest key and checks everybody's, as bundles of policy are.

A package counts when the maker's certificate chain ends at the pinned root of the province and its Ed25519 key signed the card. The dates
of certificates are left unjudged: a package outlives the certificate it was signed under. Called by the `model` verb, the desk and doctor.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_ai.models.package import Card, Signature, check_files, read_card, read_signature
from node.algorithms.errors import AlgorithmRefused
from node.identity.errors import ChainError
from node.identity.files import IdentityFiles
from node.identity.verify import PeerIdentity, verify_chain


class PackageSeal:
    """One node's signatures over packages."""

    def __init__(self, files: IdentityFiles) -> None:
        self._files = files

    def sign(self, card: Card) -> Signature:
        """This node's signature over a package; raises KeyFileError before the node is certified."""
        chain_pem = self._files.tls().chain_pem
        who = verify_chain(chain_pem, root_pem=self._files.root_pem(), now_us=None)
        return Signature(node=who.node, signature=self._files.manifest_key().sign(card.signed_bytes).hex(), chain_pem=chain_pem.decode())

    def check(self, card: Card, signature: Signature) -> PeerIdentity:
        """Who made the package; raises AlgorithmRefused when the signature does not hold."""
        name = f"package {card.id} {card.version}"
        try:
            maker = verify_chain(signature.chain_pem.encode(), root_pem=self._files.root_pem(), now_us=None)
        except (ChainError, UnicodeEncodeError) as error:
            raise AlgorithmRefused(f"{name} refused: {error}") from None
        if maker.node != signature.node:
            raise AlgorithmRefused(f"{name} refused: it names {signature.node}, its chain is of {maker.node}")
        try:
            Ed25519PublicKey.from_public_bytes(maker.manifest_key).verify(bytes.fromhex(signature.signature), card.signed_bytes)
        except InvalidSignature:
            raise AlgorithmRefused(f"{name} refused: the signature of {maker.node} does not hold; get the package again") from None
        return maker

    def check_folder(self, folder: Path) -> PeerIdentity:
        """As `check`, for a package on disk, with every file of it; raises AlgorithmRefused, AlgorithmError."""
        card = read_card(folder)
        maker = self.check(card, read_signature(folder))
        check_files(folder, card)
        return maker
