"""Cameras that flap, stall, corrupt and change size for hours: `camera_soak.py --frames 500000 --reconnects 1000`, or `--hours 2`.

Real capture and analysis processes under the node's own supervisor, simulated RTSP cameras in another process. Samples memory, file
descriptors, threads and children of every process; prints a line a minute and at last the verdict as JSON (soak_verdict.py). Twice, after
the warm-up and at the end, the street's power is cut: with no camera connected descriptors and threads can be compared. Exit status: 0
when nothing grew, 1 when something did, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random

import psutil

from benchmarks.soak_verdict import Grown, Quiet, Sample, Series, grown, quiet
from edge_ai.capture.backoff import BackoffLimits
from edge_ai.sources.packets import RING_S
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from node.cameras.grouping import ring_folder
from node.cameras.supervisor import CameraSupervisor
from node.clock import SystemClock

SAMPLE_S, LINE_S = 5.0, 60.0
WARM_SHARE = 0.15
"""Of what is asked for."""
WARM_S_MIN = max(RING_S, 2 * BackoffLimits().cap_s)
"""Seconds after which libraries are loaded, packet rings full, and every camera that breaks was opened, lost and opened again: until then
memory that grows tells nothing."""
QUIET_SAMPLES = 6
CUT_S_MAX, START_S_MAX = 120.0, 120.0
ANALYSED_FPS = 4.0
LIVE = ("live", "degraded")
"""States of a camera that is connected."""
NODE = "node"
"""This process, which does what a node does about cameras."""
RULE = RuleSpec(name="anywhere", kind=RuleKind.ZONE, points=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), frames_min=2)


@dataclass(frozen=True, slots=True)
class Goals:
    """When it ends: all of them are reached; 0 asks for nothing."""

    frames: int
    reconnects: int
    hours: float

    def progress(self, frames: int, reconnects: int, seconds: float) -> float:
        """1 at the end."""
        parts = ((frames, self.frames), (reconnects, self.reconnects), (seconds / 3600, self.hours))
        return min(done / goal for done, goal in parts if goal)


@dataclass(slots=True)
class Street:
    """The simulated cameras and the one pipe to them."""

    process: asyncio.subprocess.Process
    urls: list[str]
    connections: int = 0

    async def order(self, word: str) -> None:
        """`on`, `off` or `counts`; the counts are taken with each."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n".encode())
        self.connections = int(json.loads(await self.process.stdout.readline())["connections"])

    @property
    def reconnects(self) -> int:
        """As the cameras counted them."""
        return max(0, self.connections - len(self.urls))


@asynccontextmanager
async def _playing(count: int | None) -> AsyncIterator[Street]:
    pipe = asyncio.subprocess.PIPE
    arguments = [] if count is None else [str(count)]
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.soak_cameras", *arguments, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Street(process, json.loads(await process.stdout.readline()))
    finally:
        process.stdin.close()
        await process.wait()


@dataclass(frozen=True, slots=True)
class Warm:
    """What had happened when the measurement began, after the first power cut."""

    seconds: int
    frames: int
    reconnects: int


@dataclass(slots=True)
class Soak:
    """One run."""

    supervisor: CameraSupervisor
    street: Street
    goals: Goals
    began_s: float = field(default_factory=time.monotonic)
    frames: int = 0
    zombies: int = 0
    """Children found dead and not taken leave of in two samples in a row."""
    series: dict[str, Series] = field(default_factory=dict)
    warm: Warm | None = None
    """None during the warm-up."""
    _seen: dict[str, int] = field(default_factory=dict)
    _dead: set[int] = field(default_factory=set)
    _line_due_s: float = 0.0

    async def run(self) -> list[Grown]:
        """Warm up, cut the power, go on to the goals, cut it again; what grew."""
        await self._go_on_to(WARM_SHARE, seconds_min=WARM_S_MIN)
        before = await self._cut()
        self.series.clear()
        self.warm = Warm(round(self.seconds), self.frames, self.street.reconnects)
        starts = self._starts()
        await self._go_on_to(1.0)
        samples = {identity: found.samples() for identity, found in self.series.items()}
        after = await self._cut()
        again = {identity: count - starts.get(identity, count) for identity, count in self._starts().items()}
        return [
            grown(identity, found, before[identity], after[identity], restarts=again.get(identity, 0))
            for identity, found in samples.items()
            if identity in before and identity in after
        ]

    async def _go_on_to(self, share: float, *, seconds_min: float = 0.0) -> None:
        while self.seconds < seconds_min or self.goals.progress(self.frames, self.street.reconnects, self.seconds) < share:
            await asyncio.sleep(SAMPLE_S)
            await self.street.order("counts")
            self._sample()
            if self.seconds >= self._line_due_s:
                self._line_due_s += LINE_S
                self._say()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.began_s

    async def _cut(self) -> dict[str, Quiet]:
        """The whole street without power until every camera is lost; then every process at rest, and the power is back."""
        await self.street.order("off")
        async with asyncio.timeout(CUT_S_MAX):
            while any(row["state"] in LIVE for row in self.supervisor.cameras()):  # noqa: ASYNC110 - the product gives no event for it
                await asyncio.sleep(1)
        kept, self.series = self.series, {}
        for _ in range(QUIET_SAMPLES):
            await asyncio.sleep(1)
            self._sample()
        at_rest, self.series = self.series, kept
        await self.street.order("on")
        return {identity: quiet(found.samples()) for identity, found in at_rest.items()}

    def _sample(self) -> None:
        for row in self.supervisor.cameras():
            name, frames = str(row["camera"]), int(str(row["frames"]))
            # Counted anew by a process that was started again.
            self.frames += frames - self._seen.get(name, 0) if frames >= self._seen.get(name, 0) else frames
            self._seen[name] = frames
        for identity, pid, cameras in self._processes():
            with suppress(psutil.NoSuchProcess):
                found = psutil.Process(pid)
                sample = Sample(
                    self.seconds, pid, found.memory_info().rss, found.num_fds(), found.num_threads(), self.street.reconnects, cameras
                )  # fmt: skip
                self.series.setdefault(identity, Series()).add(sample)
        dead = zombies()
        self.zombies += len(dead & self._dead)
        self._dead = dead

    def _processes(self) -> Iterator[tuple[str, int, frozenset[str]]]:
        """Identity, id, and the cameras connected to it of each process, this one too."""
        live = {str(row["camera"]) for row in self.supervisor.cameras() if row["state"] in LIVE}
        yield NODE, psutil.Process().pid, frozenset()
        for identity, process in self.supervisor.processes().items():
            if process.pid is not None:
                yield identity, process.pid, frozenset(() if process.work.rings else live.intersection(process.work.names))

    def _starts(self) -> dict[str, int]:
        return {identity: process.counts.starts for identity, process in self.supervisor.processes().items()}

    def _say(self) -> None:
        newest = {identity: found.newest() for identity, found in sorted(self.series.items())}
        parts = [f"{identity} {sample.rss_bytes / (1 << 20):.1f} MiB {sample.fds} fds" for identity, sample in newest.items()]
        states = [str(row["state"]) for row in self.supervisor.cameras()]
        live = sum(state in LIVE for state in states)
        _say(
            f"{self.seconds / 60:5.1f} min  {self.frames} frames  {self.street.reconnects} reconnects  {live}/{len(states)} live  "
            f"{self.supervisor.counts.events} events  {sum(self._starts().values())} starts  {self.zombies} zombies  | {', '.join(parts)}"
        )


