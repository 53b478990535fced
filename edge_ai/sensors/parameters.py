"""The one set of numbers by which every series is judged; none is tuned to a series.

They were chosen on the air and traffic series, which have no labels, for a handful of alarms a month each, and committed before any
labelled series was scored (benchmarks/detection_bench.py).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Counts are readings unless a name says otherwise; deviations are in standard deviations of the series itself."""

    warm: int = 288
    """A series is learnt for this many readings before it may be called unusual: a day at one reading per five minutes."""
    memory: int = 4_000
    """The usual level and spread are averages that forget at this pace."""
    short: int = 12
    """A level is the average of about this many newest readings."""
    bin_memory: int = 60
    """Readings that an hour of the day remembers."""
    bin_visits: int = 3
    """Days on which an hour must have been seen before its usual value is used."""
    deviation: float = 4.0
    """No level nearer to the usual than this is called unusual, nor a group's distance."""
    jump_deviation: float = 6.0
    """Nor a jump: single readings have heavier tails than averages."""
    excursion_factor: float = 1.15
    """And nothing that does not exceed the largest deviation remembered by this factor."""
    excursion_memory: int = 20_000
    """Pace at which the largest deviation is forgotten."""
    clip: float = 4.0
    """An outlier counts in averages as if it lay here, so that it does not become the usual at once."""
    block: int = 12
    """Readings whose mean is one value for the test of drift."""
    drift_confidence: float = 2e-3
    """delta of ADWIN: the chance of a false cut that is accepted for one block."""
    drift_rest: int = 64
    """Blocks without a cut after which a drift alarm ends."""
    group_memory: int = 1_000
    """Pace at which a group forgets how its members move together."""
    group_shrink: float = 0.05
    """Part of the identity in a group's correlation matrix, so that it can be inverted."""
    utc_offset_s: int = 8 * 3600
    """Hours of the day are those of this offset: China Standard Time."""
