"""Comparing what was sent with what a peer says it stored, down to the first number that differs. Pure; called by desk.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from node.equality.rowhash import Hashes
from node.equality.sums import total
from node.equality.views import SentView
from node.equality.wire import BUCKETS_PER_QUESTION, STREAMS_PER_QUESTION, AskedBucket, AskedStream, Detail, EqualityError
from sync.core.equality import BUCKET_NUMBERS, may_differ, unpack_ranges
from sync.model import Fate, ModelError, Stream


@dataclass(frozen=True, slots=True)
class Difference:
    """The first number of a stream that is not at the peer as it was sent."""

    stream: Stream
    number: int
    here: Fate
    there: Fate
    is_content: bool
    """True when both have the record, with other values."""


@dataclass(slots=True)
class Proof:
    """What one comparison of a hop found."""

    streams: int = 0
    buckets: int = 0
    differing: int = 0
    """Buckets that differ, the explained ones included."""
    differences: list[Difference] = field(default_factory=list)
    states_only: int = 0
    """Buckets of which only the states could be compared."""
    unproven: list[str] = field(default_factory=list)
    """What could not be compared, and why."""


def questions(view: SentView, *, has_rows: bool) -> Iterator[tuple[list[int], list[AskedStream]]]:
    """The streams of a view in pages: their places in the view, and what is asked of them."""
    places: list[int] = []
    asked: list[AskedStream] = []
    size = 0
    for place in range(len(view.fates)):
        for buckets in _paged(view.fates[place].buckets()):
            if asked and (len(asked) >= STREAMS_PER_QUESTION or size + len(buckets) > BUCKETS_PER_QUESTION):
                yield places, asked
                places, asked, size = [], [], 0
            places.append(place)
            asked.append(_asked(view, place, buckets, has_rows=has_rows))
            size += len(buckets)
    if asked:
        yield places, asked


def _paged(buckets: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(buckets), BUCKETS_PER_QUESTION):
        yield buckets[start : start + BUCKETS_PER_QUESTION]


def _asked(view: SentView, place: int, buckets: Sequence[int], *, has_rows: bool) -> AskedStream:
    fates = view.fates[place]
    entries = []
    for bucket in buckets:
        wanted = view.wanted(place, bucket) if has_rows else None
        entries.append(AskedBucket(bucket, fates.digest(bucket), *(wanted or (0, -1))))
    stream = fates.stream
    return AskedStream(stream.origin, stream.incarnation, int(stream.lane), fates.upto, entries)


def compare(view: SentView, place: int, detail: Detail, own: Hashes | None) -> Difference | None:
    """The first number of a bucket that is wrong at the peer; None when what differs is explained (it came another way).

    `own` are the hashes of rows that are here as they were sent. Raises EqualityError for an answer that makes no sense.
    """
    there = _codes(detail)
    here = _own_codes(view, place, detail.bucket)
    stream, base = view.fates[place].stream, detail.bucket * BUCKET_NUMBERS
    for code in np.unique(here.astype(np.uint16) << 8 | there).tolist():
        ours, theirs = _FATES[code >> 8], _FATES[code & 0xFF]
        if may_differ(ours, theirs):
            wrong = np.flatnonzero((here == code >> 8) & (there == (code & 0xFF)))
            return Difference(stream, base + int(wrong[0]), ours, theirs, is_content=False)
    number = _first_other_row(view, place, detail, own)
    return None if number is None else Difference(stream, number, Fate.DELIVERED, Fate.DELIVERED, is_content=True)


_FATES = (Fate.PENDING, Fate.DELIVERED, Fate.WITHHELD, Fate.EXPIRED, Fate.LOST)


def _codes(detail: Detail) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    codes = np.zeros(BUCKET_NUMBERS, np.uint8)
    base = detail.bucket * BUCKET_NUMBERS
    try:
        ranges = unpack_ranges(detail.ranges)
    except ModelError as error:
        raise EqualityError(str(error)) from None
    for first, last, fate in ranges:
        if not base <= first <= last < base + BUCKET_NUMBERS:
            raise EqualityError(f"range {first}..{last} refused: it is not in bucket {detail.bucket}")
        codes[first - base : last - base + 1] = _FATES.index(fate)
    return codes


def _own_codes(view: SentView, place: int, bucket: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    codes = np.zeros(BUCKET_NUMBERS, np.uint8)
    fates, base = view.fates[place], bucket * BUCKET_NUMBERS
    low, high = np.searchsorted(fates.first, (base, base + BUCKET_NUMBERS))
    for index in range(int(low), int(high)):
        codes[int(fates.first[index]) - base : int(fates.last[index]) - base + 1] = fates.fate[index]
    return codes


def _first_other_row(view: SentView, place: int, detail: Detail, own: Hashes | None) -> int | None:
    """The first number whose row is another one there; numbers whose row came another way, or was let go, are left out."""
    if not detail.hashes:
        return None
    if len(detail.hashes) != BUCKET_NUMBERS * 8:
        raise EqualityError(f"hashes of bucket {detail.bucket} refused: {len(detail.hashes)} bytes")
    there = np.frombuffer(detail.hashes, "<u8")
    base = detail.bucket * BUCKET_NUMBERS
    found: list[int] = []
    if own is not None:
        other = np.flatnonzero((own != 0) & (there != 0) & (own != there))
        found += [base + int(other[0])] if len(other) else []
    for first, last, value in view.kept[place]:
        if base <= first and last < base + BUCKET_NUMBERS:
            part = there[first - base : last - base + 1]
            if part.all() and total(part) != value:
                found.append(first)
    return min(found, default=None)
