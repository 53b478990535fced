"""The two nodes of the recorded conversations: a province and a city below it, with keys that come from their names.

Nothing of them is secret, so no key is stored; their certificates are part of the recording, because signatures of certificates are random.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.config.config import NodeConfig, load_config
from node.config.template import render_config, write_config
from node.identity.authority import CertificateAuthority
from node.identity.certificates import make_root, to_pem
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles, write_file
from node.identity.keys import write_private
from sync.model import Level, Territory

BEGAN_US = 1_790_000_000_000_000
"""2026-09-21: when the first conversation begins."""
CERTIFICATES = ("root", "ca", "tls", "parent")
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Person:
    """One of the two nodes."""

    facts: NodeFacts
    incarnation: int
    first_life: int
    """Id of its first life; later ones count up."""

    @property
    def name(self) -> str:
        """The node's id."""
        return self.facts.node

    @property
    def manifest_key(self) -> Ed25519PrivateKey:
        """What it signs with."""
        return Ed25519PrivateKey.from_private_bytes(_bytes_of(f"{self.name} manifest"))


PARENT = Person(NodeFacts("shandong", Level.PROVINCIAL, Territory("37")), 0x5AD0, 0x1000)
CHILD = Person(NodeFacts("qingdao", Level.MUNICIPAL, Territory("3702")), 0x71D0, 0x2000)


def settle(folder: Path, person: Person, certificates: Path) -> NodeConfig:
    """The folder of `person`, with the recorded certificates."""
    _furnish(folder, person)
    for name in CERTIFICATES:
        source = certificates / f"{person.name}-{name}.pem"
        if source.exists():
            write_file(IdentityFiles(folder).certificate(name), source.read_bytes())
    return load_config(folder / "node.toml")


def certify(folder: Path) -> dict[str, bytes]:
    """New certificates of both by file name; `folder` is scratch."""
    parent, child = IdentityFiles(folder / PARENT.name), IdentityFiles(folder / CHILD.name)
    _furnish(parent.folder, PARENT)
    _furnish(child.folder, CHILD)
    root_key = _tls_key("root")
    root = make_root(NodeFacts("root", Level.PROVINCIAL, PARENT.facts.territory), root_key, now_us=BEGAN_US)
    authority = CertificateAuthority(root, root_key)
    for files, person in ((parent, PARENT), (child, CHILD)):
        facts = person.facts
        certificate = authority.issue(files.request(facts), level=facts.level, territory=facts.territory, now_us=BEGAN_US)
        above = b"" if authority.is_root else parent.read(parent.certificate("ca"))
        files.install(facts, ca_chain_pem=to_pem(certificate) + above, root_pem=to_pem(root), now_us=BEGAN_US)
        authority = parent.authority()
    write_file(child.certificate("parent"), parent.read(parent.certificate("tls")))
    made = {(person, name): IdentityFiles(folder / person.name).certificate(name) for person in (PARENT, CHILD) for name in CERTIFICATES}
    return {f"{person.name}-{name}.pem": path.read_bytes() for (person, name), path in made.items() if path.exists()}


def _furnish(folder: Path, person: Person) -> None:
    files, facts = IdentityFiles(folder), person.facts
    folder.mkdir(parents=True)
    write_config(folder / "node.toml", render_config(node=facts.node, level=facts.level, territory=facts.territory, devices_listen=()))
    write_private(files.key("ca"), _tls_key(f"{facts.node} ca"))
    write_private(files.key("tls"), _tls_key(f"{facts.node} tls"))
    write_private(files.key("manifest"), person.manifest_key)
    write_file(folder / "keys" / "pseudonym_secret", _bytes_of(f"{facts.node} pseudonyms"))
    write_file(folder / "incarnation", f"{person.incarnation:016x}\n".encode())


def _tls_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(_bytes_of(name)) % (P256_ORDER - 1) + 1, ec.SECP256R1())


def _bytes_of(name: str) -> bytes:
    return hashlib.sha256(b"a node of a recorded conversation: " + name.encode()).digest()
