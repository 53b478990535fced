"""What samples of long-running processes say: slopes that one odd sample cannot bend, and the verdict against their bounds. Pure.

Called by camera_soak.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIB = 1 << 20
HOUR_S = 3600.0
SLOPE_MIB_MAX = 1.0
"""An hour, and a thousand reconnects (EDGE_AI failure 6)."""
JUDGED_S_MIN = 600.0
"""A slope over less is noise."""
POINTS_MAX = 800
"""Samples of which every pair gives a slope."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment."""

    at_s: float
    pid: int
    rss_bytes: int
    fds: int
    threads: int
    reconnects: int
    """Of all cameras together, until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """What became of one process since the warm-up."""

    identity: str
    seconds: float
    rss_mib: tuple[float, float]
    """At the two quiet moments: no camera connected, after the warm-up and at the end."""
    mib_per_hour: float
    mib_per_1000_reconnects: float
    fds_gained: int
    threads_gained: int
    """Both between the quiet moments."""
    restarts: int

    def faults(self) -> list[str]:
        """In which way it is not as it has to be."""
        told = []
        if self.seconds < JUDGED_S_MIN:
            told.append(f"{self.identity}: {self.seconds:.0f} s of one life after the warm-up tell nothing, {JUDGED_S_MIN:.0f} are needed")
        for per, slope in (("hour", self.mib_per_hour), ("1,000 reconnects", self.mib_per_1000_reconnects)):
            if slope >= SLOPE_MIB_MAX:
                told.append(f"{self.identity}: {slope:.2f} MiB more per {per}, under {SLOPE_MIB_MAX:g} is asked")
        if self.fds_gained > 0:
            told.append(f"{self.identity}: {self.fds_gained} more file descriptors")
        if self.threads_gained > 0:
            told.append(f"{self.identity}: {self.threads_gained} more threads")
        if self.restarts:
            told.append(f"{self.identity}: started again {self.restarts} times")
        return told


@dataclass(frozen=True, slots=True)
class Quiet:
    """A process while no camera was connected: the least of some samples in a row."""

    rss_bytes: int
    fds: int
    threads: int


def quiet(samples: Sequence[Sample]) -> Quiet:
    """The least of each, for an attempt to connect may be under way in any of them."""
    return Quiet(
        min(sample.rss_bytes for sample in samples), min(sample.fds for sample in samples), min(sample.threads for sample in samples)
    )


def grown(identity: str, samples: Sequence[Sample], before: Quiet, after: Quiet, *, restarts: int) -> Grown:
    """The growth of one process from its samples since the warm-up; those of its longest life count."""
    life = _longest_life(samples)
    rss_mib = np.array([sample.rss_bytes / MIB for sample in life])
    return Grown(
        identity=identity,
        seconds=life[-1].at_s - life[0].at_s,
        rss_mib=(round(before.rss_bytes / MIB, 2), round(after.rss_bytes / MIB, 2)),
        mib_per_hour=HOUR_S * slope(np.array([sample.at_s for sample in life]), rss_mib),
        mib_per_1000_reconnects=1000 * slope(np.array([float(sample.reconnects) for sample in life]), rss_mib),
        fds_gained=after.fds - before.fds,
        threads_gained=after.threads - before.threads,
        restarts=restarts,
    )


def slope(xs: NDArray[np.float64], ys: NDArray[np.float64]) -> float:
    """The median of the slopes of all pairs (Theil and Sen); 0 where x never changes."""
    step = -(-len(xs) // POINTS_MAX)
    xs, ys = xs[::step], ys[::step]
    first, second = np.triu_indices(len(xs), 1)
    across = xs[second] - xs[first]
    apart = across != 0
    if not apart.any():
        return 0.0
    return float(np.median((ys[second] - ys[first])[apart] / across[apart]))


def _longest_life(samples: Sequence[Sample]) -> list[Sample]:
    lives: dict[int, list[Sample]] = {}
    for sample in samples:
        lives.setdefault(sample.pid, []).append(sample)
    return max(lives.values(), key=len)
