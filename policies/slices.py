"""Slices of a bundle: the rules of the resources that a node works with, proved against the issuer's signed root.

Owns how contents are divided and put together again. What names one resource code (its definition, the entries and regrades that name it)
is the text of its leaf in a trie keyed by the SHA-256 of the code; what is bound to no single code is common: prefixes and categories,
ceiling, masks, release rules, scales, territories. Refuses what the root does not prove. Pure. Encoding is `slice_wire`; called by the
node's policy store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from policies import trie
from policies.bundle import Bundle, Contents, canonical_json
from policies.entry import Entry
from policies.errors import BundleError
from policies.reading import Reader
from policies.roots import COMMON_MAX, Root, SignedRoot
from policies.trie import Leaf, Pruned, Trie

CHUNK_ENTRIES = 8
"""Common entries of one text, on average; more of them where there would be more than CHUNKS_MEANT texts."""
CHUNKS_MEANT = COMMON_MAX // 8
TEXTS_READ_MAX = 1_024
"""Texts that are remembered as read."""
MARK_BYTES = 8
"""Beginning of a text's SHA-256 by which a node says that it has the text: a wrong match is found by the whole hash."""

Texts = Mapping[bytes, bytes]
"""Texts by their SHA-256."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What is here of one bundle's tree: a root, the part of its trie that is shown, and texts."""

    signed: SignedRoot
    trie: Trie
    texts: Texts
    codes: frozenset[str] | None
    """Resource codes that it answers for; None: all, because the whole tree is here."""

    @property
    def root(self) -> Root:
        """What the issuer signed."""
        return self.signed.root

    def covers(self, code: str) -> bool:
        """True when what the bundle says about the code is here, be it nothing."""
        return self.codes is None or code in self.codes

    def leaf(self, code: str) -> bytes | None:
        """The text of a code's leaf, None when there is none by proof. Raises BundleError when it is neither shown nor disproved."""
        key = key_of(code)
        end = trie.look_up(self.trie, key)
        if isinstance(end, Pruned):
            raise BundleError(f"{self.signed.name} refused: {code} is neither shown nor proved absent; ask for it again")
        if not isinstance(end, Leaf) or end.key != key:
            return None
        if end.value not in self.texts:
            raise BundleError(f"{self.signed.name} refused: the rules of {code} are named and not there; ask for it again")
        return self.texts[end.value]

    @property
    def marks(self) -> frozenset[bytes]:
        """What a node says that it has."""
        return frozenset(digest[:MARK_BYTES] for digest in self.texts)

    def narrowed(self, codes: Iterable[str], *, without: Collection[bytes] = ()) -> Slice:
        """What answers for those of `codes` that are covered here, less the texts whose marks are in `without`."""
        answered = frozenset(code for code in codes if self.covers(code))
        shown = trie.pruned(self.trie, map(key_of, answered))
        needed = [*self.root.common, *_values(shown, {key_of(code) for code in answered}), chain_hash(self.signed)]
        texts = {digest: self.texts[digest] for digest in needed if digest[:MARK_BYTES] not in without}
        return Slice(self.signed, shown, texts, answered)

    def joined(self, other: Slice) -> Slice:
        """This and another slice under the same root."""
        if self.codes is None or other.codes is None:
            return self if self.codes is None else other
        return Slice(self.signed, trie.joined(self.trie, other.trie), {**self.texts, **other.texts}, self.codes | other.codes)

    def checked(self) -> Slice:
        """The slice, once trie, common leaf and the leaf of every code it answers for hold against its root; raises BundleError.

        Signature and chain are the caller's to check.
        """
        if trie.root_hash(self.trie) != self.root.trie:
            raise BundleError(f"{self.signed.name} refused: its tree does not lead to the signed root; ask for it again")
        missing = [digest for digest in self.root.common if digest not in self.texts]
        if missing:
            raise BundleError(f"{self.signed.name} refused: {len(missing)} texts of the common leaf are not there; ask for it again")
        for code in self.codes or ():
            self.leaf(code)
        return self

    def bundle(self) -> Bundle:
        """What it says as a bundle: the common part and the leaves of the codes it answers for. Raises PolicyError."""
        root, parts = self.root, [_read(self.texts[digest]) for digest in self.root.common]
        parts += [_read_leaf(text, code)[0] for code, text in self._shown()]
        return Bundle(root.issuer, root.level, root.epoch, root.not_before_us, root.not_after_us, _together(parts))

    def named(self) -> frozenset[str]:
        """Codes without which a resource here cannot be worked with: totals made of it, what it is made of, what it is checked against.

        Ask for them too, until nothing more is named: a grade that comes from a lineage which is not here is held.
        """
        found: set[str] = set()
        for code, text in self._shown():
            contents, derives = _read_leaf(text, code)
            found |= set(derives)
            for resource in contents.catalogue:
                found |= {rule.resource for rule in resource.quality.rules if rule.resource}
                found |= {resource.derived.source} if resource.derived else set()
                found |= set(resource.lineage)
        return frozenset(found)

    def _shown(self) -> Iterator[tuple[str, bytes]]:
        """The codes that have a leaf, with its text."""
        for code in sorted(self.codes or ()):
            if (text := self.leaf(code)) is not None:
                yield code, text


