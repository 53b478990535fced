"""Rows of state that grow: one numpy record a series. Pure; called by the rules of this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Records = np.ndarray[Any, np.dtype[np.void]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

CAPACITY_MIN = 16


class Table:
    """Records of one dtype, numbered from 0. What is taken out is a copy; `put` writes it back."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self._records: Records = np.zeros(CAPACITY_MIN, dtype=list(fields))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, count: int = 1, **values: float) -> int:
        """Add `count` records alike, zero where `values` says nothing; the number of the first."""
        first, end = self._count, self._count + count
        while end > len(self._records):
            self._records = np.concatenate([self._records, np.zeros_like(self._records)])
        for name, value in values.items():
            self._records[name][first:end] = value
        self._count = end
        return first

    def take(self, rows: Ints) -> Records:
        """Copies of the records `rows`."""
        taken: Records = self._records.take(rows)
        return taken

    def put(self, rows: Ints, records: Records) -> None:
        """Write `records` back to `rows`, which name each record once."""
        # As bytes, whole: numpy writes records field by field, ten times slower.
        whole = np.dtype((np.void, self._records.itemsize))
        self._records.view(whole)[rows] = records.view(whole)

    def everything(self) -> Records:
        """All records, not copied: for looking only."""
        return self._records[: self._count]

    def state(self, row: int) -> dict[str, float]:
        """A record as plain numbers."""
        return {name: self._records[name][row].item() for name in self._names()}

    def restore(self, row: int, state: Mapping[str, float]) -> None:
        """Put back what `state` gave. Raises KeyError when a field is missing, ValueError or TypeError when one is no number."""
        for name in self._names():
            self._records[name][row] = state[name]

    def states(self, first: int, count: int) -> dict[str, list[float]]:
        """Several records as plain numbers, by field."""
        return {name: self._records[name][first : first + count].tolist() for name in self._names()}

    def restore_many(self, first: int, count: int, state: Mapping[str, Sequence[float]]) -> None:
        """Put back what `states` gave. Raises KeyError, ValueError or TypeError when it is not that."""
        for name in self._names():
            if len(state[name]) != count:
                raise ValueError(f"{len(state[name])} numbers of {name}, where {count} are asked for")
            self._records[name][first : first + count] = state[name]

    def _names(self) -> tuple[str, ...]:
        return tuple(self._records.dtype.names or ())
