"""kill -9 of camera processes again and again: `camera_kills.py --kills 100 --seed 7`.

Capture and analysis processes under the node's own supervisor read looped clips; a random one of them is killed, and the next when both
kinds have spoken again. Exit status: 0 when every kill was told with its reason, every process came back, and no zombie, descriptor,
ring or process is left; else 1. The seed is printed first. Not fast: a process that dies often is started again after up to 30 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil

from benchmarks.camera_soak import zombies
from edge_ai.spec import CameraKind, CameraSpec
from node.cameras.grouping import ring_folder
from node.cameras.process import WorkerProcess
from node.cameras.supervisor import CameraSupervisor
from node.clock import SystemClock
from simulations.devices.street_clip import write_street_clip

CAMERAS = 9
"""Two capture processes and one that analyses."""
BACK_S_MAX = 120.0
_NUMBER = re.compile(r":\[\d+\]$")
SAMPLES, SAMPLE_S = 10, 0.3
"""Of what this process holds open, which must be the same in all of them."""


async def kills(count: int, seed: int, folder: Path) -> dict[str, object]:
    """Kill so often; the verdict."""
    clip = folder / "street.mp4"
    write_street_clip(clip, seed=seed, seconds=4)
    cameras = [
        CameraSpec(id=f"c{index}", kind=CameraKind.RENDERED, source=str(clip), algorithm="motion-object", loop=True, analysed_fps=2)
        for index in range(CAMERAS)
    ]
    supervisor = CameraSupervisor(
        cameras, folder / "ai.sock", lambda _row, _jpeg, _thumb, ack: ack(), clock=SystemClock(), rng=Random(seed)
    )

    def are_all_live() -> bool:
        """Which they are not while their analysis is down."""
        return all(row["state"] == "live" for row in supervisor.cameras())

    def starts() -> int:
        return sum(process.counts.starts for process in supervisor.processes().values())

    task, rng = asyncio.create_task(supervisor.run()), Random(seed)
    worst_s, dead = 0.0, 0
    try:
        before = await held(starts, are_all_live)
        for number in range(count):
            identity = rng.choice(sorted(supervisor.processes()))
            began = time.monotonic()
            await _kill(supervisor.processes()[identity])
            await _all_back(are_all_live)
            worst_s, dead = max(worst_s, time.monotonic() - began), dead + len(zombies())
            sys.stderr.write(f"{number + 1:>4}  {identity:<10} back after {time.monotonic() - began:.1f} s\n")
        gained = await held(starts, are_all_live) - before
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    rings, left = ring_folder(folder / "cameras"), len(psutil.Process().children(recursive=True))
    facts = {"zombies": dead, "fds_gained": dict(gained), "rings_left": len(list(rings.glob("*"))), "processes_left": left}
    verdict = "FAIL" if any(facts.values()) else "PASS"
    return {"verdict": verdict, "kills": count, "seed": seed, **facts, "slowest_back_s": round(worst_s, 1)}


async def held(starts: Callable[[], int], are_all_live: Callable[[], bool]) -> Counter[str]:
    """What this process holds open, by kind, while all its processes are connected and none comes or goes.

    One that is down, or has not connected yet, holds a descriptor or two less: such a moment compared with a whole one would tell of a gain
    that is none, or hide one. Raises TimeoutError when there is no such while within BACK_S_MAX.
    """
    async with asyncio.timeout(BACK_S_MAX):
        while True:
            await _all_back(are_all_live)
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


async def _kill(process: WorkerProcess) -> None:
    assert process.pid is not None, "all are back"
    pid = process.pid
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(BACK_S_MAX):
        while process.pid in (pid, None):  # noqa: ASYNC110 - the product gives no event for it
            await asyncio.sleep(0.05)


async def _all_back(are_all_live: Callable[[], bool]) -> None:
    async with asyncio.timeout(BACK_S_MAX):
        while not are_all_live():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)


def main() -> int:
    """Run the kills of the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="camera_kills.py", description="kill -9 of camera processes: nothing may be left")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    sys.stderr.write(f"seed {arguments.seed}\n")
    with tempfile.TemporaryDirectory(prefix="yk") as name:
        verdict = asyncio.run(kills(arguments.kills, arguments.seed, Path(name)))
    sys.stdout.write(json.dumps(verdict) + "\n")
    return 0 if verdict["verdict"] == "PASS" else 1


if __name__ == "__main__":
    sys.exit(main())
