"""How certificates are made: the root, a node's CA, a node's leaf, and the request a child sends. Decides nothing; authority.py does.

Names are hierarchical (`<id>.<issuer's name>`, the root is `yunnao`) and every CA is constrained to names at or below its own, so plain TLS
already stops a node from speaking as its parent or a neighbour (RFC 5280, 4.2.1.10).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.identity.chance import new_serial
from node.identity.facts import TREE_NAME, NodeFacts, encode_facts
from sync.model import MICROSECONDS, Level

ROOT_LIFE_S = 7_300 * 86_400
CA_LIFE_S = 730 * 86_400
LEAF_LIFE_S = 90 * 86_400
BACKDATE_US = 7 * 86_400 * MICROSECONDS
"""A new certificate is valid from a week before, because site clocks run behind; its life counts from its issue."""


def moment(now_us: int) -> datetime:
    """`now_us` (microseconds since 1970 UTC) as X.509 wants it: whole seconds."""
    return datetime.fromtimestamp(now_us // 1_000_000, UTC)


def make_request(facts: NodeFacts, key: ec.EllipticCurvePrivateKey) -> x509.CertificateSigningRequest:
    """The request for a CA certificate about `facts`, signed by the key it is for."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(facts.node))
    return builder.add_extension(encode_facts(facts), critical=False).sign(key, hashes.SHA256())


def make_root(facts: NodeFacts, key: ec.EllipticCurvePrivateKey, *, now_us: int) -> x509.Certificate:
    """The self-signed root of a province."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{facts.territory.code} root")])
    builder = _dated(subject, subject, key.public_key(), moment(now_us), ROOT_LIFE_S)
    builder = _as_ca(builder, TREE_NAME, int(Level.PROVINCIAL))
    return _signed(builder, facts, TREE_NAME, key, key.public_key())


def make_ca(
    facts: NodeFacts,
    public_key: ec.EllipticCurvePublicKey,
    *,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    now_us: int,
    life_s: int = CA_LIFE_S,
) -> x509.Certificate:
    """A node's CA certificate; its path length leaves room for the levels below it and no more."""
    name = f"{facts.node}.{dns_name(issuer)}"
    builder = _dated(_subject(facts.node), issuer.subject, public_key, moment(now_us), life_s, issuer.not_valid_after_utc)
    builder = _as_ca(builder, name, int(facts.level) - 1)
    return _signed(builder, facts, name, issuer_key, issuer_key.public_key())


def make_leaf(
    facts: NodeFacts,
    public_key: ec.EllipticCurvePublicKey,
    *,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now_us: int,
    life_s: int = LEAF_LIFE_S,
) -> x509.Certificate:
    """The node's TLS certificate for both ends of a link, issued by its own CA; carries the manifest key."""
    builder = _dated(_subject(facts.node), ca.subject, public_key, moment(now_us), life_s, ca.not_valid_after_utc)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(is_ca=False), critical=True)
    both_ends = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
    return _signed(builder.add_extension(both_ends, critical=False), facts, dns_name(ca), ca_key, ca_key.public_key())


def dns_name(certificate: x509.Certificate) -> str:
    """The DNS name of the certificate, empty when there is not exactly one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ""
    return names[0] if len(names) == 1 else ""


def to_pem(*certificates: x509.Certificate) -> bytes:
    """The certificates as one PEM text, in order."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def _subject(node: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node)])


def _dated(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    life_s: int,
    no_later_than: datetime | None = None,
) -> x509.CertificateBuilder:
    end = now + timedelta(seconds=life_s)
    if no_later_than is not None:
        end = min(end, no_later_than)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key).serial_number(new_serial())
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    return builder.not_valid_before(now - timedelta(microseconds=BACKDATE_US)).not_valid_after(end)


def _as_ca(builder: x509.CertificateBuilder, name: str, path_length: int) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    builder = builder.add_extension(_usage(is_ca=True), critical=True)
    constraint = x509.NameConstraints(permitted_subtrees=[x509.DNSName(name)], excluded_subtrees=None)
    return builder.add_extension(constraint, critical=True)


def _signed(
    builder: x509.CertificateBuilder,
    facts: NodeFacts,
    name: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer_public: ec.EllipticCurvePublicKey,
) -> x509.Certificate:
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
    return builder.add_extension(encode_facts(facts), critical=False).sign(issuer_key, hashes.SHA256())


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
