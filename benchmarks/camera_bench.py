"""Cameras on one box: what the pipeline costs beside a plain loop over the same clips, and what is analysed under load.

Needs ../shared/data. Real processes by the supervisor of the node; CPU is that of the processes. Called by gates.py (`cam`).
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import median

import cv2
import numpy as np
import psutil

from benchmarks.figures import Target
from edge_ai.algorithm import load_algorithm
from edge_ai.capture.gate import Motion, MotionGate
from edge_ai.clips import write_clip
from edge_ai.detectors.build import build_detector
from edge_ai.detectors.session import ModelSession
from edge_ai.picture import Pixels
from edge_ai.spec import CameraKind, CameraSpec
from node.cameras.supervisor import CameraSupervisor
from node.clock import SystemClock

DATA = Path(__file__).parents[2] / "shared" / "data"
SOURCE_CLIP = DATA / "video" / "highway_640x360.mp4"
MODEL = DATA / "models" / "FastestDet.onnx"
LARGE_MODEL = DATA / "models" / "nanodet_m_416.onnx"
FPS, ANALYSED_FPS, SECONDS = 25.0, 5.0, 8.0
CLIP_FRAMES = 250
WARM_S = 4.0
"""Seconds until the gates have learned and the models are warm."""
OVERLOAD = 1.5
FORM = "2 cores' box, clips of MPEG-4 visual from a file at 25/s, 5/s analysed, motion always"


@dataclass(frozen=True, slots=True)
class Run:
    """What happened in a stretch of time with cameras running."""

    seconds: float
    cpu_s: float
    """Of all camera processes."""
    frames: int
    analysed: dict[str, int]
    age_ms: float
    """The worst camera's 95 % of ages."""


def targets(rounds: int) -> Sequence[Target]:
    """The table "Number to reach" as far as it is about cost and load; nothing without the shared data."""
    if not MODEL.is_file():
        return []
    with tempfile.TemporaryDirectory(prefix="yb") as name:
        folder = Path(name)
        pictures = _pictures(CLIP_FRAMES)
        busy, quiet, small = folder / "busy.mp4", folder / "quiet.mp4", folder / "small.mp4"
        write_clip(iter(pictures), busy, FPS)
        write_clip(_grainy(pictures[0], CLIP_FRAMES), quiet, FPS)
        write_clip((np.asarray(cv2.resize(picture, (640, 360)), np.uint8) for picture in pictures), small, FPS)
        return [
            _beside_plain(busy, folder, rounds),
            _around_the_model(pictures, rounds),
            _closed_gate(quiet, folder, rounds),
            *_at_70_percent(busy, folder, rounds),
            *_overloaded(small, folder, rounds),
        ]


def _beside_plain(clip: Path, folder: Path, rounds: int) -> Target:
    values, notes = [], []
    for _ in range(rounds):
        plain_ms = plain_loop(clip)
        run = asyncio.run(running([_camera(f"c{index}", clip) for index in range(2)], folder))
        ours_ms = 1e3 * run.cpu_s / run.frames
        values.append(plain_ms / ours_ms)
        notes.append(f"CPU ms a frame: plain {plain_ms:.2f}, pipeline {ours_ms:.2f}; {sum(run.analysed.values())} analysed")
    what = "CPU of a plain loop (decode, gate, detect) / CPU of all camera processes, 2 x 720p FastestDet"
    return Target("CAM1", what, 0.85, True, tuple(values), FORM, tuple(notes))


def plain_loop(clip: Path) -> float:
    """CPU milliseconds a frame: every frame decoded, one in five gated and detected, in one thread."""
    detector, gate = build_detector(load_algorithm(_camera("plain", clip))), MotionGate()
    capture = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    began, frames = time.process_time(), 0
    while capture.grab():
        if frames % round(FPS / ANALYSED_FPS) == 0:
            pixels = np.asarray(capture.retrieve()[1], np.uint8)
            detector.detect(pixels, gate.look(pixels))
        frames += 1
    capture.release()
    return 1e3 * (time.process_time() - began) / frames