def whole_of(bundle: Bundle, signed: SignedRoot) -> Slice:
    """The whole tree of a bundle that is here, to cut slices from; raises BundleError when it is not the one that was signed."""
    root, whole, texts = _grown(bundle)
    if root != signed.root:
        raise BundleError(f"{signed.name} refused: the signed root is not that of the bundle held")
    chain = signed.chain_pem.encode()
    return Slice(signed, whole, {**texts, chain_hash(signed): chain}, None)


def root_of(bundle: Bundle) -> Root:
    """The root that the issuer of a bundle signs beside it."""
    return _grown(bundle)[0]


def alone(signed: SignedRoot) -> Slice:
    """The signed root by itself, for a node that holds the whole bundle."""
    shown = None if signed.root.trie == trie.EMPTY else Pruned(signed.root.trie)
    return Slice(signed, shown, {chain_hash(signed): signed.chain_pem.encode()}, frozenset())


def covered_alike(slices: Iterable[tuple[Bundle, Slice | None]]) -> Iterator[Bundle]:
    """Bundles without the definitions that some slice does not answer for: rules known in part would be looser than the rules."""
    held = list(slices)
    parts = [part for _, part in held if part is not None]
    for bundle, _ in held:
        kept = tuple(one for one in bundle.contents.catalogue if all(part.covers(one.code) for part in parts))
        same = len(kept) == len(bundle.contents.catalogue)
        yield bundle if same else replace(bundle, contents=replace(bundle.contents, catalogue=kept))


def key_of(code: str) -> bytes:
    """The key of a resource code in the trie."""
    return hashlib.sha256(code.encode()).digest()


def chain_hash(signed: SignedRoot) -> bytes:
    """The SHA-256 of the chain: it travels as a text, once."""
    return hashlib.sha256(signed.chain_pem.encode()).digest()


def _grown(bundle: Bundle) -> tuple[Root, Trie, dict[bytes, bytes]]:
    """Root, trie and texts of a whole bundle."""
    texts: dict[bytes, bytes] = {}

    def kept(text: bytes) -> bytes:
        digest = hashlib.sha256(text).digest()
        texts[digest] = text
        return digest

    common = tuple(kept(canonical_json(_short(part))) for part in _common(bundle.contents))
    leaves = {key_of(code): kept(text) for code, text in _leaves(bundle.contents)}
    grown = trie.build(leaves)
    root = Root(
        bundle.issuer, bundle.level, bundle.epoch, bundle.not_before_us, bundle.not_after_us, trie.root_hash(grown), common, len(leaves)
    )
    return root, grown, texts


