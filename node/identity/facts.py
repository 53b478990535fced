"""What a certificate says about a node beyond X.509: level, territory, manifest key, in one extension. Refuses what does not parse."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from cryptography import x509

from node.identity.errors import ChainError, Check
from node.untrusted import UNREADABLE
from sync.model import Level, ModelError, Territory, check_node_id

FACTS_OID = x509.ObjectIdentifier("2.25.220617940912861733846193520417623019845")
"""Under 2.25 (ITU-T X.667) anyone may name an object by a UUID without asking a registry."""
FACTS_FORMAT = 1
FACTS_BYTES_MAX = 1_024
TREE_NAME = "yunnao"
"""DNS name of the root; a node's name is its id in front of its issuer's name."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Who a certificate speaks of."""

    node: str
    level: Level
    territory: Territory
    manifest_key: bytes = b""
    """Raw Ed25519 public key, 32 bytes; empty in CA certificates and requests."""


class _Wire(msgspec.Struct, frozen=True):
    v: int
    node: str
    level: str
    territory: str
    system: str
    edition: str
    manifest_key: bytes = b""


def encode_facts(facts: NodeFacts) -> x509.UnrecognizedExtension:
    """The extension that carries `facts`; not critical, so that other TLS software still reads the certificate."""
    area = facts.territory
    wire = _Wire(FACTS_FORMAT, facts.node, facts.level.word, area.code, area.system, area.edition, facts.manifest_key)
    return x509.UnrecognizedExtension(FACTS_OID, msgspec.json.encode(wire))


def facts_of(certificate: x509.Certificate | x509.CertificateSigningRequest) -> NodeFacts:
    """The facts in `certificate`; raises ChainError(STRUCTURE) when they are missing or not what they claim to be."""
    try:
        value = certificate.extensions.get_extension_for_oid(FACTS_OID).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise ChainError(Check.STRUCTURE, f"a certificate carries no node facts ({error}): it was not issued by a node") from error
    raw = value.value if isinstance(value, x509.UnrecognizedExtension) else b""
    if len(raw) > FACTS_BYTES_MAX:
        raise ChainError(Check.STRUCTURE, f"node facts of {len(raw)} bytes refused: at most {FACTS_BYTES_MAX}")
    try:
        return _facts(msgspec.json.decode(raw, type=_Wire))
    except (*UNREADABLE, ModelError) as error:
        raise ChainError(Check.STRUCTURE, f"node facts do not parse ({error})") from error


def _facts(wire: _Wire) -> NodeFacts:
    if wire.v != FACTS_FORMAT:
        raise ModelError(f"format {wire.v} is not {FACTS_FORMAT}: upgrade the older node")
    if len(wire.manifest_key) not in (0, 32):
        raise ModelError(f"a manifest key has 32 bytes, not {len(wire.manifest_key)}")
    territory = Territory(wire.territory, wire.system, wire.edition)
    return NodeFacts(check_node_id(wire.node), Level.from_word(wire.level), territory, wire.manifest_key)
