"""The signed root of a bundle's tree of slices: what one issuer rules at one epoch, as one hash.

Owns what is signed beside the whole bundle, so that a node can check a slice of it without the rest. Refuses unknown keys and hashes that
are none. Keys live with the caller, as for bundles. Called by `slices` and by whoever signs and verifies (node/identity/bundle_seal.py).
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass

from policies.bundle import CHAIN_CHARS_MAX, canonical_json
from policies.errors import BundleError
from policies.reading import Reader
from policies.trie import HASH_BYTES
from policies.words import from_word
from sync.model import Level, ModelError, check_node_id

ROOT_FORMAT = 1
COMMON_MAX = 512
"""Texts of the common leaf."""


@dataclass(frozen=True, slots=True)
class Root:
    """What the issuer signs."""

    issuer: str
    level: Level
    epoch: int
    """That of the bundle which the tree is made of."""
    not_before_us: int
    not_after_us: int
    trie: bytes
    """Hash of the trie of resources (policies/trie.py)."""
    common: tuple[bytes, ...]
    """SHA-256 of the texts of the common leaf, in order: what is bound to no single resource."""
    leaves: int = 0
    """Resources of the tree, for people."""

    @property
    def signed_bytes(self) -> bytes:
        """What the issuer's signature covers."""
        return b"yunnao-slices-1\n" + canonical_json(self.encoded())

    def encoded(self) -> dict[str, object]:
        """The root as plain values."""
        return {
            "format": ROOT_FORMAT,
            "issuer": self.issuer,
            "level": self.level.word,
            "epoch": self.epoch,
            "not_before_us": self.not_before_us,
            "not_after_us": self.not_after_us,
            "trie": self.trie.hex(),
            "common": [text.hex() for text in self.common],
            "leaves": self.leaves,
        }

    @classmethod
    def of(cls, value: object, where: str = "root") -> Root:
        """A root from decoded JSON; raises BundleError."""
        reader = Reader(value, where)
        reader.integer("format", low=ROOT_FORMAT, high=ROOT_FORMAT)
        built = cls(
            issuer=_node(reader.text("issuer"), where),
            level=from_word(Level, reader.text("level"), what=f"{where}.level"),
            epoch=reader.integer("epoch", low=1),
            not_before_us=reader.integer("not_before_us"),
            not_after_us=reader.integer("not_after_us"),
            trie=read_hash(reader.text("trie"), f"{where}.trie"),
            common=reader.items("common", read_hash),
            leaves=reader.integer("leaves"),
        )
        reader.done()
        if len(built.common) > COMMON_MAX:
            raise BundleError(f"{where}.common refused: {len(built.common)} texts, at most {COMMON_MAX}")
        return built


@dataclass(frozen=True, slots=True)
class SignedRoot:
    """A root with its signature and the certificates that lead to the trusted root."""

    root: Root
    signature: bytes
    chain_pem: str

    def __post_init__(self) -> None:
        if len(self.chain_pem) > CHAIN_CHARS_MAX:
            raise BundleError(f"root of {self.root.issuer} refused: a chain of more than {CHAIN_CHARS_MAX} characters")

    @property
    def name(self) -> str:
        """The root in messages."""
        return f"slice of bundle {self.root.issuer} epoch {self.root.epoch}"


def check_succession(candidate: Root, held: Root) -> bool:
    """True when `candidate` is of a newer epoch than `held`, False when it is the same root. Raises BundleError for any other."""
    name = f"slice of bundle {candidate.issuer} epoch {candidate.epoch}"
    if candidate.issuer != held.issuer:
        raise BundleError(f"{name} refused: it does not replace one of {held.issuer}")
    if candidate.epoch < held.epoch:
        raise BundleError(f"{name} refused: epoch {held.epoch} is in force and epochs only rise")
    if candidate.epoch == held.epoch and candidate != held:
        raise BundleError(f"{name} refused: its root differs from the one held; the issuer must raise the epoch")
    return candidate.epoch > held.epoch


def read_hash(value: object, where: str) -> bytes:
    """A SHA-256 in hex; raises BundleError."""
    try:
        found = bytes.fromhex(value) if isinstance(value, str) else b""
    except (ValueError, binascii.Error):
        found = b""
    if len(found) != HASH_BYTES or found.hex() != value:
        raise BundleError(f"{where} refused: expected the {2 * HASH_BYTES} hex digits of a SHA-256")
    return found


def _node(name: str, where: str) -> str:
    try:
        return check_node_id(name)
    except ModelError as error:
        raise BundleError(f"{where}.issuer: {error}") from None
