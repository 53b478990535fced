"""Buckets: numbers are cut where they lie, ranges survive the wire, and the table of fates blames only what cannot be."""

from __future__ import annotations

import pytest

from sync.core.equality import (
    BUCKET_NUMBERS,
    cut,
    may_differ,
    pack_range,
    pack_sums,
    sent_pieces,
    states_digest,
    unpack_ranges,
    unpack_sums,
)
from sync.model import NO_ROWS, Fate, ModelError, Run, State


def test_a_run_is_cut_at_every_bucket() -> None:
    pieces = list(cut(BUCKET_NUMBERS - 2, 2 * BUCKET_NUMBERS + 1))
    assert pieces == [(65_534, 65_535), (65_536, 131_071), (131_072, 131_073)]


def test_only_runs_that_were_sent_have_sums() -> None:
    runs = [Run("a", 1, 1, 5, 0), Run("a", 1, 6, 9, NO_ROWS, State.DENIED), Run("b", 1, 65_530, 65_540, 5)]
    pieces = [(run.origin, first, last) for run, first, last in sent_pieces(runs)]
    assert pieces == [("a", 1, 5), ("b", 65_530, 65_535), ("b", 65_536, 65_540)]


def test_sums_survive_the_ledger_and_a_torn_one_is_dropped() -> None:
    blob = pack_sums([1, (1 << 64) + 7, (1 << 64) - 1])
    assert unpack_sums(blob) == [1, 7, (1 << 64) - 1]
    assert unpack_sums(blob[:-1]) == [1, 7]


def test_ranges_survive_the_wire_and_a_foreign_one_is_refused() -> None:
    packed = pack_range(1, 4, Fate.DELIVERED) + pack_range(7, 7, Fate.LOST)
    assert unpack_ranges(packed) == [(1, 4, Fate.DELIVERED), (7, 7, Fate.LOST)]
    assert states_digest(packed) != states_digest(packed[:17])
    for bad in (packed[:-1], packed[:-1] + b"\x09", pack_range(9, 3, Fate.LOST)):
        with pytest.raises(ModelError):
            unpack_ranges(bad)


@pytest.mark.parametrize(
    ("here", "there", "is_wrong"),
    [
        (Fate.DELIVERED, Fate.DELIVERED, False),
        (Fate.DELIVERED, Fate.WITHHELD, True),
        (Fate.DELIVERED, Fate.PENDING, True),
        (Fate.DELIVERED, Fate.LOST, True),
        (Fate.WITHHELD, Fate.DELIVERED, False),
        (Fate.WITHHELD, Fate.PENDING, True),
        (Fate.WITHHELD, Fate.EXPIRED, False),
        (Fate.LOST, Fate.LOST, False),
        (Fate.EXPIRED, Fate.LOST, True),
        (Fate.PENDING, Fate.PENDING, False),
        (Fate.PENDING, Fate.LOST, False),
    ],
)
def test_the_peer_may_have_more_than_it_was_sent_and_never_less(here: Fate, there: Fate, is_wrong: bool) -> None:
    assert may_differ(here, there) is is_wrong
