"""Cameras on one box: what the pipeline costs beside a plain loop over the same clips, and what is analysed under load.

Needs ../shared/data. Real processes by the supervisor of the node; CPU is that of the processes. Called by gates.py (`cam`).
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import psutil

from benchmarks.camera_run import SECONDS, running
from benchmarks.figures import Target
from edge_ai.algorithm import load_algorithm
from edge_ai.capture.gate import Motion, MotionGate
from edge_ai.clips import write_clip
from edge_ai.detectors.build import build_detector
from edge_ai.detectors.session import ModelSession
from edge_ai.looks.capacity import MeasuringTask, load_ms
from edge_ai.looks.measuring import measure
from edge_ai.picture import Pixels
from edge_ai.spec import CameraKind, CameraSpec

DATA = Path(__file__).parents[2] / "shared" / "data"
SOURCE_CLIP = DATA / "video" / "highway_640x360.mp4"
MODEL = DATA / "models" / "FastestDet.onnx"
LARGE_MODEL = DATA / "models" / "nanodet_m_416.onnx"
FPS, ANALYSED_FPS, ALARM_FPS = 25.0, 5.0, 2.0
CLIP_FRAMES = 250
BUSY, CLOSED = 2, 4
"""Cameras in which something always moves, and with closed gates."""
OVERLOAD = 1.5
ENDED = object()
Frames = Callable[[Path], Iterator[None]]
"""Opens a clip, and does with each step what is to be done with a frame of it."""
FORM = "2 cores' box, clips of MPEG-4 visual from a file at 25/s, 5/s analysed, motion always"


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
            *_beside_plain(busy, folder, rounds),
            _around_the_model(pictures, rounds),
            *_closed_gate(quiet, folder, rounds),
            *_at_70_percent(busy, folder, rounds),
            *_overloaded(small, folder, rounds),
        ]


def _beside_plain(clip: Path, folder: Path, rounds: int) -> list[Target]:
    """Beside a loop as fast as it goes, whose caches are warm, and beside threads that do the same when a camera would send each frame."""
    fast, paced, notes = [], [], []
    for _ in range(rounds):
        decode_ms, plain_ms, paced_ms = decode_only(clip), plain_loop(clip), plain_paced(clip, BUSY)
        run = asyncio.run(running([_camera(f"c{index}", clip) for index in range(BUSY)], folder))
        # The plain loops are charged for as many analyses as there were: a pipeline that loses pictures must not look cheap.
        share = run.analysed_per_s / run.frames_per_s * FPS / ANALYSED_FPS
        fast.append((decode_ms + (plain_ms - decode_ms) * share) / run.frame_ms)
        paced.append((paced_ms - (plain_ms - decode_ms) * (1 - share)) / run.frame_ms)
        words = f"CPU ms a frame: plain {plain_ms:.2f}, at a camera's pace {paced_ms:.2f}, pipeline {run.frame_ms:.2f}"
        notes.append(f"{words}; {run.analysed_per_s:.1f} analysed/s")
    what = f"CPU of a plain loop (decode, gate, detect) / CPU of all camera processes, {BUSY} x 720p FastestDet"
    return [
        Target("CAM1", what, 0.85, True, tuple(fast), FORM, tuple(notes)),
        Target("CAM1", f"{what}, a frame at a time as cameras send them", 0.85, True, tuple(paced), FORM),
    ]


def plain_loop(clip: Path) -> float:
    """CPU milliseconds a frame: every frame decoded, one in five gated and detected, in one thread."""
    return _in_a_loop(_analysing()(clip))


def plain_paced(clip: Path, cameras: int) -> float:
    """The same in as many threads, each taking FPS frames a second one at a time for SECONDS."""
    return _at_pace(clip, cameras, _analysing)


def _analysing() -> Frames:
    """Makes the detector; what comes decodes a frame with each step, and gates and detects one in five."""
    detector, gate = build_detector(load_algorithm(_camera("plain", SOURCE_CLIP))), MotionGate()

    def frames(clip: Path) -> Iterator[None]:
        capture, number = _opened(clip), 0
        while capture.grab():
            if number % round(FPS / ANALYSED_FPS) == 0:
                pixels = np.asarray(capture.retrieve()[1], np.uint8)
                detector.detect(pixels, gate.look(pixels))
            number += 1
            yield
        capture.release()

    return frames


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


def _closed_gate(clip: Path, folder: Path, rounds: int) -> list[Target]:
    """Beside decoding as fast as it goes, whose caches are warm, and beside decoding each frame when a camera would send it."""
    fast, paced, notes = [], [], []
    for _ in range(rounds):
        fast_ms, paced_ms = decode_only(clip), decode_paced(clip, CLOSED)
        cameras = [_camera(f"c{index}", clip, algorithm="motion-object", model="") for index in range(CLOSED)]
        run = asyncio.run(running(cameras, folder))
        fast.append(run.frame_ms / fast_ms)
        paced.append(run.frame_ms / paced_ms)
        notes.append(f"CPU ms a frame: decode {fast_ms:.2f}, at a camera's pace {paced_ms:.2f}, ours {run.frame_ms:.2f} with idle loops")
    what = f"{CLOSED} cameras with closed gates, CPU of all processes / decoding only"
    return [
        Target("CAM3", what, 1.10, False, tuple(fast), FORM, tuple(notes)),
        Target("CAM3", f"{what}, a frame at a time as cameras send them", 1.10, False, tuple(paced), FORM),
    ]


def decode_only(clip: Path) -> float:
    """CPU milliseconds a frame, as fast as it goes."""
    return _in_a_loop(_decoding()(clip))


def decode_paced(clip: Path, cameras: int) -> float:
    """CPU milliseconds a frame of as many threads, each decoding FPS frames a second one at a time for SECONDS."""
    return _at_pace(clip, cameras, _decoding)


def _decoding() -> Frames:
    def frames(clip: Path) -> Iterator[None]:
        capture = _opened(clip)
        while capture.grab():
            yield
        capture.release()

    return frames


def _in_a_loop(frames: Iterator[None]) -> float:
    began = time.process_time()
    count = sum(1 for _ in frames)
    return 1e3 * (time.process_time() - began) / count


def _at_pace(clip: Path, cameras: int, make: Callable[[], Frames]) -> float:
    costs: list[float] = []
    threads = [threading.Thread(target=lambda: costs.append(_paced(clip, make()))) for _ in range(cameras)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return median(costs)


def _paced(clip: Path, frames: Frames) -> float:
    started, began = time.perf_counter(), time.thread_time()
    playing, count = frames(clip), 0
    while count < FPS * SECONDS:
        time.sleep(max(0.0, started + count / FPS - time.perf_counter()))
        if next(playing, ENDED) is ENDED:
            playing = frames(clip)
            continue
        count += 1
    return 1e3 * (time.thread_time() - began) / count


def _opened(clip: Path) -> cv2.VideoCapture:
    return cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def _at_70_percent(clip: Path, folder: Path, rounds: int) -> list[Target]:
    """As many cameras as the product's own model of this box admits, from costs that it measures with the same clip."""
    camera = _camera("c", clip)
    measured, _ = measure(MeasuringTask(cameras=(camera,), clip=str(clip)))
    each_ms = load_ms(camera, measured)
    count = max(1, int(measured.capacity_ms / each_ms))
    runs = [asyncio.run(running([_camera(f"c{index}", clip) for index in range(count)], folder)) for _ in range(rounds)]
    shares = tuple(run.analysed_share(ANALYSED_FPS, list(run.analysed)) for run in runs)
    # Where nothing was analysed there is no age to judge.
    ages = tuple(run.age_ms * ANALYSED_FPS / 1e3 if run.analysed_per_s else float("inf") for run in runs)
    cores = median(run.cores for run in runs)
    note = f"{count} cameras of 720p, modelled {count * each_ms / 1e3:.2f} cores, CPU {cores:.2f}"
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
    cameras.append(replace(cameras[0], id="alarm", analysed_fps=ALARM_FPS, alarm=True))
    runs = [asyncio.run(running(cameras, folder)) for _ in range(rounds)]
    normal = [[counted.per_s for name, counted in run.analysed.items() if name != "alarm"] for run in runs]
    note = f"{count} cameras of 360p ask for {count * FPS:.0f} pictures/s; got {median(sum(found) for found in normal):.0f}"
    worst = tuple(min(found) * count / max(sum(found), 0.1) for found in normal)
    alarm = tuple(run.analysed_share(ALARM_FPS, ["alarm"]) for run in runs)
    return [
        Target("CAM5", "worst camera / fair share at 150 % asked load", 0.5, True, worst, FORM, (note,)),
        Target("CAM5", "alarm class, analysed / asked at 150 %", 0.99, True, alarm, FORM),
    ]


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
