"""NAB's score of detections on labelled windows, for the series at hand: its formula, not its leaderboard.

Pure. Lavin, Ahmad: Evaluating Real-time Anomaly Detection Algorithms, the Numenta Anomaly Benchmark (ICMLA 2015), and the standard
profile of its published code. NAB chooses each detector's threshold afterwards, over all its 58 series; nothing is chosen here, so
figures are comparable with one another only. Called by detection_bench.py.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

TRUE_WEIGHT, FALSE_WEIGHT, MISS_WEIGHT = 1.0, 0.11, 1.0
"""The standard profile: a true detection, a false one, a missed window."""
PROBATION_SHARE, PROBATION_ROWS_MAX = 0.15, 750
"""The first rows of a series are not scored: 15 %, at most 15 % of 5,000."""
STEEPNESS = 5.0
FAR = 3.0
"""Window lengths behind a window from which on a false detection costs its full weight."""

Window = tuple[int, int]
"""First and last row of a labelled window."""


@dataclass(frozen=True, slots=True)
class Score:
    """Sums that add up over series."""

    raw: float = 0.0
    windows: int = 0
    found: int = 0
    false: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.raw + other.raw, self.windows + other.windows, self.found + other.found, self.false + other.false)

    @property
    def normalised(self) -> float:
        """0 for a detector that says nothing, 100 for one that marks the first row of every window and nothing else."""
        null, perfect = -MISS_WEIGHT * self.windows, TRUE_WEIGHT * self.windows
        return 100.0 * (self.raw - null) / (perfect - null) if self.windows else 0.0


def score(rows: int, windows: Sequence[Window], detections: Sequence[int]) -> Score:
    """The score of `detections` (row numbers, ascending) on a series of `rows`; `windows` ascend and do not overlap."""
    from_row = probation(rows)
    raw, found, false = 0.0, set[int](), 0
    starts, ends = [start for start, _ in windows], [end for _, end in windows]
    for row in detections:
        if row < from_row:
            continue
        number = bisect_right(starts, row) - 1
        if number >= 0 and row <= ends[number]:
            if number not in found:
                found.add(number)
                raw += TRUE_WEIGHT * _early(row, windows[number])
        else:
            false += 1
            raw += FALSE_WEIGHT * _late(row, windows, bisect_left(ends, row) - 1)
    return Score(raw - MISS_WEIGHT * (len(windows) - len(found)), len(windows), len(found), false)


def probation(rows: int) -> int:
    """Rows at the start of a series that are not scored."""
    return min(int(PROBATION_SHARE * rows), PROBATION_ROWS_MAX)


def _early(row: int, window: Window) -> float:
    """1 at the first row of the window, near 0 at its last."""
    start, end = window
    length = end - start + 1
    return _scaled(-(end - row + 1) / length) / _scaled(-1.0)


def _late(row: int, windows: Sequence[Window], before: int) -> float:
    """What a false detection counts: the nearer behind a window, the less; -1 when none lies before it."""
    if before < 0:
        return -1.0
    start, end = windows[before]
    return _scaled((row - end) / max(end - start, 1))


def _scaled(position: float) -> float:
    return -1.0 if position > FAR else 2.0 / (1.0 + exp(STEEPNESS * position)) - 1.0
