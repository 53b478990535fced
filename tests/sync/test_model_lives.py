"""Where two copies of a journal parted, told by their lives."""

from __future__ import annotations

import pytest

from sync.model import LIVES_TOLD_MAX, Life, parting

A, B, C, D = Life(1, 0), Life(2, 50), Life(3, 80), Life(4, 90)


@pytest.mark.parametrize(
    ("own", "known", "shared"),
    [
        ((A, B), (A, B), None),  # the same copy
        ((A, B, C), (A, B), 80),  # only this one went on
        ((A, B), (A, B, D), 90),  # only the other one went on
        ((A, B, C), (A, B, D), 80),  # both did: what is shared ends where the first of them began
        ((A, B, D), (A, B, C), 80),
        ((A,), (), None),  # a peer of an older program
        ((C,), (D,), 80),  # copied before lives were written down
    ],
)
def test_the_parting_is_the_beginning_of_the_first_life_that_is_not_shared(
    own: tuple[Life, ...], known: tuple[Life, ...], shared: int | None
) -> None:
    assert parting(own, known) == shared


def test_a_list_that_is_cut_off_before_the_common_lives_tells_nothing() -> None:
    known = tuple(Life(100 + number, 1_000 + number) for number in range(LIVES_TOLD_MAX))
    assert parting((A, B), known) is None
