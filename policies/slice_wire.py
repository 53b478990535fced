"""Slices as bytes for links and files: canonical JSON, compressed (zlib), because most of it are texts that resemble each other.

A delta is a slice whose texts are left out where the other end said that it has them. Owns the format. Refuses what is too large, not
canonical or incomplete, and texts that nothing names. Called by the node's policy store.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator

from policies import trie
from policies.bundle import BUNDLE_BYTES_MAX, canonical_json
from policies.errors import BundleError
from policies.reading import Reader, as_text
from policies.roots import Root, SignedRoot, read_hash
from policies.slices import Slice, Texts, chain_hash
from policies.trie import Branch, Leaf, Trie
from sync.model import ModelError, check_resource

SLICE_BYTES_MAX = 4 << 20
"""Compressed bytes of one slice."""
COMPRESSION = 9
"""Links of grids are thin, and a slice is cut once for many of them."""


def encode(part: Slice) -> bytes:
    """The bytes of a slice, with the texts that it has."""
    assert part.codes is not None, "a whole tree travels as a whole bundle"
    value = {
        "root": part.root.encoded(),
        "signature": base64.b64encode(part.signed.signature).decode(),
        "chain": chain_hash(part.signed).hex(),
        "trie": base64.b64encode(trie.encode(part.trie)).decode(),
        "codes": sorted(part.codes),
        "texts": [part.texts[digest].decode() for digest in sorted(part.texts)],
    }
    return zlib.compress(canonical_json(value), COMPRESSION)


def decode(data: bytes, known_of: Callable[[str], Texts]) -> Slice:
    """The slice in `data`, for bytes from anywhere; texts that it leaves out are taken from what is known of its issuer.

    Everything is checked but the signature and what the texts say. Raises BundleError.
    """
    reader = Reader(_json(data), "slice")
    root = Root.of(reader.table("root"), "slice.root")
    name = f"slice of bundle {root.issuer} epoch {root.epoch}"
    signature, chain = _base64(reader.text("signature"), name), read_hash(reader.text("chain"), "slice.chain")
    shown = trie.decode(_base64(reader.text("trie", chars_max=BUNDLE_BYTES_MAX), name))
    codes, brought = reader.items("codes", _code), dict(_texts(reader))
    reader.done()
    known = known_of(root.issuer)
    named = {*root.common, *_all_values(shown), chain}
    if strangers := brought.keys() - named:
        raise BundleError(f"{name} refused: {len(strangers)} of its texts belong to no leaf of its tree; ask for it again")
    texts = {digest: brought.get(digest, known.get(digest, b"")) for digest in named if digest in brought or digest in known}
    if chain not in texts:
        raise BundleError(f"{name} refused: its chain of certificates is not there; ask for it again")
    signed = SignedRoot(root, signature, texts[chain].decode())
    built = Slice(signed, shown, texts, frozenset(codes))
    return built if is_alone(built) else built.checked()


def is_alone(part: Slice) -> bool:
    """True for a signed root without anything of its tree."""
    return part.codes == frozenset() and len(part.texts) == 1


def _texts(reader: Reader) -> Iterator[tuple[bytes, bytes]]:
    for text in reader.items("texts", _text):
        yield hashlib.sha256(text).digest(), text


def _all_values(shown: Trie) -> Iterable[bytes]:
    waiting = [shown]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Leaf):
            yield node.value
        elif isinstance(node, Branch):
            waiting += [node.left, node.right]


def _json(data: bytes) -> object:
    if len(data) > SLICE_BYTES_MAX:
        raise BundleError(f"slice of {len(data)} bytes refused: at most {SLICE_BYTES_MAX}")
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(data, BUNDLE_BYTES_MAX)
    except zlib.error:
        raise BundleError(f"slice of {len(data)} bytes refused: not compressed as slices are") from None
    if unpacking.unconsumed_tail or unpacking.unused_data or not unpacking.eof:
        raise BundleError(f"slice of {len(data)} bytes refused: cut off, or more than {BUNDLE_BYTES_MAX} bytes when unpacked")
    try:
        value = json.loads(text)
        is_canonical = canonical_json(value) == text
    except (ValueError, RecursionError):
        raise BundleError(f"slice of {len(data)} bytes refused: not JSON") from None
    if not is_canonical:
        raise BundleError(f"slice of {len(data)} bytes refused: not in canonical form")
    return value


def _base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BundleError(f"{name} refused: signature or tree not base64") from None


def _text(value: object, where: str) -> bytes:
    if not isinstance(value, str):
        raise BundleError(f"{where} refused: expected a text")
    return value.encode()


def _code(value: object, where: str) -> str:
    try:
        return check_resource(as_text(value, where))
    except ModelError as error:
        raise BundleError(f"{where}: {error}") from None