def _around_the_model(pictures: list[Pixels], rounds: int) -> Target:
    algorithm = load_algorithm(_camera("c", SOURCE_CLIP))
    detector, session = build_detector(algorithm), ModelSession(MODEL)
    motion = MotionGate().look(pictures[0])
    tensor = np.random.default_rng(1).random((1, 3, session.height, session.width), np.float32)
    values = []
    for _ in range(rounds):
        pairs = [(_cpu_ms(lambda: session.run(tensor)), _cpu_ms(_detecting(detector.detect, picture, motion))) for picture in pictures[:60]]
        run_ms, whole_ms = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
        values.append((whole_ms - run_ms) / run_ms)
    return Target(
        "CAM2", "pre- and postprocessing / session.run, FastestDet at 720p", 0.35, False, tuple(values), "one thread, medians of 60"
    )


def _detecting(detect: Callable[[Pixels, Motion], object], picture: Pixels, motion: Motion) -> Callable[[], object]:
    return lambda: detect(picture, motion)


def _cpu_ms(act: Callable[[], object]) -> float:
    began = time.thread_time()
    act()
    return 1e3 * (time.thread_time() - began)


def _closed_gate(clip: Path, folder: Path, rounds: int) -> Target:
    values, notes = [], []
    for _ in range(rounds):
        plain_ms = decode_only(clip)
        run = asyncio.run(running([_camera(f"c{index}", clip, algorithm="motion-object", model="") for index in range(4)], folder))
        ours_ms = 1e3 * run.cpu_s / run.frames
        values.append(ours_ms / plain_ms)
        notes.append(f"CPU ms a frame: decode {plain_ms:.2f}, ours {ours_ms:.2f} with both processes and their idle loops")
    return Target(
        "CAM3", "4 cameras with closed gates, CPU of all processes / decoding only", 1.10, False, tuple(values), FORM, tuple(notes)
    )


def decode_only(clip: Path) -> float:
    """CPU milliseconds a frame."""
    capture = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    began, frames = time.process_time(), 0
    while capture.grab():
        frames += 1
    capture.release()
    return 1e3 * (time.process_time() - began) / frames


def _at_70_percent(clip: Path, folder: Path, rounds: int) -> list[Target]:
    each_s = plain_loop(clip) / 1e3 * FPS
    count = max(1, round(0.7 * (psutil.cpu_count() or 1) / each_s))
    runs = [asyncio.run(running([_camera(f"c{index}", clip) for index in range(count)], folder)) for _ in range(rounds)]
    shares = tuple(sum(run.analysed.values()) / (count * ANALYSED_FPS * run.seconds) for run in runs)
    # Where nothing was analysed there is no age to judge.
    ages = tuple(run.age_ms * ANALYSED_FPS / 1e3 if sum(run.analysed.values()) else float("inf") for run in runs)
    note = f"{count} cameras of 720p, CPU {median(run.cpu_s / run.seconds for run in runs):.2f} cores"
    return [
        Target("CAM4", "analysed / asked frames at 70 % modelled load", 0.99, True, shares, FORM, (note,)),
        Target("CAM4", "p95 age of a frame at its result, periods", 1.0, False, ages, FORM, (note,)),
    ]


