"""kill -9 of camera processes again and again: `python -m benchmarks.camera_kills --kills 100 --seed 7`.

Five capture processes and the one that analyses, under the node's own supervisor, read looped clips. First series: always the process that
has run longest is killed, once it has run for the minute after which earlier deaths are forgotten, so that each is one death of a process
that was well; recovery is measured. Second series: one capture process and the analysis are each killed again as soon as they are back;
pauses grow as they are designed to. Exit status: 0 when every death kept its bound, none died by itself, and no zombie, descriptor, ring or
process is left; else 1. The seed is printed first. A hundred kills take about twenty minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median, quantiles

import psutil

from benchmarks.camera_deaths import Death, Watch, held
from benchmarks.camera_soak import zombies
from edge_ai.spec import CAMERAS_PER_WORKER_MAX, CameraKind, CameraSpec
from node.cameras.grouping import ring_folder
from node.cameras.process import RESTART
from node.cameras.supervisor import CameraSupervisor
from node.clock import SystemClock
from simulations.devices.street_clip import write_street_clip

CAPTURES, KEPT = 5, 2
"""Capture processes, and cameras of each: their list was longer once, and who has a process keeps it."""
CLIP_S = 12.0
"""With somebody in the picture most of the time, so that it is looked at."""
RECOVERY_S_MAX = 5.0
"""Of one death (EDGE_AI "Number to reach"); of one that follows others, beyond its pause."""
KILLED = f"ended with status {-signal.SIGKILL}"
MARK = "YUNNAO_CAMERA_KILLS"
"""In the environment of everything that is started here, so that whatever is left is found, whoever its parent is by then."""
LEFT_S_MAX = 5.0


def faults(death: Death) -> list[str]:
    """In which way what followed a death is not as it has to be; one alone and one after others have different bounds.

    On a box under strain they grow with it, as the product's own deadlines do: who waits for a core is not slow to recover.
    """
    ceiling_s = min(RESTART.cap_s, RESTART.floor_s * 2**death.in_a_row)
    bound_s = RECOVERY_S_MAX * death.strain + (death.pause_s if death.in_a_row > 1 else 0.0)
    told = []
    if death.back_s > bound_s:
        told.append(f"{death.identity}: back after {death.back_s:.1f} s, {bound_s:.1f} s are asked at a strain of {death.strain:.1f}")
    if not RESTART.floor_s <= death.pause_s <= ceiling_s:
        designed = f"{RESTART.floor_s:g} to {ceiling_s:g} s are designed"
        told.append(f"{death.identity}: paused {death.pause_s:.2f} s after {death.in_a_row} deaths in a row, {designed}")
    if KILLED not in death.end:
        told.append(f"{death.identity}: told as {death.end!r}, not as {KILLED!r}")
    return told


def summary(deaths: Sequence[Death]) -> dict[str, object]:
    """The figures of a series."""
    if not deaths:
        return {"deaths": 0}
    back, pauses = [death.back_s for death in deaths], [death.pause_s for death in deaths]
    p95 = quantiles(back, n=20, method="inclusive")[-1] if len(back) > 1 else back[0]
    return {
        "deaths": len(deaths), "of_analysis": sum(death.identity.startswith("worker") for death in deaths),
        "within_5_s": sum(death.back_s <= RECOVERY_S_MAX for death in deaths),
        "while_the_box_kept_up": _without_strain(deaths),
        "back_s": {"median": round(median(back), 2), "p95": round(p95, 2), "most": round(max(back), 2)},
        "beyond_pause_s_most": round(max(death.back_s - death.pause_s for death in deaths), 2),
        "pause_s": {"least": round(min(pauses), 2), "most": round(max(pauses), 2)},
    }  # fmt: skip


def _without_strain(deaths: Sequence[Death]) -> dict[str, int]:
    """Deaths while the box kept up, and how many of them were over within RECOVERY_S_MAX: what the number to reach is about."""
    calm = [death for death in deaths if death.strain <= 1.0]
    return {"deaths": len(calm), "within_5_s": sum(death.back_s <= RECOVERY_S_MAX for death in calm)}


class Kills:
    """Both series over one supervisor that runs."""

    def __init__(self, watch: Watch, rng: Random) -> None:
        self.watch = watch
        self.rng = rng
        self.sound: list[Death] = []
        self.in_a_row: list[Death] = []
        self.zombies = 0

    async def one_by_one(self, count: int) -> None:
        """Deaths of processes that were well."""
        for _ in range(count):
            identity = self.watch.longest()
            await self.watch.wait_sound(identity)
            # At any moment of the second in which it speaks.
            await asyncio.sleep(self.rng.random())
            await self._kill(identity, self.sound)

    async def again_and_again(self, count: int) -> None:
        """Of a capture process and of the analysis, so many deaths each, none with a minute's work before it but the first."""
        processes = sorted(self.watch.supervisor.processes())
        for kind in ("capture", "worker"):
            identity = self.rng.choice([name for name in processes if name.startswith(kind)])
            await self.watch.wait_sound(identity)
            for _ in range(count):
                await self._kill(identity, self.in_a_row)

    async def _kill(self, identity: str, series: list[Death]) -> None:
        death = await self.watch.kill(identity)
        series.append(death)
        self.zombies += len(zombies())
        _say(f"{len(series):>4}  {identity:<10} {death.in_a_row} in a row, pause {death.pause_s:.2f} s, {_reached(death)}")


