"""Buckets of sequence numbers: how two nodes compare what one sent with what the other stored, a few bytes for 65,536 numbers.

Of each bucket of a stream both ends make a digest of the states of its numbers, and a sum, modulo 2^64, of a hash of each row that was
delivered. The sum does not depend on order, so it needs no sorting and grows with the data. Two buckets that differ look equal with a
probability of 2^-64 (and a digest of states with 2^-64); with a million buckets compared every day for a hundred years that is about
2 in 10^9. Against forgery stand the manifests, not this. Pure; called by node/equality.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence

from sync.model import Fate, ModelError, Run, State

BUCKET_NUMBERS = 65_536
"""Sequence numbers in a bucket: bucket 0 holds the numbers 0 to 65,535 (0 is never given), and so on."""

SUM_MODULUS = 1 << 64

_RANGE = struct.Struct("<QQB")
_SUM = struct.Struct("<Q")
FATES = (Fate.PENDING, Fate.DELIVERED, Fate.WITHHELD, Fate.EXPIRED, Fate.LOST)
"""The fates by their number in messages and digests; never reordered."""


def bucket_of(number: int) -> int:
    """The bucket that holds a sequence number."""
    return number // BUCKET_NUMBERS


def cut(first: int, last: int) -> Iterator[tuple[int, int]]:
    """`first`..`last` in pieces that lie in one bucket each."""
    while first <= last:
        stop = min(last, (bucket_of(first) + 1) * BUCKET_NUMBERS - 1)
        yield first, stop
        first = stop + 1


def pack_range(first: int, last: int, fate: Fate) -> bytes:
    """One range of numbers as messages and digests have it."""
    return _RANGE.pack(first, last, FATES.index(fate))


def unpack_ranges(blob: bytes) -> list[tuple[int, int, Fate]]:
    """The inverse of joined `pack_range`s; raises ModelError for a torn or foreign one."""
    if len(blob) % _RANGE.size:
        raise ModelError(f"ranges of {len(blob)} bytes refused: not a multiple of {_RANGE.size}")
    rows = list(_RANGE.iter_unpack(blob))
    if any(not 0 <= first <= last or code >= len(FATES) for first, last, code in rows):
        raise ModelError("ranges refused: numbers descend, or a fate is unknown")
    return [(first, last, FATES[code]) for first, last, code in rows]


def states_digest(packed: bytes) -> int:
    """64 bits over the fates of the numbers of a bucket, packed as ascending ranges, neighbours of one fate joined, pending left out."""
    return int.from_bytes(hashlib.sha256(packed).digest()[:8], "little")


def may_differ(here: Fate, there: Fate) -> bool:
    """True when the fate of a number at the sender and at its peer cannot both be right.

    The peer may have more than it was sent (it came another way), never less; of what waits nothing is said.
    """
    if here is Fate.PENDING or there is Fate.DELIVERED:
        return False
    if here is Fate.DELIVERED or there is Fate.PENDING:
        return True
    return there is Fate.LOST and here is not Fate.LOST


def sent_pieces(runs: Sequence[Run]) -> Iterator[tuple[Run, int, int]]:
    """The runs of a part whose rows were sent, each cut into pieces of one bucket: run, first and last number. The order of row sums."""
    for run in runs:
        if run.state is State.PRESENT:
            for first, last in cut(run.first, run.last):
                yield run, first, last


def pack_sums(sums: Iterable[int]) -> bytes:
    """Row sums of a part as the share ledger keeps them."""
    return b"".join(_SUM.pack(value % SUM_MODULUS) for value in sums)


def unpack_sums(blob: bytes) -> list[int]:
    """The inverse of `pack_sums`; a torn last value is dropped."""
    return [value for (value,) in _SUM.iter_unpack(blob[: len(blob) // _SUM.size * _SUM.size])]
