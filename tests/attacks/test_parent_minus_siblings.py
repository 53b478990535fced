"""Parent minus siblings: the reader knows the totals of all families and subtracts what is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from policies.ceiling import ReleaseRule
from policies.suppression import hidden_cells, siblings
from tests.attacks.tables import DERIVED, solve, table

ADVANTAGE_MAX = 0.05
"""What counts as no better: POLICY's bound for an advantage. Two standard errors of a difference of shares near 0.2 come on top."""
TABLES = 400
ONE_WAY = [(5, 8, 5, 0.66), (14, 12, 5, 0.92), (8, 15, 11, 0.43), (14, 20, 11, 0.83)]
"""Siblings, mean, k, and the share of suppressed cells that POLICY's table measured as recovered by the threshold alone."""
MEASURED_MARGIN = 0.09
"""Four hundred tables hide some 130 to 600 cells; the standard error of a share of 0.43 to 0.92 over 130 is 0.044 at most: two of them."""
Clue = tuple[int, int]
TWO_WAY = [(3, 4, 12, 10), (5, 4, 8, 5), (8, 6, 12, 10), (14, 10, 20, 10), (14, 10, 14, 5)]


@pytest.mark.parametrize(("places", "mean", "k", "measured"), ONE_WAY)
def test_the_threshold_alone_falls_to_the_attack_as_was_measured(places: int, mean: float, k: int, measured: float) -> None:
    rng = np.random.default_rng(places)
    found = total = 0
    for _ in range(TABLES):
        cells = table(rng, places, 1, mean)
        small = {cell.key for cell in cells if cell.count < k}
        total += len(small)
        found += int(solve(cells, small, across=False).certain.sum()) if len(small) == 1 else 0
    assert abs(found / total - measured) < MEASURED_MARGIN


@pytest.mark.parametrize(("places", "mean", "k", "measured"), ONE_WAY)
def test_no_suppressed_cell_is_recovered_from_its_parent(places: int, mean: float, k: int, measured: float) -> None:
    rng = np.random.default_rng(places)
    rule, hidden_count = ReleaseRule(3, k), 0
    for _ in range(TABLES // 4):
        # A group of its own for each table, so that no second family hides more than this attack needs.
        cells = table(rng, places, 2, mean)
        hidden = hidden_cells(cells, rule, DERIVED, {})
        hidden_count += len(hidden)
        assert not hidden or not solve(cells, hidden, across=False).certain.any()
    assert hidden_count


@pytest.mark.parametrize(("places", "groups", "mean", "k"), TWO_WAY)
def test_going_from_family_to_family_recovers_nothing_that_one_total_did_not_tell(places: int, groups: int, mean: float, k: int) -> None:
    rng, rule = np.random.default_rng(places * groups), ReleaseRule(3, k)
    hidden_count = 0
    for _ in range(40):
        cells = table(rng, places, groups, mean)
        hidden = hidden_cells(cells, rule, DERIVED, {})
        if hidden:
            solved = solve(cells, hidden, across=True)
            hidden_count += len(hidden)
            assert not (solved.certain & ~solved.at_once).any()
    assert hidden_count > 20


def test_the_attack_sees_a_cell_between_two_circles() -> None:
    """Two hidden in every family is not enough: a cell that joins two circles has one value only."""
    rng = np.random.default_rng(5)
    cells = table(rng, 6, 6, 100)
    by_place = [[cell for cell in cells if cell.place.endswith(f"{place:03d}")] for place in range(6)]
    circles = [by_place[row][column].key for row, column in ((0, 0), (0, 1), (1, 0), (1, 1), (3, 3), (3, 4), (4, 3), (4, 4))]
    bridge = by_place[0][3].key
    solved = solve(cells, {*circles, bridge}, across=True)
    assert int(solved.certain.sum()) == 1


def clues(rng: np.random.Generator, places: int, groups: int, mean: float, rule: ReleaseRule) -> Iterator[tuple[int, Clue, Clue]]:
    """Each hidden cell of one table, with what a reader of the shown siblings has of it, and what one has who sees the total alone."""
    cells = table(rng, places, groups, mean)
    hidden = hidden_cells(cells, rule, DERIVED, {})
    for family in siblings(cells, DERIVED).values():
        kept = [cell for cell in family if cell.key in hidden]
        for cell in kept:
            left = round(sum(other.count for other in kept) / len(kept))
            yield cell.count, (left, len(kept)), (round(sum(other.count for other in family) / len(family)), len(kept))


def share_of_hits(seen: list[tuple[int, Clue]], asked: list[tuple[int, Clue]]) -> float:
    """How often the count seen most with a clue is the count: the best guess there is, learned from tables of the same kind."""
    counted: dict[Clue, Counter[int]] = {}
    for count, clue in seen:
        counted.setdefault(clue, Counter())[count] += 1
    usual = Counter(count for count, _ in seen).most_common(1)[0][0]
    return sum((counted[clue].most_common(1)[0][0] if clue in counted else usual) == count for count, clue in asked) / len(asked)


@pytest.mark.slow
@pytest.mark.parametrize(("places", "groups", "mean", "k"), TWO_WAY[:3])
def test_the_best_guess_is_no_better_than_one_from_the_marginals(places: int, groups: int, mean: float, k: int) -> None:
    rng, rule = np.random.default_rng(7), ReleaseRule(3, k)
    seen, asked = ([clue for _ in range(160) for clue in clues(rng, places, groups, mean, rule)] for _ in range(2))
    attack = share_of_hits([(count, left) for count, left, _ in seen], [(count, left) for count, left, _ in asked])
    guess = share_of_hits([(count, whole) for count, _, whole in seen], [(count, whole) for count, _, whole in asked])
    assert len(asked) > 600
    assert attack <= guess + ADVANTAGE_MAX + 2 * (2 * 0.2 * 0.8 / len(asked)) ** 0.5
