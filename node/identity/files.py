"""A node's identity on disk: keys, certificates, incarnation. Made by init, completed by join, read by everything that speaks TLS or signs.

keys/root_key.pem  the province's root (top node only; keep it offline after init)     certs/root.pem    the pinned root
keys/ca_key.pem    this node's CA                                                      certs/ca.pem      own CA and those above
keys/tls_key.pem   this node's ends of links                                           certs/tls.pem     leaf, own CA and those above
keys/manifest_key.pem  Ed25519, signs manifests                                        certs/parent.pem  the parent's chain, leaf first
incarnation        16 hex digits
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.files import write_durably
from node.identity.authority import CertificateAuthority
from node.identity.certificates import CA_LIFE_S, LEAF_LIFE_S, make_leaf, make_request, make_root, to_pem
from node.identity.chance import new_incarnation, new_secret
from node.identity.errors import ChainError, Check, IdentityError, KeyFileError
from node.identity.facts import NodeFacts
from node.identity.keys import new_manifest_key, new_tls_key, public_bytes, read_manifest_key, read_tls_key, write_private
from node.identity.verify import PeerIdentity, load_chain, sha256_hex, verify_chain
from node.identity.vouch import KeyDirectory, ManifestVouch
from sync.model import Level


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What a TLS library needs for either end of a link, as PEM."""

    root_pem: bytes
    chain_pem: bytes
    """Leaf first, without the root."""
    key_pem: bytes


