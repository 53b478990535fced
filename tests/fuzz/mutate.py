"""Makes bad bytes out of good ones, from a seed: the changes that broken senders, cut files and attackers make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

INTERESTING = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\xff\xff\xff\xff\xff\xff\xff\x7f")
"""Edges of the integers that lengths and counts are read as."""
CHANGES_MAX = 4


def mutated(rng: Random, samples: Sequence[bytes]) -> bytes:
    """One of `samples` after a few changes; now and then bytes that were never a sample."""
    if rng.random() < 0.02:
        return rng.randbytes(rng.randrange(200))
    data = bytearray(rng.choice(samples))
    for _ in range(rng.randint(1, CHANGES_MAX)):
        rng.choice(_CHANGES)(rng, data, samples)
    return bytes(data)


def _place(rng: Random, data: bytearray) -> int:
    return rng.randrange(len(data) + 1)


def _flip(rng: Random, data: bytearray, samples: Sequence[bytes]) -> None:
    del samples
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _overwrite(rng: Random, data: bytearray, samples: Sequence[bytes]) -> None:
    del samples
    edge, at = rng.choice(INTERESTING), _place(rng, data)
    data[at : at + len(edge)] = edge


def _cut(rng: Random, data: bytearray, samples: Sequence[bytes]) -> None:
    del samples
    del data[_place(rng, data) :]


def _drop(rng: Random, data: bytearray, samples: Sequence[bytes]) -> None:
    del samples
    at = _place(rng, data)
    del data[at : at + rng.randint(1, 16)]


def _double(rng: Random, data: bytearray, samples: Sequence[bytes]) -> None:
    del samples
    at = _place(rng, data)
    data[at:at] = data[at : at + rng.randint(1, 64)] * rng.randint(1, 4)


def _splice(rng: Random, data: bytearray, samples: Sequence[bytes]) -> None:
    other = rng.choice(samples)
    start = rng.randrange(len(other) + 1)
    at = _place(rng, data)
    data[at:at] = other[start : start + rng.randint(1, 64)]


_CHANGES: tuple[Callable[[Random, bytearray, Sequence[bytes]], None], ...] = (_flip, _flip, _overwrite, _cut, _drop, _double, _splice)
