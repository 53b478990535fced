"""What a job reads of the journal: as many batches as fit, and no look at those behind them."""

from __future__ import annotations

from collections.abc import Iterator

from node.store.queries import Weight, lsns_within

TAKEN_MAX = 4


def weights(taken: list[int]) -> Iterator[Weight]:
    for lsn in range(1, 1_000):
        taken.append(lsn)
        yield lsn, 10


def test_reading_ends_with_the_first_batch_that_does_not_fit() -> None:
    taken: list[int] = []
    assert lsns_within(weights(taken), 35) == [1, 2, 3]
    assert len(taken) == TAKEN_MAX


def test_one_batch_is_read_however_heavy_it_is() -> None:
    assert lsns_within(iter([(7, 1_000), (8, 1)]), 10) == [7]