def _common(contents: Contents) -> Iterator[Contents]:
    """The common leaf in parts: the tables, then the entries in their order, cut where a hash of their ids says.

    So another entry changes one or two of the texts, wherever it stands.
    """
    yield replace(contents, catalogue=(), entries=(), regrades=())
    entries = [entry for entry in contents.entries if _is_common(entry)]
    divisor = CHUNK_ENTRIES
    while len(entries) > divisor * CHUNKS_MEANT:
        divisor *= 2
    chunk: list[Entry] = []
    for entry in entries:
        chunk.append(entry)
        # Ids are chosen by people: a list of them that never cuts becomes one long text, not a wrong one.
        if int.from_bytes(hashlib.sha256(entry.id.encode()).digest()[:4]) % divisor == 0:
            yield Contents(entries=tuple(chunk))
            chunk = []
    if chunk:
        yield Contents(entries=tuple(chunk))


def _leaves(contents: Contents) -> Iterator[tuple[str, bytes]]:
    parts: dict[str, tuple[list[object], list[object], list[object], list[str]]] = {}

    def part(code: str) -> tuple[list[object], list[object], list[object], list[str]]:
        return parts.setdefault(code, ([], [], [], []))

    for resource in contents.catalogue:
        part(resource.code)[0].append(resource.encoded())
        if resource.derived is not None:
            part(resource.derived.source)[3].append(resource.code)
    for entry in contents.entries:
        if not _is_common(entry):
            part(entry.resource)[1].append(entry.encoded())
    for regrade in contents.regrades:
        part(regrade.resource)[2].append(regrade.encoded())
    for code, (catalogue, entries, regrades, derives) in parts.items():
        filled = _filled({"catalogue": catalogue, "entries": entries, "regrades": regrades})
        yield code, canonical_json({"resource": code, "contents": filled, "derives": sorted(derives)})


def _is_common(entry: Entry) -> bool:
    return entry.resource.endswith("*")


def _short(contents: Contents) -> dict[str, object]:
    return _filled(contents.encoded())


def _filled(encoded: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in encoded.items() if value}


# Of a delta only the texts that changed are read again.
@lru_cache(maxsize=TEXTS_READ_MAX)
def _read(text: bytes) -> Contents:
    return Contents.of(_json(text), "common leaf")


@lru_cache(maxsize=TEXTS_READ_MAX)
def _read_leaf(text: bytes, code: str) -> tuple[Contents, tuple[str, ...]]:
    """What a leaf says, and the codes of totals made of its resource; raises BundleError when it is about another code."""
    where = f"leaf of {code}"
    reader = Reader(_json(text), where)
    named, contents, derives = reader.text("resource"), Contents.of(reader.table("contents"), where), reader.texts("derives")
    reader.done()
    about = [item.code for item in contents.catalogue] + [item.resource for item in contents.entries]
    about += [item.resource for item in contents.regrades]
    foreign = [other for other in (named, *about) if other != code]
    if foreign:
        raise BundleError(f"slice refused: the leaf of {code} is about {foreign[0]}")
    return contents, derives


def _json(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BundleError("slice refused: a text of it is not JSON") from None


def _together(parts: Iterable[Contents]) -> Contents:
    """The parts of one bundle as its contents; the tables are in the first alone."""
    found = list(parts)
    tables = found[0] if found else Contents()
    return replace(
        tables,
        catalogue=tuple(one for part in found for one in part.catalogue),
        entries=tuple(one for part in found for one in part.entries),
        regrades=tuple(one for part in found for one in part.regrades),
    )


def _values(shown: Trie, keys: Collection[bytes]) -> Iterator[bytes]:
    """Hashes of the texts at `keys`."""
    for key in sorted(keys):
        end = trie.look_up(shown, key)
        if isinstance(end, Leaf) and end.key == key:
            yield end.value