def _overloaded(clip: Path, folder: Path, rounds: int) -> list[Target]:
    """Cameras of 360p with a dear model at 25 pictures a second each, one of them of the alarm class at 2."""
    session = ModelSession(LARGE_MODEL)
    tensor = np.random.default_rng(1).random((1, 3, session.height, session.width), np.float32)
    run_s = median(_cpu_ms(lambda: session.run(tensor)) for _ in range(30)) / 1e3
    count = max(2, round(OVERLOAD * (psutil.cpu_count() or 1) / (FPS * run_s)))
    cameras = [_camera(f"c{index}", clip, algorithm="nanodet", model=str(LARGE_MODEL), analysed_fps=FPS) for index in range(count)]
    cameras.append(replace(cameras[0], id="alarm", analysed_fps=2.0, alarm=True))
    runs = [asyncio.run(running(cameras, folder)) for _ in range(rounds)]
    normal = [[number for name, number in run.analysed.items() if name != "alarm"] for run in runs]
    note = f"{count} cameras of 360p ask for {count * FPS:.0f} pictures/s; got {median(sum(found) for found in normal) / SECONDS:.0f}"
    worst = tuple(min(found) * count / max(sum(found), 1) for found in normal)
    alarm = tuple(run.analysed["alarm"] / (2.0 * run.seconds) for run in runs)
    return [
        Target("CAM5", "worst camera / fair share at 150 % asked load", 0.5, True, worst, FORM, (note,)),
        Target("CAM5", "alarm class, analysed / asked at 150 %", 0.99, True, alarm, FORM),
    ]


async def running(cameras: Sequence[CameraSpec], folder: Path) -> Run:
    """Cameras in real processes: warmed, then measured for SECONDS."""
    supervisor = CameraSupervisor(
        cameras, folder / "ai.sock", lambda _row, _jpeg, _thumb, ack: ack(), clock=SystemClock(), rng=Random(1), work_dir=folder / "cameras"
    )
    task = asyncio.create_task(supervisor.run())
    try:
        async with asyncio.timeout(60):
            while not all(row["state"] == "live" for row in supervisor.cameras()):  # noqa: ASYNC110 - the product gives no event for it
                await asyncio.sleep(0.2)
        await asyncio.sleep(WARM_S)
        before, began = _sample(supervisor), time.perf_counter()
        await asyncio.sleep(SECONDS)
        after, seconds = _sample(supervisor), time.perf_counter() - began
        analysed = {name: after.analysed[name] - before.analysed[name] for name in after.analysed}
        return Run(seconds, after.cpu_s - before.cpu_s, after.frames - before.frames, analysed, after.age_ms)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _sample(supervisor: CameraSupervisor) -> Run:
    used = [psutil.Process(pid).cpu_times() for pid in supervisor.process_ids()]
    rows = supervisor.cameras()
    return Run(
        0.0,
        sum(each.user + each.system for each in used),
        sum(int(str(row["frames"])) for row in rows),
        {str(row["camera"]): int(str(row["analysed"])) for row in rows},
        max(float(str(row["age_ms"])) for row in rows),
    )


def _camera(
    name: str, clip: Path, *, algorithm: str = "fastestdet", model: str = str(MODEL), analysed_fps: float = ANALYSED_FPS
) -> CameraSpec:
    return CameraSpec(
        id=name, kind=CameraKind.FILE, source=str(clip), algorithm=algorithm, model=model, loop=True, analysed_fps=analysed_fps
    )  # fmt: skip


def _pictures(count: int) -> list[Pixels]:
    """The shared motorway, scaled to 720p with a sensor's noise."""
    capture = cv2.VideoCapture(str(SOURCE_CLIP))
    rng, found = np.random.default_rng(5), list[Pixels]()
    while len(found) < count:
        ok, pixels = capture.read()
        if not ok:
            capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            continue
        found.append(_with_noise(np.asarray(cv2.resize(pixels, (1280, 720)), np.uint8), rng))
    capture.release()
    return found


def _grainy(picture: Pixels, count: int) -> Sequence[Pixels]:
    """One picture again and again: nothing moves but the noise."""
    rng = np.random.default_rng(6)
    return [_with_noise(picture, rng) for _ in range(count)]


def _with_noise(picture: Pixels, rng: np.random.Generator) -> Pixels:
    noise = rng.integers(-4, 5, picture.shape, np.int16)
    return np.asarray(np.clip(picture.astype(np.int16) + noise, 0, 255), np.uint8)
