"""A node's certificate authority: issues its children, and refuses whoever is not one. Called by the join service and by init."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from node.identity.certificates import CA_LIFE_S, dns_name, make_ca
from node.identity.errors import ChainError, Check
from node.identity.facts import NodeFacts, facts_of
from node.identity.verify import UNREADABLE_CERTIFICATE
from sync.model import Level, Territory

DNS_NAME_MAX = 253
"""Longest DNS name, RFC 1035."""


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A CA certificate with its key. The root may only issue the provincial node; every other CA only levels below its own."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    life_s: int = CA_LIFE_S
    """How long the certificates it issues live; never longer than its own."""

    @property
    def facts(self) -> NodeFacts:
        """Whom this authority belongs to."""
        return facts_of(self.certificate)

    @property
    def is_root(self) -> bool:
        """True for the self-signed root."""
        return self.certificate.subject == self.certificate.issuer

    def check(self, *, node: str, level: Level, territory: Territory) -> None:
        """Raise ChainError(WRONG_LEVEL or OUTSIDE_TERRITORY) when a child like this is not this authority's to issue."""
        own = self.facts
        highest = own.level if self.is_root else Level(own.level - 1) if own.level > Level.GRID else None
        if highest is None or level > highest:
            raise ChainError(Check.WRONG_LEVEL, f"{node} asks for level {level.word}, which is not below {own.level.word} ({own.node})")
        if (own.territory.system, own.territory.edition) != (territory.system, territory.edition):
            raise ChainError(Check.OUTSIDE_TERRITORY, _other_system(node, territory, own))
        if not own.territory.contains(territory):
            raise ChainError(
                Check.OUTSIDE_TERRITORY, f"{node} asks for {territory.code}, which is not inside {own.territory.code} ({own.node})"
            )

    def issue(self, csr: x509.CertificateSigningRequest, *, level: Level, territory: Territory, now_us: int) -> x509.Certificate:
        """The CA certificate of the child that `csr` speaks of, for exactly this level and territory; raises ChainError."""
        asked = check_request(csr)
        if (asked.level, asked.territory) != (level, territory):
            raise ChainError(Check.STRUCTURE, f"the request of {asked.node} names another level or territory than was granted")
        self.check(node=asked.node, level=level, territory=territory)
        if len(f"{asked.node}.{dns_name(self.certificate)}") > DNS_NAME_MAX:
            raise ChainError(
                Check.WRONG_NAME, f"the name of {asked.node} under {self.facts.node} is over {DNS_NAME_MAX} characters: choose a shorter id"
            )
        public_key = csr.public_key()
        assert isinstance(public_key, ec.EllipticCurvePublicKey)
        return make_ca(asked, public_key, issuer=self.certificate, issuer_key=self.key, now_us=now_us, life_s=self.life_s)


def read_request(pem: bytes) -> tuple[x509.CertificateSigningRequest, NodeFacts]:
    """A child's request and what it speaks of, from bytes of anybody; raises ChainError(STRUCTURE)."""
    try:
        csr = x509.load_pem_x509_csr(pem)
        return csr, check_request(csr)
    except UNREADABLE_CERTIFICATE as error:
        raise ChainError(Check.STRUCTURE, f"the certificate request cannot be read ({error})") from error


def check_request(csr: x509.CertificateSigningRequest) -> NodeFacts:
    """The facts of a request whose signature and key kind hold; raises ChainError(STRUCTURE)."""
    if not csr.is_signature_valid:
        raise ChainError(Check.STRUCTURE, "the certificate request is not signed by the key it is for")
    public_key = csr.public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(public_key.curve, ec.SECP256R1):
        raise ChainError(Check.STRUCTURE, "the certificate request has no ECDSA P-256 key")
    facts = facts_of(csr)
    return NodeFacts(facts.node, facts.level, facts.territory)


def _other_system(node: str, territory: Territory, own: NodeFacts) -> str:
    asked, ours = f"{territory.system} {territory.edition}", f"{own.territory.system} {own.territory.edition}"
    return f"{node} counts territories by {asked}, {own.node} by {ours}: use the same coding system and edition"
