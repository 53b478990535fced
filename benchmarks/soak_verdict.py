"""What samples of long-running processes say: slopes that one odd sample cannot bend, and the verdict against their bounds. Pure.

Called by camera_soak.py.
"""

from __future__ import annotations

from array import array
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
WIDTH = 7
"""Numbers of a packed sample."""
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
    connected: frozenset[str] = frozenset()
    """Cameras that it reads at that moment: each holds a decoder's memory."""


class Series:
    """Samples of one process in order, packed: who measures is among what is measured, and its own notes must not be what grows."""

    def __init__(self) -> None:
        self._numbers = array("d")
        self._connected: dict[frozenset[str], int] = {}

    def add(self, sample: Sample) -> None:
        """The next one."""
        number = self._connected.setdefault(sample.connected, len(self._connected))
        self._numbers.extend((sample.at_s, sample.pid, sample.rss_bytes, sample.fds, sample.threads, sample.reconnects, number))

    def samples(self) -> list[Sample]:
        """All of them."""
        return [self._at(place) for place in range(0, len(self._numbers), WIDTH)]

    def newest(self) -> Sample:
        """The last one."""
        return self._at(len(self._numbers) - WIDTH)

    def _at(self, place: int) -> Sample:
        at_s, pid, rss_bytes, fds, threads, reconnects, number = self._numbers[place : place + WIDTH]
        connected = next(known for known, index in self._connected.items() if index == number)
        return Sample(at_s, int(pid), int(rss_bytes), int(fds), int(threads), int(reconnects), connected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """What became of one process since the warm-up."""

    identity: str
    seconds: float
    rss_mib: tuple[float, float]
    """At the two quiet moments: no camera connected, after the warm-up and at the end."""
    mib_per_hour: float
    mib_per_hour_by_half: tuple[float, float]
    """Of the first and the second half of that time: what fills up flattens, what leaks goes on."""
    mib_per_1000_reconnects: float
    """Of all cameras of the street."""
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
    at_s = np.array([sample.at_s for sample in life])
    rss_mib = np.array([sample.rss_bytes / MIB for sample in life])
    alike = np.array([hash(sample.connected) for sample in life])
    half = len(life) // 2
    return Grown(
        identity=identity,
        seconds=life[-1].at_s - life[0].at_s,
        rss_mib=(round(before.rss_bytes / MIB, 2), round(after.rss_bytes / MIB, 2)),
        mib_per_hour=HOUR_S * slope(at_s, rss_mib, alike),
        mib_per_hour_by_half=(
            HOUR_S * slope(at_s[:half], rss_mib[:half], alike[:half]),
            HOUR_S * slope(at_s[half:], rss_mib[half:], alike[half:]),
        ),
        mib_per_1000_reconnects=1000 * slope(np.array([float(sample.reconnects) for sample in life]), rss_mib, alike),
        fds_gained=after.fds - before.fds,
        threads_gained=after.threads - before.threads,
        restarts=restarts,
    )


def slope(xs: NDArray[np.float64], ys: NDArray[np.float64], alike: NDArray[np.int64]) -> float:
    """The median of the slopes of all pairs (Theil and Sen) of moments that are `alike`; 0 where none of them lie apart.

    A process holds a MiB or so for each camera that is connected: moments with other cameras compare that, not what is left behind.
    """
    step = -(-len(xs) // POINTS_MAX)
    xs, ys, alike = xs[::step], ys[::step], alike[::step]
    first, second = np.triu_indices(len(xs), 1)
    across = xs[second] - xs[first]
    compared = (across != 0) & (alike[second] == alike[first])
    if not compared.any():
        return 0.0
    return float(np.median((ys[second] - ys[first])[compared] / across[compared]))


def _longest_life(samples: Sequence[Sample]) -> list[Sample]:
    lives: dict[int, list[Sample]] = {}
    for sample in samples:
        lives.setdefault(sample.pid, []).append(sample)
    return max(lives.values(), key=len)
