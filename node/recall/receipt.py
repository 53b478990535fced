"""The receipt of one holder: what was erased, store by store, under one root hash, where it had come from and who had been given it.

Owns its words and bounds. A receipt names nodes and counts, never a value. Made from the tombstones and the share ledger, so a node that
crashed makes the same one again. Called by desk.py; read at the issuer by closure.py.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from node.store.recalled import Stretch
from node.untrusted import UNREADABLE
from sync.model import Stream, merged_ranges

PEERS_PER_FACT = 100
"""Nodes that one fact names; more go into further facts of the same case."""

Count = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]
Node = Annotated[str, Meta(min_length=1, max_length=63)]
Ranges = Mapping[Stream, Sequence[tuple[int, int]]]


class Stores(msgspec.Struct, frozen=True):
    """What was changed in each store of a node."""

    journal_rows: Count = 0
    """Rows erased or masked, copies included."""
    journal_batches: Count = 0
    projections: Count = 0
    """Resources whose mart was deleted; it is built again from what is left."""
    damaged_copies: Count = 0
    evidence: Count = 0
    """Rows of the resource that keeps pictures, among those of the journal."""
    pages: Count = 0
    """Pages of requests that were fetched here and handed to a person; none is kept at a node."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says once it has complied."""

    order: Annotated[str, Meta(min_length=1, max_length=200)]
    entry: Annotated[str, Meta(min_length=1, max_length=100)]
    root: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    erased: Count = 0
    """Records of others that are no longer here."""
    masked: Count = 0
    kept: Count = 0
    """Records that this node made itself."""
    stores: Stores = Stores()
    began_us: Count = 0
    done_us: Count = 0
    onward: Annotated[dict[Node, Count], Meta(max_length=PEERS_PER_FACT)] = {}
    """Records by the node that was given them."""
    sources: Annotated[list[Node], Meta(max_length=PEERS_PER_FACT)] = []
    """Nodes that they came from."""
    fetched: Annotated[dict[Node, Count], Meta(max_length=PEERS_PER_FACT)] = {}
    """By node that fetched pages under a request, the rows on those that may hold such records."""
    requests: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=PEERS_PER_FACT)] = []
    """Requests under which this node fetched pages: whoever asked has files to destroy."""


def read_receipt(body: Mapping[str, object]) -> Receipt | None:
    """A receipt in the body of a fact; None when it is none."""
    known = {key: value for key, value in body.items() if key in Receipt.__struct_fields__}
    try:
        return msgspec.convert(known, Receipt)
    except UNREADABLE:
        return None


def root_of(stretches: Iterable[Stretch]) -> str:
    """One hash over all that was erased: over the sorted hashes of its stretches, each with the hash of the payload it was in."""
    leaves = sorted([hashlib.sha256(_leaf(one).encode()).digest() for one in stretches])
    return hashlib.sha256(b"".join(leaves)).hexdigest()


def ranges_of(stretches: Iterable[Stretch]) -> dict[Stream, list[tuple[int, int]]]:
    """The numbers of stretches by stream, merged: a copy of a record counts once."""
    found: dict[Stream, list[tuple[int, int]]] = {}
    for stream, part in groupby(stretches, key=attrgetter("stream")):
        found.setdefault(stream, []).extend([(one.first, one.last) for one in part])
    return {stream: merged_ranges(ranges) for stream, ranges in found.items()}


def count_of(ranges: Ranges) -> int:
    """Numbers in merged ranges."""
    return sum(last - first + 1 for of in ranges.values() for first, last in of)


def given_to(ranges: Ranges, delivered: Iterable[tuple[str, Stream, int, int]]) -> dict[str, int]:
    """How many of the numbers in merged `ranges` went to whom; what went twice counts once."""
    went: dict[tuple[str, Stream], list[tuple[int, int]]] = {}
    for peer, stream, first, last in delivered:
        if stream in ranges:
            went.setdefault((peer, stream), []).append((first, last))
    found: Counter[str] = Counter()
    for (peer, stream), stretches in went.items():
        found[peer] += sum(shared(ranges[stream], first, last) for first, last in merged_ranges(stretches))
    return {peer: count for peer, count in sorted(found.items()) if count}


def pages_of(receipt: Receipt) -> list[dict[str, Any]]:
    """The bodies of the facts that say a receipt: the first whole, the others with the nodes that did not fit."""
    onward, sources, fetched = list(receipt.onward.items()), receipt.sources, list(receipt.fetched.items())
    count = max(1, -(-max(len(onward), len(sources), len(fetched)) // PEERS_PER_FACT))
    cuts = [slice(index * PEERS_PER_FACT, (index + 1) * PEERS_PER_FACT) for index in range(count)]
    parts = [msgspec.structs.replace(receipt, onward=dict(onward[cut]), sources=sources[cut], fetched=dict(fetched[cut])) for cut in cuts]
    return [msgspec.to_builtins(part) for part in parts]


def _leaf(one: Stretch) -> str:
    """The tuple of what a stretch is, as Python writes it."""
    stream = one.stream
    where = f"{stream.origin!r}, {stream.incarnation}, {int(stream.lane)}, {stream.resource!r}"
    return f"({where}, {one.first}, {one.last}, {one.is_masked}, {one.was_sha256.hex()!r})"


def shared(ranges: Sequence[tuple[int, int]], first: int, last: int) -> int:
    """Numbers of `first`..`last` in ascending ranges."""
    total, place = 0, max(0, bisect_right(ranges, (first, 1 << 63)) - 1)
    while place < len(ranges) and ranges[place][0] <= last:
        total += max(0, min(last, ranges[place][1]) - max(first, ranges[place][0]) + 1)
        place += 1
    return total