def zombies() -> set[int]:
    """Children of this process, and theirs, that are dead and not taken leave of."""
    found = set()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.status() == psutil.STATUS_ZOMBIE:
                found.add(child.pid)
    return found


def specs_of(urls: Sequence[str]) -> list[CameraSpec]:
    """The cameras as a node would watch them."""
    first = CameraSpec(id="c", kind=CameraKind.RTSP, source="", algorithm="motion-object", analysed_fps=ANALYSED_FPS, rules=(RULE,))
    return [replace(first, id=f"c{index:02}", source=url) for index, url in enumerate(urls)]


async def soak(goals: Goals, cameras: int | None) -> dict[str, object]:
    """Run it; the verdict."""
    with tempfile.TemporaryDirectory(prefix="yk") as name:
        folder = Path(name)
        rings = ring_folder(folder / "cameras")
        async with _playing(cameras) as street:
            supervisor = CameraSupervisor(
                specs_of(street.urls), folder / "ai.sock", lambda _row, _jpeg, _thumb, ack: ack(), clock=SystemClock(), rng=Random(1)
            )
            task = asyncio.create_task(supervisor.run())
            run = Soak(supervisor, street, goals)
            try:
                told = await run.run()
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        left = [*map(str, rings.glob("*")), *(f"process {child.pid}" for child in psutil.Process().children(recursive=True))]
    return _verdict(run, told, left)


def _verdict(run: Soak, told: Sequence[Grown], left: Sequence[str]) -> dict[str, object]:
    faults = [fault for each in told for fault in each.faults()]
    faults += [f"{run.zombies} zombies"] if run.zombies else []
    faults += [f"left behind: {', '.join(left)}"] if left else []
    faults += [] if len(told) > 1 else ["no process lived from the warm-up to the end"]
    return {
        "verdict": "FAIL" if faults else "PASS",
        "faults": faults,
        "frames": run.frames,
        "reconnects": run.street.reconnects,
        "seconds": round(run.seconds),
        "measured_from": None if run.warm is None else asdict(run.warm),
        "events": run.supervisor.counts.events,
        "refused": run.supervisor.counts.refused,
        "zombies": run.zombies,
        "left": list(left),
        "processes": [asdict(each) for each in told],
    }


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> int:
    """Run the soak of the command line; its exit status."""
    parser = argparse.ArgumentParser(prog="camera_soak.py", description="cameras with faults for hours: nothing may grow")
    parser.add_argument("--frames", type=int, default=0, help="frames read by all cameras together")
    parser.add_argument("--reconnects", type=int, default=0, help="new connections that the simulated cameras count")
    parser.add_argument("--hours", type=float, default=0.0, help="at least so long")
    parser.add_argument("--cameras", type=int, help="fewer cameras than the whole street")
    arguments = parser.parse_args()
    goals = Goals(max(0, arguments.frames), max(0, arguments.reconnects), max(0.0, arguments.hours))
    if not (goals.frames or goals.reconnects or goals.hours):
        parser.error("say when it ends: --frames and --reconnects, or --hours")
    verdict = asyncio.run(soak(goals, arguments.cameras))
    sys.stdout.write(json.dumps(verdict, indent=2) + "\n")
    return 0 if verdict["verdict"] == "PASS" else 1


if __name__ == "__main__":
    sys.exit(main())