async def kills(count: int, in_a_row: int, seed: int, folder: Path) -> dict[str, object]:
    """Kill so often; the verdict."""
    clip = folder / "street.mp4"
    write_street_clip(clip, seed=seed, seconds=CLIP_S)
    first = CameraSpec(id="c", kind=CameraKind.RENDERED, source=str(clip), algorithm="motion-object", loop=True)
    cameras = [replace(first, id=f"c{index:02}") for index in range(CAPTURES * CAMERAS_PER_WORKER_MAX)]
    supervisor = CameraSupervisor(
        cameras, folder / "ai.sock", lambda _row, _jpeg, _thumb, ack: ack(), clock=SystemClock(), rng=Random(seed)
    )  # fmt: skip
    supervisor.change([camera for index, camera in enumerate(cameras) if index % CAMERAS_PER_WORKER_MAX < KEPT])
    task, watch = asyncio.create_task(supervisor.run()), Watch(supervisor)
    run = Kills(watch, Random(seed))
    load = os.getloadavg()
    try:
        before = await held(watch.starts, watch.are_all_live)
        await watch.settle()
        first_starts = watch.starts()
        assert len(supervisor.processes()) == CAPTURES + 1
        await run.one_by_one(count)
        await run.again_and_again(in_a_row)
        gained = await held(watch.starts, watch.are_all_live) - before
        by_itself = watch.starts() - first_starts - len(run.sound) - len(run.in_a_row)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    left = {
        "zombies": run.zombies, "descriptors_gained": dict(gained), "rings_left": _rings(folder), "processes_left": await _processes_left(),
        "died_by_itself": by_itself,
    }  # fmt: skip
    told = [fault for death in (*run.sound, *run.in_a_row) for fault in faults(death)]
    verdict = "FAIL" if told or any(left.values()) else "PASS"
    series = {"one_by_one": summary(run.sound), "again_and_again": summary(run.in_a_row)}
    return {"verdict": verdict, "seed": seed, **series, **left, "faults": told, "load": {"before": load, "after": os.getloadavg()}}


def _reached(death: Death) -> str:
    return f"live after {death.live_s:.2f} s, back after {death.back_s:.2f} s, strain {death.strain:.1f}"


def _rings(folder: Path) -> int:
    """Frame rings that are left in memory, and their folder."""
    rings = ring_folder(folder / "cameras")
    return len(list(rings.glob("*"))) + rings.exists()


async def _processes_left() -> int:
    """Processes of this run that do not end within LEFT_S_MAX."""
    until_s = time.monotonic() + LEFT_S_MAX
    while (found := sum(map(_is_ours, psutil.process_iter()))) and time.monotonic() < until_s:  # noqa: ASYNC110 - they give no event
        await asyncio.sleep(0.1)
    return found


def _is_ours(process: psutil.Process) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        return process.environ().get(MARK) == os.environ[MARK]
    except psutil.Error:
        return False


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> int:
    """Run the kills of the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="camera_kills.py", description="kill -9 of camera processes: all come back, nothing is left")
    parser.add_argument("--kills", type=int, default=100, help="of processes that were well")
    parser.add_argument("--in-a-row", type=int, default=7, help="of a capture process, and of the analysis, as soon as it is back")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    _say(f"seed {arguments.seed}")
    os.environ[MARK] = f"{os.getpid()}-{time.time_ns()}"
    with tempfile.TemporaryDirectory(prefix="yk") as name:
        verdict = asyncio.run(kills(arguments.kills, arguments.in_a_row, arguments.seed, Path(name)))
    sys.stdout.write(json.dumps(verdict, indent=2) + "\n")
    return 0 if verdict["verdict"] == "PASS" else 1


if __name__ == "__main__":
    sys.exit(main())
