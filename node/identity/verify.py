"""Checks a peer's certificate chain against the pinned root and says which check failed. Dates are judged by the time passed in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from node.identity.certificates import dns_name, moment
from node.identity.errors import ChainError, Check
from node.identity.facts import TREE_NAME, NodeFacts, facts_of
from sync.model import Level, Territory

CHAIN_BYTES_MAX = 64 << 10
CHAIN_LENGTH_MAX = 7
"""Leaf, five levels of CA, and the root."""
UNREADABLE_CERTIFICATE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)
"""What the library raises on certificates of others, some of it only when a field is first looked at."""


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """Who is at the other end, as its chain proves."""

    node: str
    level: Level
    territory: Territory
    manifest_key: bytes
    """Raw Ed25519 public key, 32 bytes."""
    path: tuple[str, ...]
    """Node ids that certify each other, the provincial node first, this node last."""
    tls_name: str
    """The DNS name in its certificate: what a TLS client must ask for."""
    not_after_us: int
    """End of the first certificate of the chain to expire, microseconds since 1970 UTC."""


def load_chain(pem: bytes) -> list[x509.Certificate]:
    """The certificates of `pem`, leaf first; raises ChainError(STRUCTURE)."""
    if len(pem) > CHAIN_BYTES_MAX:
        raise ChainError(Check.STRUCTURE, f"a certificate chain of {len(pem)} bytes refused: at most {CHAIN_BYTES_MAX}")
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except UNREADABLE_CERTIFICATE as error:
        raise ChainError(Check.STRUCTURE, f"not a PEM certificate chain ({error})") from error
    if len(certificates) > CHAIN_LENGTH_MAX:
        raise ChainError(Check.STRUCTURE, f"a chain of {len(certificates)} certificates refused: at most {CHAIN_LENGTH_MAX}")
    return certificates


def sha256_hex(certificate: x509.Certificate) -> str:
    """SHA-256 over the DER of the whole certificate, 64 hex digits: the name a token pins."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def verify_chain(pem: bytes, *, root_pem: bytes, now_us: int | None) -> PeerIdentity:
    """Who `pem` (leaf first, root optional) proves under the pinned root at `now_us`; raises ChainError naming the check that failed.

    `now_us` None leaves the dates unjudged: for renewal and signed time, which must work when a clock or a certificate is long out.
    """
    root = load_chain(root_pem)[0]
    chain = [certificate for certificate in load_chain(pem) if certificate != root]
    if len(chain) < 2:
        raise ChainError(Check.STRUCTURE, f"a chain of {len(chain)} certificates refused: a node shows its leaf, its CA and those above")
    try:
        return _verified([*chain, root], now_us)
    except UNREADABLE_CERTIFICATE as error:
        raise ChainError(Check.STRUCTURE, f"a certificate of the chain cannot be read ({error}): it is damaged") from error


def _verified(full: Sequence[x509.Certificate], now_us: int | None) -> PeerIdentity:
    _check_signatures(full)
    if now_us is not None:
        _check_dates(full, now_us)
    _check_authority(full)
    facts = [facts_of(certificate) for certificate in full]
    _check_names(full, facts)
    _check_nesting(facts)
    _check_leaf(facts[0], facts[1])
    return PeerIdentity(
        node=facts[0].node,
        level=facts[0].level,
        territory=facts[0].territory,
        manifest_key=facts[0].manifest_key,
        path=tuple(fact.node for fact in reversed(facts[1:-1])),
        tls_name=dns_name(full[0]),
        not_after_us=min(int(certificate.not_valid_after_utc.timestamp()) for certificate in full) * 1_000_000,
    )


def check_child(peer: PeerIdentity, *, own: PeerIdentity) -> None:
    """Raise ChainError(WRONG_NAME) unless `peer` was certified by this node itself.

    A node id alone proves nothing: a hostile node may certify a child that bears the id of somebody else's child. The path does.
    """
    if peer.path != (*own.path, peer.node):
        message = (
            f"{peer.node} was certified by {' > '.join(peer.path[:-1])}, not by {' > '.join(own.path)}: join it with a token of {own.node}"
        )
        raise ChainError(Check.WRONG_NAME, message)


