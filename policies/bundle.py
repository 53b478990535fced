"""Policy bundles: what one issuer rules, as canonical bytes that are signed and sent to every node.

Owns the format, its hash and its strict reading. Refuses unknown keys, non-canonical bytes, entries an issuer of that level may not
make, and older epochs. Keys live with the caller: signing and checking come in as functions. Called by node (loading, sending) and by
`ruleset.merge`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

import pyarrow as pa

from policies.catalogue import Resource, schema
from policies.ceiling import Ceiling, ReleaseRule, check_rules
from policies.entry import Entry
from policies.errors import BundleError, PredicateError
from policies.masks import Mask
from policies.predicate import compile_predicate
from policies.reading import Reader
from policies.regrade import Regrade, check_may_regrade
from policies.scale import Scale
from policies.territories import Change, check_changes
from policies.words import Verdict, Way, from_word
from sync.model import Level, ModelError, check_node_id

BUNDLE_FORMAT = 1
BUNDLE_BYTES_MAX = 32 << 20
"""Canonical bytes of one signed bundle."""
PROVISIONAL_HOLD_US_MAX = 30 * 86_400 * 1_000_000
"""Longest provisional hold a level below the municipality may place on flows up or back."""

CHAIN_CHARS_MAX = 64 << 10
"""Characters of a certificate chain."""

_UPWARD = frozenset({Way.UP, Way.RETURN})

Sign = Callable[[bytes], bytes]
"""`signed_bytes` in, signature out."""
Verify = Callable[[str, bytes, bytes, str], bool]
"""(issuer, signed bytes, signature, chain PEM): True when the issuer's certified key made the signature."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bundle rules; empty parts rule nothing."""

    catalogue: tuple[Resource, ...] = ()
    ceiling: Ceiling | None = None
    entries: tuple[Entry, ...] = ()
    masks: tuple[tuple[str, Mask], ...] = ()
    """Mask profiles by name, sorted."""
    release: tuple[ReleaseRule, ...] = ()
    regrades: tuple[Regrade, ...] = ()
    """Grades of single records; written only when there are some, so that older bundles keep their bytes."""
    scales: tuple[Scale, ...] = ()
    """From how many persons on sets are reviewed; written only when there are some."""
    successors: tuple[Change, ...] = ()
    """Territories that merged, were split or have another code; written only when there are some."""

    @classmethod
    def of(cls, value: object, where: str = "contents") -> Contents:
        """Contents from decoded JSON or TOML; raises BundleError, PredicateError."""
        reader = Reader(value, where)
        ceiling = reader.table("ceiling")
        built = cls(
            catalogue=reader.items("catalogue", Resource.of),
            ceiling=Ceiling.of(ceiling, f"{where}.ceiling") if ceiling else None,
            entries=reader.items("entries", Entry.of),
            masks=tuple((name, Mask.of(mask, f"{where}.masks.{name}")) for name, mask in sorted(reader.table("masks").items())),
            release=check_rules(reader.items("release", ReleaseRule.of), f"{where}.release"),
            regrades=reader.items("regrades", Regrade.of),
            scales=reader.items("scales", Scale.of),
            successors=check_changes(reader.items("successors", Change.of), f"{where}.successors"),
        )
        reader.done()
        _check_unique([resource.code for resource in built.catalogue], f"{where}.catalogue")
        _check_unique([entry.id for entry in built.entries], f"{where}.entries")
        _check_unique([regrade.id for regrade in built.regrades], f"{where}.regrades")
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`."""
        regrades: dict[str, object] = {"regrades": [regrade.encoded() for regrade in self.regrades]} if self.regrades else {}
        scales: dict[str, object] = {"scales": [scale.encoded() for scale in self.scales]} if self.scales else {}
        successors: dict[str, object] = {"successors": [one.encoded() for one in self.successors]} if self.successors else {}
        return (
            regrades
            | scales
            | successors
            | {
                "catalogue": [resource.encoded() for resource in self.catalogue],
                "ceiling": self.ceiling.encoded() if self.ceiling else {},
                "entries": [entry.encoded() for entry in self.entries],
                "masks": {name: mask.encoded() for name, mask in self.masks},
                "release": [rule.encoded() for rule in self.release],
            }
        )


@dataclass(frozen=True, slots=True)
class Bundle:
    """One issuer's rules at one epoch."""

    issuer: str
    """Node id of the issuer."""
    level: Level
    epoch: int
    """Rises by at least one with each change; an older one of the same issuer is never taken."""
    not_before_us: int
    not_after_us: int
    """Past this the node works in degraded mode; microseconds since 1970 UTC."""
    contents: Contents

    def __post_init__(self) -> None:
        if self.not_after_us <= self.not_before_us:
            raise BundleError(f"bundle {self.issuer} epoch {self.epoch} refused: it ends before it begins")
        for entry in self.contents.entries:
            _check_may_issue(entry, self.level, self.issuer)
        for regrade in self.contents.regrades:
            check_may_regrade(regrade, self.level, self.issuer)
        if self.contents.successors and self.level < Level.MUNICIPAL:
            raise BundleError(f"bundle {self.issuer} refused: level {self.level.word} changes no territories; ask the municipality")
        if self.contents.scales and self.level < Level.MUNICIPAL:
            raise BundleError(f"scales of {self.issuer} refused: level {self.level.word} has no table of its own; ask the municipality")

    @property
    def canonical(self) -> bytes:
        """The bundle as canonical JSON: sorted keys, no spaces, UTF-8."""
        return canonical_json(self.encoded())

    @property
    def content_sha256(self) -> bytes:
        """SHA-256 over the canonical contents: equal rules have equal hashes, whatever their epoch."""
        return hashlib.sha256(canonical_json(self.contents.encoded())).digest()

    @property
    def signed_bytes(self) -> bytes:
        """What the issuer's signature covers."""
        return b"yunnao-bundle-1\n" + self.canonical

    def encoded(self) -> dict[str, object]:
        """The bundle as plain values."""
        return {
            "format": BUNDLE_FORMAT,
            "issuer": self.issuer,
            "level": self.level.word,
            "epoch": self.epoch,
            "not_before_us": self.not_before_us,
            "not_after_us": self.not_after_us,
            "contents": self.contents.encoded(),
        }

    @classmethod
    def of(cls, value: object, where: str = "bundle") -> Bundle:
        """A bundle from decoded JSON; raises BundleError, PredicateError."""
        reader = Reader(value, where)
        reader.integer("format", low=BUNDLE_FORMAT, high=BUNDLE_FORMAT)
        built = cls(
            issuer=_node(reader.text("issuer"), where),
            level=from_word(Level, reader.text("level"), what=f"{where}.level"),
            epoch=reader.integer("epoch", low=1),
            not_before_us=reader.integer("not_before_us"),
            not_after_us=reader.integer("not_after_us"),
            contents=Contents.of(reader.table("contents")),
        )
        reader.done()
        return built


@dataclass(frozen=True, slots=True)
class SignedBundle:
    """A bundle with its signature and the certificates that lead to the trusted root."""

    bundle: Bundle
    signature: bytes
    chain_pem: str

    def check(self, verify: Verify) -> Bundle:
        """The bundle if its signature holds; raises BundleError."""
        if not verify(self.bundle.issuer, self.bundle.signed_bytes, self.signature, self.chain_pem):
            raise BundleError(
                f"bundle {self.bundle.issuer} epoch {self.bundle.epoch} refused: signature does not hold; ask its issuer for it again"
            )
        return self.bundle

    def encode(self) -> bytes:
        """Canonical bytes for files and links."""
        signature = base64.b64encode(self.signature).decode()
        return canonical_json({"bundle": self.bundle.encoded(), "signature": signature, "chain_pem": self.chain_pem})


def sign_bundle(bundle: Bundle, sign: Sign, *, chain_pem: str) -> SignedBundle:
    """`bundle` signed by its issuer."""
    return SignedBundle(bundle, sign(bundle.signed_bytes), chain_pem)


def decode_signed(data: bytes) -> SignedBundle:
    """The inverse of `SignedBundle.encode`, for bytes from anywhere; the signature is not checked here. Raises PolicyError."""
    if len(data) > BUNDLE_BYTES_MAX:
        raise BundleError(f"bundle of {len(data)} bytes refused: at most {BUNDLE_BYTES_MAX}")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise BundleError(f"bundle of {len(data)} bytes refused: not JSON") from None
    reader = Reader(value, "signed bundle")
    bundle = Bundle.of(reader.table("bundle"))
    signature, chain_pem = reader.text("signature"), reader.text("chain_pem", chars_max=CHAIN_CHARS_MAX)
    reader.done()
    try:
        signed = SignedBundle(bundle, base64.b64decode(signature, validate=True), chain_pem)
        canonical = signed.encode()
    except (binascii.Error, ValueError):
        raise BundleError(f"bundle {bundle.issuer} epoch {bundle.epoch} refused: signature not base64, or text not UTF-8") from None
    if canonical != data:
        raise BundleError(f"bundle {bundle.issuer} epoch {bundle.epoch} refused: not in canonical form")
    return signed


def newer_than(candidate: Bundle, held: Bundle | None) -> bool:
    """True when `candidate` replaces `held`; False when it is the same. Raises BundleError for an older or a forked epoch."""
    if held is None:
        return True
    if candidate.issuer != held.issuer:
        raise BundleError(f"bundle {candidate.issuer} epoch {candidate.epoch} does not replace one of {held.issuer}")
    if candidate.epoch < held.epoch:
        raise BundleError(f"bundle {candidate.issuer} epoch {candidate.epoch} refused: epoch {held.epoch} is in force and epochs only rise")
    if candidate.epoch == held.epoch and candidate.canonical != held.canonical:
        raise BundleError(
            f"bundle {candidate.issuer} epoch {candidate.epoch} refused: it differs from the one held; the issuer must raise the epoch"
        )
    return candidate.epoch > held.epoch


def canonical_json(value: object) -> bytes:
    """One byte string per value: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def check_predicates(entries: tuple[Entry, ...], schemas: dict[str, pa.Schema]) -> None:
    """Refuse an entry whose predicate does not fit a resource it selects; raises PredicateError with the place."""
    codes = sorted(schemas)
    for entry in entries:
        # Resources of one layout share their schema: one of them stands for all.
        layouts = {id(schemas[code]): code for code in _named(entry.resource, codes)} if entry.predicate else {}
        for code in layouts.values():
            try:
                compile_predicate(entry.predicate, schemas[code])
            except PredicateError as error:
                raise PredicateError(f"entry {entry.id} on {code}: {error}", position=error.position) from None


def _named(resource: str, codes: list[str]) -> list[str]:
    """Of `codes`, which ascend, the one that `resource` is, or those that begin with what stands before its `*`."""
    is_prefix = resource.endswith("*")
    named = resource[:-1] if is_prefix else resource
    start = bisect_left(codes, named)
    if not is_prefix:
        return codes[start : start + 1] if codes[start : start + 1] == [named] else []
    return list(takewhile(lambda code: code.startswith(named), codes[start:]))


def schemas_of(resources: tuple[Resource, ...]) -> dict[str, pa.Schema]:
    """The Arrow schemas of resources by code."""
    return {resource.code: schema(resource) for resource in resources}


def _check_may_issue(entry: Entry, level: Level, issuer: str) -> None:
    """Only the municipality and above withhold upward; below, a short provisional hold is the most (POLICY, tightening)."""
    if level >= Level.MUNICIPAL or not _UPWARD & set(entry.ways or (Way.UP,)):
        return
    span = entry.valid_to_us - entry.valid_from_us
    if entry.effect is not Verdict.HOLD or span > PROVISIONAL_HOLD_US_MAX:
        raise BundleError(
            f"entry {entry.id} of {issuer} refused: level {level.word} may not withhold upward; propose a hold of at most 30 days, "
            "or have the municipality issue it"
        )


def _check_unique(names: list[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BundleError(f"{where} refused: {name!r} stands twice")
        seen.add(name)


def _node(name: str, where: str) -> str:
    try:
        return check_node_id(name)
    except ModelError as error:
        raise BundleError(f"{where}.issuer: {error}") from None
