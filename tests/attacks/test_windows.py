"""Differencing between windows and trickle: the reader keeps every release and subtracts old from new."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from policies.ceiling import ReleaseRule
from policies.release import Cell, ReleaseState, release_cells
from tests.attacks.tables import DERIVED, PARENT

RULE = ReleaseRule(3, 10)
ADVANTAGE_MAX = 0.05
Counts = dict[str, int]


def window(counts: Counts, state: ReleaseState) -> tuple[dict[str, int | None], ReleaseState]:
    """One window over communities with one decade: what is told, by place."""
    cells = [Cell(PARENT + place, (1820,), count) for place, count in counts.items() if count]
    told, after = release_cells(cells, RULE, DERIVED, state)
    return {cell.place.removeprefix(PARENT): cell.count for cell in told}, after


def run(windows: list[Counts]) -> list[dict[str, int | None]]:
    """What each of some windows told."""
    state, told = ReleaseState(), []
    for counts in windows:
        answer, state = window(counts, state)
        told.append(answer)
    return told


def test_a_sum_that_was_shown_is_not_taken_apart_by_what_is_shown_next() -> None:
    """6 + 7 are shown as 13. If the second grows to 17 and the first then passes ten, 23 - 17 would say that the first had been 6."""
    told = run([{"001": 6, "002": 7}, {"001": 6, "002": 17}, {"001": 12, "002": 17}, {"001": 19, "002": 17}])
    assert told[0] == {"001": None, "002": None, "": 13}
    assert told[1] == {"": 23}
    assert told[2] == {}
    assert told[3] == {"001": 19, "002": 17}


@pytest.mark.parametrize("seed", range(3))
def test_old_sums_minus_new_cells_recover_no_more_than_a_guess(seed: int) -> None:
    """Small families that grow at random: every sum ever shown minus the first values of the other members."""
    rng = np.random.default_rng(seed)
    hits = tries = 0
    for _ in range(150):
        counts = {f"{place:03d}": int(rng.poisson(6)) for place in range(int(rng.integers(2, 4)))}
        state, sums, first = ReleaseState(), list[tuple[int, Counts]](), dict[str, int]()
        for _ in range(12):
            told, state = window(counts, state)
            first |= {place: value for place, value in told.items() if place and value is not None and place not in first}
            if told.get("") is not None:
                sums.append((int(told[""] or 0), dict(counts)))
            counts = {place: count + int(rng.poisson(1.5)) for place, count in counts.items()}
        for total, then in sums:
            for place in first.keys() & then.keys():
                others = [other for other in then if other != place]
                if all(other in first for other in others) and then[place] < RULE.k:
                    tries += 1
                    hits += total - sum(first[other] for other in others) == then[place]
    assert tries > 50
    # A guess of one value out of the nine below k hits one time in nine at least.
    assert hits / tries <= 1 / 9 + 2 * (1 / 9 * 8 / 9 / tries) ** 0.5


@pytest.mark.parametrize("seed", range(3))
def test_two_releases_of_one_cell_never_differ_by_fewer_than_k(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = {f"{place:03d}": int(rng.poisson(14)) for place in range(6)}
    state, last = ReleaseState(), dict[str, int]()
    for _ in range(120):
        told, state = window(counts, state)
        for place, value in told.items():
            if value is not None:
                assert place not in last or abs(value - last[place]) >= RULE.k
                last[place] = value
        counts = {place: max(0, count + int(rng.integers(-3, 4))) for place, count in counts.items()}


@pytest.mark.parametrize("chance", [0.1, 0.3, 0.5])
def test_a_trickle_of_single_persons_cannot_be_followed(chance: float) -> None:
    """In each window one person arrives or none. The reader says `arrived` when a release came, else whatever is likelier."""
    rng = np.random.default_rng(int(chance * 100))
    state, hits, guesses, windows = ReleaseState(), 0, 0, 3_000
    counts: Counter[str] = Counter({"001": 40, "002": 40})
    window(dict(counts), state)
    for _ in range(windows):
        has_arrived = bool(rng.random() < chance)
        counts["001"] += has_arrived
        told, state = window(dict(counts), state)
        hits += has_arrived == (bool(told) or chance > 0.5)
        guesses += has_arrived == (chance > 0.5)
    assert hits >= guesses  # the reader does learn something: one arrival in k
    assert (hits - guesses) / windows <= ADVANTAGE_MAX


def test_the_same_attack_follows_a_running_counter_to_the_person() -> None:
    rng = np.random.default_rng(1)
    arrivals = rng.random(500) < 0.3
    counter = np.cumsum(arrivals)
    assert (np.diff(counter, prepend=0) == arrivals).all()


def test_one_window_is_released_once() -> None:
    told = run([{"001": 30, "002": 44}, {"001": 30, "002": 44}, {"001": 31, "002": 44}])
    assert told == [{"001": 30, "002": 44}, {}, {}]
