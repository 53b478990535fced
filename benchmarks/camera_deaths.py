"""One death of a camera process, from the signal until its cameras are looked at again, and what is held open meanwhile.

Owns what "back" means and which process has run long enough that its next death counts as one alone. Judges nothing. Called by
camera_kills.py.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge_ai.strain import strain
from node.cameras.process import RESTART
from node.cameras.supervisor import CameraSupervisor
from node.clock import SystemClock

LOOK_EVERY_S = 0.05
TOLD_EVERY_S = 0.005
"""The shortest pause is half a second; why a process ended is told as long as that."""
ENDED = " ended with status "
"""What a camera says while its process is down."""
SETTLED_S_MAX = 120.0
"""Until all cameras are live, and until one death is over: the longest pause, the start, and as much again on a box under load."""
WORD_S = 2.0
"""A process speaks once a second: what it has done for a minute is known that much later at most."""
SOUND_S = RESTART.reset_after_s + WORD_S
"""A process that has run for so long has its earlier deaths forgotten."""
SAMPLES, SAMPLE_S = 10, 0.3
"""Of what this process holds open, which must be the same in all of them."""
_NUMBER = re.compile(r":\[\d+\]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """What followed the death of one process."""

    identity: str
    in_a_row: int
    """How often it has died without a minute's work between, this time included."""
    pause_s: float
    """Until its next start, as its cameras said."""
    live_s: float
    """Until all its cameras were said to be live; a process says so once a second."""
    back_s: float
    """Until all its cameras were live and pictures of one were looked at anew."""
    end: str
    """Its status, as its cameras said."""
    strain: float
    """Of the box, the most of before and after; 1 where it keeps up."""


@dataclass(slots=True)
class Watch:
    """The processes of a supervisor that runs, and since when each has been well."""

    supervisor: CameraSupervisor
    seconds: Callable[[], float] = time.monotonic
    wall_us: Callable[[], int] = SystemClock().wall_us
    _well_since: dict[str, float] = field(default_factory=dict)
    _deaths: Counter[str] = field(default_factory=Counter)
    """In a row."""

    async def settle(self) -> None:
        """Wait until every camera is live; from now on all processes count as well. Raises TimeoutError."""
        await until(self.are_all_live)
        self._well_since = dict.fromkeys(self.supervisor.processes(), self.seconds())

    def are_all_live(self) -> bool:
        """Which they are not while their analysis is down."""
        return all(row["state"] == "live" for row in self.supervisor.cameras())

    def starts(self) -> int:
        """Of all processes, from the beginning on."""
        return sum(process.counts.starts for process in self.supervisor.processes().values())

    def longest(self) -> str:
        """The process that has been well for longest; of several the first by name."""
        return min(sorted(self._well_since), key=self._well_since.__getitem__)

    def is_sound(self, identity: str) -> bool:
        """True for a process that has run for SOUND_S: its next death counts as the first."""
        return self.seconds() - self._well_since[identity] >= SOUND_S

    async def wait_sound(self, identity: str) -> None:
        """Wait until a process has run for SOUND_S."""
        await asyncio.sleep(max(0.0, self._well_since[identity] + SOUND_S - self.seconds()))

    async def kill(self, identity: str) -> Death:
        """Kill a process and wait until it is back. Raises TimeoutError."""
        process, began, strain_before = self.supervisor.processes()[identity], self.seconds(), strain()
        pid, names = process.pid, frozenset(process.work.names)
        assert pid is not None, "all are back"
        in_a_row = self._deaths[identity] = 1 if self.is_sound(identity) else self._deaths[identity] + 1
        os.kill(pid, signal.SIGKILL)
        await until(lambda: ENDED in str(self._rows(names)[0]["why"]), look_every_s=TOLD_EVERY_S)
        told = self._rows(names)[0]
        looks = [(self.wall_us(), self._looked(names))]

        def is_live() -> bool:
            looks.append((self.wall_us(), self._looked(names)))
            return process.pid not in (pid, None) and all(row["state"] == "live" for row in self._rows(names))

        await until(is_live)
        live_s = self.seconds() - began
        before = looks[-1][1] if process.work.rings else looked_at(looks, max(int(str(row["since_us"])) for row in self._rows(names)))
        await until(lambda: self._looked(names) > before)
        back_at = self._well_since[identity] = self.seconds()
        return Death(
            identity=identity, in_a_row=in_a_row, pause_s=float(str(told["retry_in_s"])), live_s=live_s, back_s=back_at - began,
            end=str(told["why"]), strain=max(strain_before, strain()),
        )  # fmt: skip

    def _rows(self, names: frozenset[str]) -> list[dict[str, object]]:
        return [row for row in self.supervisor.cameras() if row["camera"] in names]

    def _looked(self, names: frozenset[str]) -> int:
        """Pictures of these cameras that were looked at."""
        return sum(int(str(row["analysed"])) for row in self._rows(names))


def looked_at(looks: Sequence[tuple[int, int]], at_us: int) -> int:
    """What was counted of pictures at a moment, from (moment, count) in order.

    When a camera comes back, what was looked at before its process died is counted by then: processes tell once a second, and a pause and a
    start take longer. That it is back is told a moment later than it is; pictures looked at since then are new ones.
    """
    return next((count for us, count in reversed(looks) if us <= at_us), looks[0][1])


async def until(is_true: Callable[[], bool], *, look_every_s: float = LOOK_EVERY_S) -> None:
    """Raise TimeoutError unless it comes true within SETTLED_S_MAX."""
    async with asyncio.timeout(SETTLED_S_MAX):
        while not is_true():  # noqa: ASYNC110 - the product gives no event for it
            await asyncio.sleep(look_every_s)


async def held(starts: Callable[[], int], are_all_live: Callable[[], bool]) -> Counter[str]:
    """What this process holds open, by kind, while all its processes are connected and none comes or goes.

    One that is down, or has not connected yet, holds a descriptor or two less: such a moment compared with a whole one would tell of a gain
    that is none, or hide one. Raises TimeoutError when there is no such while within SETTLED_S_MAX.
    """
    async with asyncio.timeout(SETTLED_S_MAX):
        while True:
            await until(are_all_live)
            before, samples = starts(), list[Counter[str]]()
            for _ in range(SAMPLES):
                samples.append(kinds())
                await asyncio.sleep(SAMPLE_S)
            if starts() == before and are_all_live() and samples.count(samples[0]) == SAMPLES:
                return samples[0]


def kinds() -> Counter[str]:
    """This process's descriptors: a path, or what it is without its number, such as `socket` or `pipe`."""
    found = Counter[str]()
    for entry in Path("/proc/self/fd").iterdir():
        # The one that reads the folder is gone by now.
        with suppress(FileNotFoundError):
            found[_NUMBER.sub("", str(entry.readlink()))] += 1
    return found