def check_same_node(shown_pem: bytes, known_pem: bytes, *, root_pem: bytes) -> PeerIdentity:
    """Who `shown_pem` proves, if it is the node of `known_pem`; raises ChainError. Dates are not judged.

    A node that was certified anew elsewhere in the tree has another path and keeps its CA key; with both another it is somebody else of
    that name.
    """
    shown, known = (verify_chain(pem, root_pem=root_pem, now_us=None) for pem in (shown_pem, known_pem))
    if shown.node != known.node:
        raise ChainError(Check.WRONG_NAME, f"it is {shown.node}, not {known.node}")
    if shown.path != known.path and load_chain(shown_pem)[1].public_key() != load_chain(known_pem)[1].public_key():
        raise ChainError(
            Check.WRONG_NAME, f"it is another {known.node}, {' > '.join(shown.path)}, with another key than {' > '.join(known.path)}"
        )
    return shown


def _name_of(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


def _check_signatures(full: Sequence[x509.Certificate]) -> None:
    for certificate, issuer in zip(full, [*full[1:], full[-1]], strict=True):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError) as error:
            message = f"{_name_of(certificate)} is not issued by {_name_of(issuer)}: the chain does not end at our provincial root"
            raise ChainError(Check.FOREIGN_CA, message) from error


def _check_dates(full: Sequence[x509.Certificate], now_us: int) -> None:
    now = moment(now_us)
    for certificate in full:
        if now > certificate.not_valid_after_utc:
            end = certificate.not_valid_after_utc.isoformat()
            raise ChainError(Check.EXPIRED, f"the certificate of {_name_of(certificate)} ended {end}, it is {now.isoformat()}: renew it")
        if now < certificate.not_valid_before_utc:
            start = certificate.not_valid_before_utc.isoformat()
            message = f"the certificate of {_name_of(certificate)} begins {start}, it is {now.isoformat()}: check this machine's clock"
            raise ChainError(Check.NOT_YET_VALID, message)


def _check_authority(full: Sequence[x509.Certificate]) -> None:
    for below, certificate in enumerate(full, start=-1):
        constraints = _constraints(certificate)
        is_leaf = below < 0
        if constraints.ca is is_leaf:
            raise ChainError(
                Check.STRUCTURE,
                f"{_name_of(certificate)} is {'' if is_leaf else 'not '}a CA, but stands where one must {'not ' if is_leaf else ''}be",
            )
        if not is_leaf and (constraints.path_length is None or below > constraints.path_length):
            raise ChainError(Check.WRONG_LEVEL, f"{_name_of(certificate)} has {below} CAs below it, more than its path length allows")


def _constraints(certificate: x509.Certificate) -> x509.BasicConstraints:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise ChainError(Check.STRUCTURE, f"{_name_of(certificate)} does not say whether it is a CA") from error


def _check_names(full: Sequence[x509.Certificate], facts: Sequence[NodeFacts]) -> None:
    if dns_name(full[-1]) != TREE_NAME or dns_name(full[0]) != dns_name(full[1]):
        raise ChainError(Check.WRONG_NAME, f"the leaf is named {dns_name(full[0])!r}, its CA {dns_name(full[1])!r}")
    for index in range(1, len(full) - 1):
        name, expected = dns_name(full[index]), f"{facts[index].node}.{dns_name(full[index + 1])}"
        if name != expected:
            raise ChainError(Check.WRONG_NAME, f"a CA is named {name!r} where its issuer may only name {expected!r}")


def _check_nesting(facts: Sequence[NodeFacts]) -> None:
    for index in range(1, len(facts) - 1):
        inner, outer = facts[index], facts[index + 1]
        under_root = index + 1 == len(facts) - 1
        if inner.level > outer.level or (inner.level == outer.level and not under_root):
            raise ChainError(Check.WRONG_LEVEL, f"{inner.node} ({inner.level.word}) is not below {outer.node} ({outer.level.word})")
        if not outer.territory.contains(inner.territory):
            raise ChainError(
                Check.OUTSIDE_TERRITORY, f"{inner.node} ({inner.territory.code}) is not inside {outer.node} ({outer.territory.code})"
            )


def _check_leaf(leaf: NodeFacts, ca: NodeFacts) -> None:
    if (leaf.node, leaf.level, leaf.territory) != (ca.node, ca.level, ca.territory):
        raise ChainError(Check.WRONG_NAME, f"the leaf speaks for {leaf.node}, the CA that issued it belongs to {ca.node}")
    if not leaf.manifest_key:
        raise ChainError(Check.STRUCTURE, f"the leaf of {leaf.node} carries no manifest key")
