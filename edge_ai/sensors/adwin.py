"""ADWIN: has the mean of a sequence changed, and since when (Bifet, Gavalda: Learning from Time-Changing Data with Adaptive Windowing,
SIAM SDM 2007, the ADWIN2 variant with exponential histograms and the variance bound).

Pure; values lie in 0..1, which the bound needs. Memory and time per value grow with the logarithm of the window. Called by drift.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt

BUCKETS_PER_SIZE = 5
"""M of the paper: buckets of one size before the two oldest are joined."""
HALF_MIN = 5
"""Values that either side of a cut must hold."""
LEVELS_MAX = 40
"""Bucket sizes are powers of two; nobody sees 2**40 values."""

Bucket = tuple[float, float]
"""Sum and sum of squared differences from the bucket's mean."""


class Adwin:
    """A window that shrinks by itself when its older part has another mean than its newer part."""

    def __init__(self, delta: float) -> None:
        self._delta = delta
        self._levels: list[list[Bucket]] = [[]]
        """By size (1, 2, 4, ...), oldest first."""
        self.width = 0
        self.total = self._squares = 0.0

    @property
    def mean(self) -> float:
        """Of the window; 0 while it is empty."""
        return self.total / self.width if self.width else 0.0

    def add(self, value: float) -> float | None:
        """Take a value; the mean before the change when the window was cut, None when it was not."""
        self._push(value)
        before = None
        while (older := self._cut()) is not None:
            before = older if before is None else before
        return before

    def _push(self, value: float) -> None:
        if self.width:
            self._squares += self.width / (self.width + 1) * (value - self.mean) ** 2
        self.width += 1
        self.total += value
        self._levels[0].append((value, 0.0))
        level = 0
        while len(self._levels[level]) > BUCKETS_PER_SIZE:
            if level + 1 == len(self._levels):
                self._levels.append([])
            self._levels[level + 1].append(_joined(*self._levels[level][:2], size=1 << level))
            del self._levels[level][:2]
            level += 1

    def _cut(self) -> float | None:
        """Drop the oldest bucket when some split of the window shows two means; the mean of what lay before the split."""
        if self.width < 2 * HALF_MIN:
            return None
        count, total = 0, 0.0
        variance, confidence = self._squares / self.width, log(2.0 * log(self.width) / self._delta)
        for level in range(len(self._levels) - 1, -1, -1):
            for bucket_total, _ in self._levels[level]:
                count += 1 << level
                total += bucket_total
                rest = self.width - count
                if rest < HALF_MIN:
                    return None
                if count >= HALF_MIN and abs(total / count - (self.total - total) / rest) > _bound(count, rest, variance, confidence):
                    self._drop_oldest()
                    return total / count
        return None

    def _drop_oldest(self) -> None:
        level = len(self._levels) - 1
        total, squares = self._levels[level].pop(0)
        size = 1 << level
        rest = self.width - size
        if rest:
            apart = total / size - (self.total - total) / rest
            self._squares = max(self._squares - squares - size * rest / self.width * apart**2, 0.0)
        self.width, self.total = rest, self.total - total
        while len(self._levels) > 1 and not self._levels[-1]:
            self._levels.pop()

    def state(self) -> list[list[list[float]]]:
        """The buckets as plain numbers."""
        return [[list(bucket) for bucket in level] for level in self._levels]

    @classmethod
    def restored(cls, delta: float, state: Sequence[Sequence[Sequence[float]]]) -> Adwin:
        """What `state` came from. Raises ValueError when it is not that."""
        self = cls(delta)
        if not 1 <= len(state) <= LEVELS_MAX or any(len(level) > BUCKETS_PER_SIZE for level in state):
            raise ValueError("not the buckets of an ADWIN window")
        self._levels = [[(float(total), float(squares)) for total, squares in level] for level in state]
        for level in range(len(state) - 1, -1, -1):
            for total, squares in self._levels[level]:
                self._gather(1 << level, total, squares)
        return self

    def _gather(self, size: int, total: float, squares: float) -> None:
        apart = total / size - self.mean if self.width else 0.0
        self._squares += squares + size * self.width / (size + self.width) * apart**2
        self.width, self.total = self.width + size, self.total + total


def _joined(older: Bucket, newer: Bucket, *, size: int) -> Bucket:
    apart = (older[0] - newer[0]) / size
    return older[0] + newer[0], older[1] + newer[1] + size / 2 * apart**2


def _bound(count: int, rest: int, variance: float, confidence: float) -> float:
    """How far apart the means of `count` and `rest` values may lie by chance; values lie in 0..1."""
    share = 1.0 / count + 1.0 / rest
    return sqrt(2.0 * share * variance * confidence) + 2.0 / 3.0 * share * confidence
