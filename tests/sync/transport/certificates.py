"""A small certificate tree for tests: a root, intermediates as long as wanted, leaves with a DNS name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sync.transport.credentials import TlsCredentials

FROM, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority: its key, its certificate and those above it up to the root (not included)."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    root_pem: bytes

    @classmethod
    def root(cls, name: str) -> Authority:
        """A self-signed root."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(name, key, name, key, is_ca=True)
        return cls(key, certificate, (), _pem(certificate))

    def below(self, name: str) -> Authority:
        """An intermediate authority under this one."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(name, key, self._name(), self.key, is_ca=True)
        return Authority(key, certificate, (certificate, *self.chain), self.root_pem)

    def issue(self, node: str, *, until: datetime = UNTIL) -> TlsCredentials:
        """Credentials of a node named `node`."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = _sign(node, key, self._name(), self.key, is_ca=False, until=until)
        key_pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return TlsCredentials(key_pem, b"".join(_pem(entry) for entry in (leaf, *self.chain)), self.root_pem)

    def _name(self) -> str:
        return str(self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def names_of(chain_pem: bytes) -> list[str]:
    """The common names of a PEM chain, leaf first."""
    certificates = x509.load_pem_x509_certificates(chain_pem)
    return [str(entry.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value) for entry in certificates]


def _sign(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, is_ca: bool, until: datetime = UNTIL
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_x509_name(name))
        .issuer_name(_x509_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(FROM, until - timedelta(days=1)))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if is_ca:
        usage = x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
            key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _x509_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
