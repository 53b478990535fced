"""Random tables of totals, what is released of them, and how a reader solves for what is not.

The reader knows every total over a family (siblings of one place in one group, all groups of one place): more than the product publishes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from policies.catalogue import Derived, Grouping
from policies.release import Cell

DERIVED = Derived("residents", (Grouping("place", "territory", 12), Grouping("decade", "birth_year", 10)), widen_to=9)
PARENT = "370202001"
Flags = npt.NDArray[np.bool_]


def table(rng: np.random.Generator, places: int, groups: int, mean: float) -> list[Cell]:
    """Poisson cells of one parent; empty ones are no cells."""
    counts = rng.poisson(mean, (places, groups))
    cells = [
        Cell(f"{PARENT}{place:03d}", (1800 + 10 * group,), int(counts[place, group])) for place in range(places) for group in range(groups)
    ]
    return [cell for cell in cells if cell.count]


@dataclass(frozen=True, slots=True)
class Solved:
    """What a reader makes of the hidden cells of one table, cell by cell."""

    certain: Flags
    """Worked out from all families together: linear algebra, then bounds, cells being at least one."""
    at_once: Flags
    """Known already from the total of one family alone: guessing from the marginals."""


def solve(cells: Sequence[Cell], hidden: Collection[str], *, across: bool) -> Solved:
    """Solve for the hidden cells; `across` when totals over the groups of a place are known too."""
    names = [cell.key for cell in cells if cell.key in hidden]
    families: dict[object, list[int]] = {}
    for index, cell in enumerate(cell for cell in cells if cell.key in hidden):
        families.setdefault(("siblings", cell.group), []).append(index)
        if across:
            families.setdefault(("groups", cell.place), []).append(index)
    counts = np.array([cell.count for cell in cells if cell.key in hidden], np.int64)
    members = np.zeros((len(families), len(names)), np.bool_)
    for row, family in enumerate(families.values()):
        members[row, family] = True
    totals = members @ counts
    at_once = np.array([bool(((members.sum(1) == 1) | (totals == members.sum(1)))[members[:, index]].any()) for index in range(len(names))])
    return Solved(_by_algebra(members) | _by_bounds(members, totals), at_once)


def _by_algebra(members: Flags) -> Flags:
    """True where every solution of the totals has the same value: nothing of the null space touches the cell."""
    _, sizes, basis = np.linalg.svd(members.astype(np.float64))
    null = basis[int((sizes > 1e-9).sum()) :]
    return np.asarray((np.abs(null) < 1e-9).all(axis=0), np.bool_)


def _by_bounds(members: Flags, totals: npt.NDArray[np.int64]) -> Flags:
    low = np.ones(members.shape[1], np.int64)
    high = np.full(members.shape[1], int(totals.max(initial=0)), np.int64)
    before = -1
    while before != (before := int(high.sum() - low.sum())):
        for family, total in zip(members, totals, strict=True):
            high[family] = np.minimum(high[family], total - (low[family].sum() - low[family]))
            low[family] = np.maximum(low[family], total - (high[family].sum() - high[family]))
    return np.asarray(low == high, np.bool_)
