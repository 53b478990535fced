"""A Merkle trie over 32-byte keys: one hash for all leaves, and short proofs of what stands at a key or that nothing does.

Compressed: only bits at which keys differ are branches, as in Morrison's PATRICIA (1968); leaves and branches are hashed under different
first bytes (RFC 6962, 2.1). A key's path follows its own bits, so a path that ends at the leaf of another key proves absence. Pure.
Refuses what is no trie. Called by `slices`.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from policies.errors import BundleError

HASH_BYTES = 32
KEY_BITS = 256
NODES_MAX = 1 << 20
"""Nodes of an encoded trie."""

_LEAF, _BRANCH, _EMPTY = b"\x00", b"\x01", b"\x02"
EMPTY = hashlib.sha256(_EMPTY).digest()
"""The hash of a trie without leaves."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What stands at a key."""

    key: bytes
    value: bytes
    """SHA-256 of the text that belongs to the key."""
    hash: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", hashlib.sha256(_LEAF + self.key + self.value).digest())


@dataclass(frozen=True, slots=True)
class Branch:
    """Keys without their bit `bit` are on the left, those with it on the right."""

    bit: int
    left: Node
    right: Node
    hash: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        head = _BRANCH + bytes([self.bit])
        object.__setattr__(self, "hash", hashlib.sha256(head + self.left.hash + self.right.hash).digest())


@dataclass(frozen=True, slots=True)
class Pruned:
    """A part that is not here; its hash alone."""

    hash: bytes


Node = Leaf | Branch | Pruned
Trie = Node | None
"""None: without leaves."""


def build(values: Mapping[bytes, bytes]) -> Trie:
    """The trie of values (SHA-256 each) by their keys of HASH_BYTES; the order of `values` does not matter."""
    return _built([Leaf(key, values[key]) for key in sorted(values)]) if values else None


def root_hash(trie: Trie) -> bytes:
    """The one hash that stands for all leaves."""
    return EMPTY if trie is None else trie.hash


def look_up(trie: Trie, key: bytes) -> Node | None:
    """Where the path of `key` ends: its leaf, the leaf of another key (or None) where it is absent, Pruned where that is not shown."""
    node = trie
    while isinstance(node, Branch):
        node = node.right if _bit(key, node.bit) else node.left
    return node


def pruned(trie: Trie, keys: Iterable[bytes]) -> Trie:
    """The trie with the paths of `keys` alone; the hash stays."""
    return None if trie is None else _pruned(trie, sorted(keys))


def joined(one: Trie, other: Trie) -> Trie:
    """What either of two prunings of one trie shows; both must have one hash."""
    assert root_hash(one) == root_hash(other), "only prunings of one trie are joined"
    return one if one is None or other is None else _joined(one, other)


def encode(trie: Trie) -> bytes:
    """Canonical bytes: nodes in the order branch, left, right."""
    parts: list[bytes] = []
    waiting: list[Node] = [] if trie is None else [trie]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Branch):
            parts.append(b"B" + bytes([node.bit]))
            waiting += [node.right, node.left]
        elif isinstance(node, Leaf):
            parts.append(b"L" + node.key + node.value)
        else:
            parts.append(b"P" + node.hash)
    return b"".join(parts)


def decode(data: bytes) -> Trie:
    """The inverse of `encode`, for bytes from anywhere; raises BundleError for what is no trie."""
    if not data:
        return None
    reading = _Reading(data)
    node = reading.node(-1)
    if reading.at != len(data):
        raise BundleError(f"trie refused: {len(data) - reading.at} bytes behind its end")
    return node


class _Reading:
    """Bytes being read; `at` is the place."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._nodes = 0
        self.at = 0

    def node(self, above: int) -> Node:
        """The node here, below a branch at bit `above`; bits rise on the way down, so that no path is longer than a key."""
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise BundleError(f"trie refused: more than {NODES_MAX} nodes")
        kind = self._take(1)
        if kind == b"L":
            return Leaf(self._take(HASH_BYTES), self._take(HASH_BYTES))
        if kind == b"P":
            return Pruned(self._take(HASH_BYTES))
        if kind != b"B":
            raise BundleError(f"trie refused: {kind!r} at byte {self.at - 1} is no kind of node")
        bit = self._take(1)[0]
        if bit <= above:
            raise BundleError(f"trie refused: a branch at bit {bit} below one at bit {above}")
        left = self.node(bit)
        return Branch(bit, left, self.node(bit))

    def _take(self, count: int) -> bytes:
        taken = self._data[self.at : self.at + count]
        if len(taken) < count:
            raise BundleError(f"trie refused: it ends at byte {len(self._data)} in the middle of a node")
        self.at += count
        return taken


def _built(leaves: Sequence[Leaf]) -> Node:
    """The trie of leaves that ascend by key: the first and the last differ at the first bit at which any do."""
    if len(leaves) == 1:
        return leaves[0]
    differing = int.from_bytes(leaves[0].key) ^ int.from_bytes(leaves[-1].key)
    assert differing, "two leaves of one key"
    bit = KEY_BITS - differing.bit_length()
    middle = bisect_left(leaves, True, key=lambda leaf: _bit(leaf.key, bit))
    return Branch(bit, _built(leaves[:middle]), _built(leaves[middle:]))


def _pruned(node: Node, keys: Sequence[bytes]) -> Node:
    if not keys:
        return Pruned(node.hash)
    if not isinstance(node, Branch):
        return node
    right = [key for key in keys if _bit(key, node.bit)]
    left = [key for key in keys if not _bit(key, node.bit)]
    return Branch(node.bit, _pruned(node.left, left), _pruned(node.right, right))


def _joined(one: Node, other: Node) -> Node:
    if isinstance(one, Branch) and isinstance(other, Branch):
        return Branch(one.bit, _joined(one.left, other.left), _joined(one.right, other.right))
    return other if isinstance(one, Pruned) else one


def _bit(key: bytes, bit: int) -> bool:
    return bool(key[bit >> 3] & (0x80 >> (bit & 7)))
