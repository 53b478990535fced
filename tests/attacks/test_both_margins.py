"""Both margins: the reader knows the exact totals of every place and of every group, and what is shown of the cells.

More than the product publishes, but a yearbook may have it. Subtracting what is shown leaves each hidden cell in a few equations; the best
guess from those is held against the best guess of one who has the same totals and sees no cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from policies.ceiling import ReleaseRule
from policies.release import Cell, ReleaseState, release_cells
from tests.attacks.tables import DERIVED, table

ADVANTAGE_MAX = 0.05
TABLES = 120
EXACT = 1
"""A step of rounding that changes nothing."""
Clue = tuple[int, int, int]


@dataclass(frozen=True)
class Target:
    """One hidden cell, as the two readers see it."""

    count: int
    attack: Clue
    """Best linear estimate from all totals and all shown cells, and how many are hidden beside it, both ways."""
    guess: Clue
    """The same from the totals alone."""


def targets(rng: np.random.Generator, places: int, groups: int, mean: float, rule: ReleaseRule) -> Iterator[Target]:
    """Every hidden cell of one random table."""
    cells = table(rng, places, groups, mean)
    told, _ = release_cells(cells, rule, DERIVED, ReleaseState())
    shown = {(cell.place, cell.group): cell.count for cell in told}
    hidden = [cell for cell in cells if shown[cell.place, cell.group] is None]
    if not hidden:
        return
    totals = _by_family(cells, [cell.count for cell in cells])
    told_of = _by_family(cells, [shown[cell.place, cell.group] or 0 for cell in cells])
    many = _by_family(hidden, [1] * len(hidden))
    whole = sum(cell.count for cell in cells)
    expected = np.array([totals[cell.place] * totals[cell.group] / whole for cell in hidden])
    members = np.array([[family in (cell.place, cell.group) for cell in hidden] for family in many], np.float64)
    left = np.array([totals[family] - told_of[family] for family in many])
    noise = np.array([_families(cells)[family] - many[family] for family in many]) * (rule.step**2 - 1) / 12
    # Counts are Poisson: their variance is their mean. This is their best linear estimate given the sums, each as exact as it is shown.
    spread = np.diag(expected)
    gain = spread @ members.T @ np.linalg.pinv(members @ spread @ members.T + np.diag(noise))
    best = expected + gain @ (left - members @ expected)
    for index, cell in enumerate(hidden):
        beside = min(many[cell.place], 4), min(many[cell.group], 4)
        yield Target(cell.count, (round(best[index]), *beside), (round(expected[index]), *beside))


def advantage(places: int, groups: int, mean: float, rule: ReleaseRule) -> tuple[float, int]:
    """How much more often the attack hits than the guess, each learned from tables of the same kind, and over how many cells."""
    rng = np.random.default_rng(places * groups)
    seen, asked = ([one for _ in range(TABLES) for one in targets(rng, places, groups, mean, rule)] for _ in range(2))
    attack = _hits([(one.attack, one.count) for one in seen], [(one.attack, one.count) for one in asked])
    guess = _hits([(one.guess, one.count) for one in seen], [(one.guess, one.count) for one in asked])
    return attack - guess, len(asked)


@pytest.mark.slow
@pytest.mark.parametrize(("places", "groups", "mean", "k"), [(3, 4, 12, 10), (5, 4, 8, 5), (8, 6, 12, 10), (10, 6, 24, 20)])
def test_who_knows_both_margins_recovers_no_more_than_a_guess_from_them(places: int, groups: int, mean: float, k: int) -> None:
    found, cells = advantage(places, groups, mean, ReleaseRule(3, k))
    assert cells > 500
    # Two standard errors of the difference of two shares near 0.2 over the same cells.
    assert found <= ADVANTAGE_MAX + 2 * (2 * 0.2 * 0.8 / cells) ** 0.5


@pytest.mark.slow
def test_the_same_attack_recovers_cells_beside_exact_counts() -> None:
    found, _ = advantage(8, 6, 12, ReleaseRule(3, 10, rounding=EXACT))
    assert found > 2 * ADVANTAGE_MAX


def test_counts_are_exact_where_nothing_is_hidden_beside_them() -> None:
    rule = ReleaseRule(3, 10)
    counts = {("001", 1820): 3, ("001", 1830): 44, ("002", 1820): 4, ("002", 1830): 43, ("003", 1820): 18, ("003", 1830): 42}
    cells = [Cell(f"370202001{place}", (decade,), count) for (place, decade), count in counts.items()]
    told, _ = release_cells([*cells, Cell("370202002001", (1820,), 77)], rule, DERIVED, ReleaseState())
    found = {(cell.place[9:], cell.group[0]): cell.count for cell in told if cell.place.startswith("370202001")}
    assert found[("001", 1820)] is found[("002", 1820)] is None
    assert found[("003", 1830)] in (40, 42, None)
    assert {cell.count for cell in told if cell.place == "370202002001"} == {77}


def _families(cells: list[Cell]) -> Counter[object]:
    return _by_family(cells, [1] * len(cells))


def _by_family(cells: list[Cell], counts: list[int]) -> Counter[object]:
    found: Counter[object] = Counter()
    for cell, count in zip(cells, counts, strict=True):
        found[cell.place] += count
        found[cell.group] += count
    return found


def _hits(seen: list[tuple[Clue, int]], asked: list[tuple[Clue, int]]) -> float:
    """How often the count met most with a clue is the count."""
    counted: dict[Clue, Counter[int]] = {}
    for clue, count in seen:
        counted.setdefault(clue, Counter())[count] += 1
    usual = Counter(count for _, count in seen).most_common(1)[0][0]
    return sum((counted[clue].most_common(1)[0][0] if clue in counted else usual) == count for clue, count in asked) / len(asked)
