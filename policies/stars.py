"""Partial masks over the bytes of whole dictionaries: some characters stay at both ends, every other becomes a star.

Owns the arithmetic on UTF-8: characters are code points, as they are for readers of `masks`. Arrow's text kernels do the same in five
passes that each build every text anew. Called by `masks` alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from policies.arrow import Column, laid_out, texts_of

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]

_STAR = ord("*")
_ASCII_END = 0x80
_CONTINUATION = 0x80
_CONTINUATION_BITS = 0xC0


def starred(words: Column, *, head: int, tail: int) -> Column:
    """`words` with `head` characters kept at the start and `tail` at the end; of a word with no more than these, the first of several.

    `words` are texts of type string; a null becomes some text, which the caller nulls again.
    """
    starts, data = laid_out(words)
    width = _common_width(starts, data)
    if width > head + tail:
        table = data.reshape(len(words), width).copy()
        table[:, head : width - tail] = _STAR
        return texts_of(starts, table.tobytes())
    return _by_character(starts, data, head=head, tail=tail)


def _common_width(starts: Numbers, data: Bytes) -> int:
    """The characters of every word where all have as many and all are ASCII; -1 otherwise."""
    words = len(starts) - 1
    if not words or not len(data) or len(data) % words or data.max() >= _ASCII_END:
        return -1
    width = len(data) // words
    return width if bool((np.diff(starts) == width).all()) else -1


def _by_character(starts: Numbers, data: Bytes, *, head: int, tail: int) -> Column:
    characters = np.append(np.flatnonzero((data & _CONTINUATION_BITS) != _CONTINUATION), len(data))  # where each begins, and the end
    first = np.searchsorted(characters, starts)  # of each word, by number
    counts = np.diff(first)
    is_short = counts <= head + tail
    heads = np.where(is_short, np.clip(counts - 1, 0, 1), head)
    tails = np.where(is_short, 0, tail)
    head_ends, tail_starts = characters[first[:-1] + heads], characters[first[1:] - tails]
    head_bytes, tail_bytes = head_ends - starts[:-1], starts[1:] - tail_starts
    lengths = head_bytes + (counts - heads - tails) + tail_bytes
    made = np.concatenate(([0], np.cumsum(lengths)))
    masked = np.full(made[-1], _STAR, np.uint8)
    _copy(data, starts[:-1], masked, made[:-1], head_bytes)
    _copy(data, tail_starts, masked, made[1:] - tail_bytes, tail_bytes)
    return texts_of(made, masked.tobytes())


def _copy(source: Bytes, sources: Numbers, target: Bytes, targets: Numbers, sizes: Numbers) -> None:
    """Copy `sizes` bytes from each of `sources` to each of `targets`: what is kept is short, so there are few sizes."""
    for size in np.flatnonzero(np.bincount(sizes)).tolist():
        rows, places = np.flatnonzero(sizes == size), np.arange(size)
        target[targets[rows, None] + places] = source[sources[rows, None] + places]
