"""Cameras in real processes for a stretch of time: what they cost, and how many of their pictures were analysed.

A process reports once a second, so counts are taken from one report to another with the time between: from any moment to any other they
would be wrong by a second's worth. Called by camera_bench.py.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil

from edge_ai.spec import CameraSpec
from node.cameras.supervisor import CameraSupervisor
from node.clock import SystemClock

SECONDS = 10.0
WARM_S = 4.0
"""Seconds until the gates have learned and the models are warm."""
OPEN_S = 60
LOOK_EVERY_S = 0.01
SILENT_S = 2.2
"""Seconds without a change after which a count stands still, rather than waits for the next report."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one camera did."""

    count: int
    seconds: float

    @property
    def per_s(self) -> float:
        """The rate."""
        return self.count / self.seconds

    def asked(self, per_s: float) -> int:
        """How many there are at least in so many seconds at this rate."""
        return math.floor(self.seconds * per_s)


@dataclass(frozen=True, slots=True)
class Run:
    """What happened in a stretch of time with cameras running."""

    cores: float
    """CPU seconds a second of all camera processes."""
    frames_per_s: float
    """Of all cameras."""
    analysed: dict[str, Counted]
    age_ms: float
    """The worst camera's 95 % of ages."""

    @property
    def analysed_per_s(self) -> float:
        """Of all cameras."""
        return sum(counted.per_s for counted in self.analysed.values())

    @property
    def frame_ms(self) -> float:
        """CPU milliseconds a frame, analyses included."""
        return 1e3 * self.cores / self.frames_per_s

    def analysed_share(self, per_s: float, cameras: Sequence[str]) -> float:
        """Analysed by asked pictures of some cameras that ask for `per_s` each."""
        counted = [self.analysed[camera] for camera in cameras]
        return min(1.0, sum(each.count for each in counted) / sum(each.asked(per_s) for each in counted))


class Tally:
    """One count as its reports show it."""

    def __init__(self, at: float, count: int) -> None:
        self._began = self._first = self._last = (at, count)
        self._is_first = True

    def see(self, at: float, count: int) -> None:
        """The count at a moment; the report that changed it came just now."""
        if count == self._last[1]:
            return
        self._last = (at, count)
        if self._is_first and at - self._began[0] < SILENT_S:
            self._first = self._last
        self._is_first = False

    def counted(self, until: float) -> Counted:
        """From the first report to the last; a count that stands still at either end is charged for the time."""
        end = self._last[0] if until - self._last[0] < SILENT_S else until
        return Counted(self._last[1] - self._first[1], max(end - self._first[0], LOOK_EVERY_S))


async def running(cameras: Sequence[CameraSpec], folder: Path) -> Run:
    """Cameras in real processes: warmed, then measured for SECONDS."""
    supervisor = CameraSupervisor(
        cameras, folder / "ai.sock", lambda _row, _jpeg, _thumb, ack: ack(), clock=SystemClock(), rng=Random(1), work_dir=folder / "cameras"
    )
    task = asyncio.create_task(supervisor.run())
    try:
        async with asyncio.timeout(OPEN_S):
            while not all(row["state"] == "live" for row in supervisor.cameras()):  # noqa: ASYNC110 - the product gives no event for it
                await asyncio.sleep(0.2)
        await asyncio.sleep(WARM_S)
        return await _measured(supervisor)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _measured(supervisor: CameraSupervisor) -> Run:
    began, cpu_s = time.perf_counter(), _cpu_s(supervisor)
    tallies = {key: Tally(began, count) for key, count in _counts(supervisor).items()}
    while (now := time.perf_counter()) < began + SECONDS:
        for key, count in _counts(supervisor).items():
            tallies[key].see(now, count)
        await asyncio.sleep(LOOK_EVERY_S)
    counted = {key: tally.counted(now) for key, tally in tallies.items()}
    return Run(
        cores=(_cpu_s(supervisor) - cpu_s) / (now - began),
        frames_per_s=sum(each.per_s for (_, what), each in counted.items() if what == "frames"),
        analysed={name: each for (name, what), each in counted.items() if what == "analysed"},
        age_ms=max(float(str(row["age_ms"])) for row in supervisor.cameras()),
    )


def _counts(supervisor: CameraSupervisor) -> dict[tuple[str, str], int]:
    return {(str(row["camera"]), what): int(str(row[what])) for row in supervisor.cameras() for what in ("frames", "analysed")}


def _cpu_s(supervisor: CameraSupervisor) -> float:
    used = [psutil.Process(pid).cpu_times() for pid in supervisor.process_ids()]
    return sum(each.user + each.system for each in used)