@dataclass(frozen=True, slots=True)
class IdentityFiles:
    """The folder of one node's identity; cheap to make, reads on demand."""

    folder: Path

    def key(self, name: str) -> Path:
        """Path of the private key `name` (root, ca, tls, manifest)."""
        return self.folder / "keys" / f"{name}_key.pem"

    def certificate(self, name: str) -> Path:
        """Path of the certificate file `name` (root, ca, tls, parent)."""
        return self.folder / "certs" / f"{name}.pem"

    @property
    def database(self) -> Path:
        """Path of the tokens and admissions of this node's children."""
        return self.folder / "identity.db"

    @property
    def is_made(self) -> bool:
        """True when init made the keys."""
        return self.key("manifest").exists()

    @property
    def is_certified(self) -> bool:
        """True when a chain up to a pinned root is there: a top node after init, another after join."""
        return self.certificate("tls").exists()

    def make(self, facts: NodeFacts, *, now_us: int) -> None:
        """Draw keys and an incarnation for a new node; a provincial one also gets its root. Raises KeyFileError when there are keys."""
        for name in ("ca", "tls"):
            write_private(self.key(name), new_tls_key())
        write_private(self.key("manifest"), new_manifest_key())
        write_durably(self.folder / "keys" / "pseudonym_secret", new_secret().encode(), mode=0o600)
        write_file(self.folder / "incarnation", f"{new_incarnation():016x}\n".encode())
        if facts.level is Level.PROVINCIAL:
            self._make_root(facts, now_us=now_us)

    def incarnation(self) -> int:
        """The random number that names this life of the node's journal; raises KeyFileError."""
        raw = self.read(self.folder / "incarnation")
        try:
            return int(raw, 16)
        except ValueError:
            raise KeyFileError(
                f"incarnation file holds {raw[:40]!r}, not a hex number: run `yunnao restore`, which draws a new one"
            ) from None

    def replace_incarnation(self, incarnation: int) -> None:
        """Go on as another life, durably; node/fork/change.py keeps it in step with the journal. Raises IdentityError."""
        write_file(self.folder / "incarnation", f"{incarnation:016x}\n".encode())

    def pseudonym_secret(self) -> bytes:
        """What this node's pseudonym keys are derived from; raises KeyFileError."""
        return self.read(self.folder / "keys" / "pseudonym_secret")

    def request(self, facts: NodeFacts) -> x509.CertificateSigningRequest:
        """The request for this node's CA certificate."""
        return make_request(facts, read_tls_key(self.key("ca")))

    def install(self, facts: NodeFacts, *, ca_chain_pem: bytes, root_pem: bytes, now_us: int) -> PeerIdentity:
        """Take the issued CA chain (own CA first) into use: makes the leaf, verifies all of it, then writes. Raises ChainError."""
        chain = load_chain(ca_chain_pem)
        key = read_tls_key(self.key("ca"))
        if not chain or chain[0].public_key() != key.public_key():
            raise ChainError(Check.STRUCTURE, "the issued certificate is not for this node's CA key: join again")
        full = self._leaf_chain(facts, chain, key, now_us=now_us)
        who = verify_chain(full, root_pem=root_pem, now_us=now_us)
        if (who.node, who.level, who.territory) != (facts.node, facts.level, facts.territory):
            raise ChainError(Check.WRONG_NAME, f"the issued certificate is for {who.node} ({who.territory.code}), not for {facts.node}")
        write_file(self.certificate("root"), root_pem)
        write_file(self.certificate("ca"), ca_chain_pem)
        write_file(self.certificate("tls"), full)
        return who

    def renew_leaf(self, facts: NodeFacts, *, now_us: int, life_s: int = LEAF_LIFE_S) -> None:
        """Issue a new leaf of this node's own CA. When it is due says renewal.duties; the CA itself is renewed by join_client.renew."""
        chain = load_chain(self.read(self.certificate("ca")))
        write_file(self.certificate("tls"), self._leaf_chain(facts, chain, read_tls_key(self.key("ca")), now_us=now_us, life_s=life_s))

    def renew_top(self, facts: NodeFacts, *, now_us: int) -> bool:
        """Issue the provincial node's CA again; False when the root key is kept elsewhere, as it should be on a live site."""
        if not self.key("root").exists():
            return False
        issuer = CertificateAuthority(load_chain(self.root_pem())[0], read_tls_key(self.key("root")))
        certificate = issuer.issue(self.request(facts), level=facts.level, territory=facts.territory, now_us=now_us)
        self.install(facts, ca_chain_pem=to_pem(certificate), root_pem=self.root_pem(), now_us=now_us)
        return True

    def tls(self) -> TlsMaterial:
        """Root, chain and key for either end of a link; raises KeyFileError before join."""
        read_tls_key(self.key("tls"))
        return TlsMaterial(self.root_pem(), self.read(self.certificate("tls")), self.read(self.key("tls")))

    def root_pem(self) -> bytes:
        """The pinned root."""
        return self.read(self.certificate("root"))

    def own_chain(self) -> list[x509.Certificate]:
        """This node's chain, leaf first, without the root."""
        return load_chain(self.read(self.certificate("tls")))

    def own(self, *, now_us: int | None) -> PeerIdentity:
        """Who this node is by its own chain; raises ChainError when it does not hold at `now_us`; None leaves dates unjudged."""
        return verify_chain(self.read(self.certificate("tls")), root_pem=self.root_pem(), now_us=now_us)

    def parent(self, *, now_us: int | None) -> PeerIdentity:
        """Who the parent is by the chain it showed last; None leaves dates unjudged. Raises KeyFileError before join, ChainError."""
        return verify_chain(self.read(self.certificate("parent")), root_pem=self.root_pem(), now_us=now_us)

    def authority(self, *, life_s: int = CA_LIFE_S) -> CertificateAuthority:
        """This node's own CA, issuing for `life_s` seconds; raises KeyFileError before join."""
        return CertificateAuthority(load_chain(self.read(self.certificate("ca")))[0], read_tls_key(self.key("ca")), life_s)

    def ca_sha256(self) -> str:
        """SHA-256 of this node's CA certificate: what its join tokens pin."""
        return sha256_hex(load_chain(self.read(self.certificate("ca")))[0])

    def manifest_key(self) -> Ed25519PrivateKey:
        """What this node signs manifests, bundles and attachment orders with; raises KeyFileError."""
        return read_manifest_key(self.key("manifest"))

    def vouch(self, node: str, directory: KeyDirectory) -> ManifestVouch:
        """The signer of this node's manifests; `directory` says whose keys it can check."""
        key = read_manifest_key(self.key("manifest"))
        directory.learn_key(node, public_bytes(key.public_key()))
        return ManifestVouch(node, key, directory)

    def read(self, path: Path) -> bytes:
        """The bytes of an identity file; raises KeyFileError saying what to run."""
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise KeyFileError(f"identity file {path} is missing: run `yunnao init`, then `yunnao join`") from None
        except OSError as error:
            raise KeyFileError(f"identity file {path} cannot be read ({error.strerror})") from error

    def _make_root(self, facts: NodeFacts, *, now_us: int) -> None:
        root_key = new_tls_key()
        write_private(self.key("root"), root_key)
        root = make_root(NodeFacts("root", Level.PROVINCIAL, facts.territory), root_key, now_us=now_us)
        issuer = CertificateAuthority(root, root_key)
        certificate = issuer.issue(self.request(facts), level=facts.level, territory=facts.territory, now_us=now_us)
        self.install(facts, ca_chain_pem=to_pem(certificate), root_pem=to_pem(root), now_us=now_us)

    def _leaf_chain(
        self, facts: NodeFacts, chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey, *, now_us: int, life_s: int = LEAF_LIFE_S
    ) -> bytes:
        manifest_key = public_bytes(read_manifest_key(self.key("manifest")).public_key())
        speaks = NodeFacts(facts.node, facts.level, facts.territory, manifest_key)
        leaf = make_leaf(speaks, read_tls_key(self.key("tls")).public_key(), ca=chain[0], ca_key=key, now_us=now_us, life_s=life_s)
        return to_pem(leaf, *chain)


def write_file(path: Path, data: bytes) -> None:
    """Replace `path` by `data` whole or not at all, durably; raises IdentityError when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, data)
    except OSError as error:
        raise IdentityError(f"file {path} cannot be written ({error.strerror}): free space or fix its permissions") from error
