"""Measures what pictures cost on this box, in a throw-away process: `python -m edge_ai.looks.measuring --config FILE`, JSON on stdout.

CPU time, one thread, medians, with caches that other work has used in between: a camera's next picture finds the processor so, and a loop
over warm caches promised a third more cameras than a box could do. Started by node/cameras/admission.py for `yunnao bench ai`.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from random import Random
from statistics import median

import cv2
import msgspec
import numpy as np

from edge_ai.algorithm import load_algorithm
from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.capture.gate import MotionGate
from edge_ai.clips import write_clip
from edge_ai.clock import SystemClock
from edge_ai.detectors.build import build_detector
from edge_ai.detectors.session import ModelSession
from edge_ai.errors import AlgorithmError, EdgeError, SourceError
from edge_ai.looks.capacity import PIXELS_MEASURED, AlgorithmCost, Measured, MeasuringTask
from edge_ai.picture import Detections, Pixels, Shot
from edge_ai.reasons import reason
from edge_ai.ring.layout import SLOTS_PER_CAMERA
from edge_ai.sources.files import ClipSource, open_clip
from edge_ai.spec import CameraKind, CameraSpec
from sync.model import Instant

WIDTH, HEIGHT = 1280, 720
CLIP_FRAMES = 40
FRAMES_DECODED = 200
BATCH_FRAMES = 5
"""Frames that the capture of a camera decodes in one go, at 25 and 5 analysed a second."""
CACHE_BYTES = 8 * 1_048_576
"""More than a core has to itself."""
ROUNDS = 15
WARM_ROUNDS = 3
H264_BY_MPEG4 = 2.0
"""CPU of decoding H.264 by that of MPEG-4 visual, the codec this box can write a clip in; both by the same decoder."""
PACKAGES = ("opencv-python-headless", "onnxruntime", "numpy")


def measure(task: MeasuringTask) -> tuple[Measured, list[str]]:
    """All costs, and in words which algorithms could not be measured. Raises SourceError."""
    pictures = list(_pictures(CLIP_FRAMES))
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(task.clip or Path(folder) / "bench.mp4")
        if not task.clip:
            write_clip(iter(pictures), clip, 25.0)
        decode_ms, convert_ms, words = _decoding(clip, by=1.0 if task.clip else H264_BY_MPEG4)
    algorithms, unmeasured = _algorithms(task, pictures)
    gate = MotionGate()
    measured = Measured(
        at_us=SystemClock().wall_us(),
        cpu=_cpu_name(),
        cores=len(os.sched_getaffinity(0)),
        software={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        clip=words,
        decode_ms=decode_ms,
        convert_ms=convert_ms,
        gate_ms=_median_ms(lambda index: gate.look(pictures[index % CLIP_FRAMES])),
        copy_ms=_copying(pictures),
        handle_ms=_handling(task.algorithms_dir, pictures),
        algorithms=algorithms,
    )
    return measured, unmeasured


def _decoding(clip: Path, *, by: float) -> tuple[float, float, str]:
    """Milliseconds a picture of 1280x720 for decoding and for conversion, and what was decoded."""
    sizes: list[int] = []

    def read(source: ClipSource) -> bool:
        pixels = source.read()
        if pixels is not None:
            sizes.append(pixels.shape[0] * pixels.shape[1])
        return pixels is not None

    skipped_ms, frames = _through(clip, lambda source: source.skip())
    whole_ms, _ = _through(clip, read)
    if not sizes:
        raise SourceError(reason("clip-empty", clip=clip.name))
    scale = PIXELS_MEASURED / median(sizes)
    words = f"{clip.name}: {frames} frames" if by == 1.0 else f"a clip made here, {by:g} x its cost for H.264"
    return by * scale * skipped_ms, scale * max(whole_ms - skipped_ms, 0.0), words


def _through(clip: Path, step: Callable[[ClipSource], bool]) -> tuple[float, int]:
    """CPU milliseconds a picture of a way through a clip, and its pictures."""
    source = open_clip(clip)
    try:
        taken_s, frames = 0.0, 0
        while frames < FRAMES_DECODED:
            _use_caches()
            began = time.process_time()
            batch = sum(1 for _ in takewhile(bool, (step(source) for _ in range(BATCH_FRAMES))))
            taken_s += time.process_time() - began
            frames += batch
            if batch < BATCH_FRAMES:
                break
        return 1e3 * taken_s / max(frames, 1), frames
    finally:
        source.close()


def _algorithms(task: MeasuringTask, pictures: list[Pixels]) -> tuple[dict[str, AlgorithmCost], list[str]]:
    costs: dict[str, AlgorithmCost] = {}
    unmeasured: list[str] = []
    for camera in task.cameras:
        if camera.algorithm in costs:
            continue
        try:
            costs[camera.algorithm] = _algorithm(camera, task.algorithms_dir, pictures)
        except AlgorithmError as error:
            unmeasured.append(error.told)
    return costs, unmeasured


def _algorithm(camera: CameraSpec, algorithms_dir: str, pictures: list[Pixels]) -> AlgorithmCost:
    algorithm = load_algorithm(camera, algorithms_dir)
    detector, gate = build_detector(algorithm), MotionGate()
    looks = [gate.look(picture) for picture in pictures]
    run_ms = 0.0
    if algorithm.model is not None:
        session = ModelSession(algorithm.model)
        tensor = np.zeros((1, 3, session.height, session.width), np.float32)
        run_ms = _median_ms(lambda _: session.run(tensor))
    detect_ms = _median_ms(lambda index: detector.detect(pictures[index % CLIP_FRAMES], looks[index % CLIP_FRAMES]))
    return AlgorithmCost(detect_ms=detect_ms, run_ms=run_ms)


def _copying(pictures: list[Pixels]) -> float:
    """Into a slot of a ring and out of it again."""
    slots = np.empty((SLOTS_PER_CAMERA, HEIGHT, WIDTH, 3), np.uint8)

    def copy(index: int) -> None:
        slot = slots[index % SLOTS_PER_CAMERA]
        slot[:] = pictures[index % CLIP_FRAMES]
        slot.copy()

    return _median_ms(copy)


def _handling(algorithms_dir: str, pictures: list[Pixels]) -> float:
    """Eight things on their way, tracked and kept."""
    camera = CameraSpec(id="bench", kind=CameraKind.RENDERED, source="", algorithm="motion-object")
    algorithm = load_algorithm(camera, algorithms_dir)
    pipeline = CameraPipeline(camera, algorithm, build_detector(algorithm), nonce="bench")
    left = np.arange(8, dtype=np.float32) * 150

    def handle(index: int) -> None:
        boxes = np.stack([left + 3 * index, left + 100, left + 3 * index + 80, left + 150], axis=1)
        shot = Shot(camera.id, pictures[index % CLIP_FRAMES], Instant(200_000 * index), 0, 0)
        pipeline.begin(shot)
        pipeline.conclude(shot, Detections(boxes, np.full(8, 0.7, np.float32), np.zeros(8, np.int64)))

    return _median_ms(handle)


_used = np.zeros(CACHE_BYTES // 8, np.int64)


def _use_caches() -> None:
    """Leave nothing of the step before in the caches of this core."""
    np.add(_used, 1, out=_used)


def _median_ms(act: Callable[[int], object]) -> float:
    taken: list[float] = []
    for index in range(WARM_ROUNDS + ROUNDS):
        _use_caches()
        began = time.thread_time()
        act(index)
        taken.append((time.thread_time() - began) * 1e3)
    return median(taken[WARM_ROUNDS:])


def _pictures(count: int) -> Iterator[Pixels]:
    """A noisy street without a street: grain over all of it, and blocks that move, so that gate and decoder have work."""
    rng = Random(7)  # noqa: S311 - a picture, not a secret
    grain = np.frombuffer(rng.randbytes(WIDTH * HEIGHT * 3), np.uint8).reshape(HEIGHT, WIDTH, 3) // 16
    ground = np.repeat(np.linspace(60, 180, HEIGHT, dtype=np.uint8)[:, None], WIDTH, axis=1)[:, :, None]
    for index in range(count):
        pixels = np.ascontiguousarray(ground + np.roll(grain, 13 * index, axis=1))
        for thing in range(8):
            left, top = (97 * thing + (5 + thing) * index) % (WIDTH - 80), 60 * thing + 120
            pixels[top : top + 50, left : left + 80] = 30 * thing
        yield pixels


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model", "Hardware"))]
    return (names or [platform.processor() or platform.machine()])[0][:256]


def main() -> int:
    """Measure what the file says; the measurement as JSON on stdout, what could not be measured on stderr."""
    parser = argparse.ArgumentParser(prog="edge_ai.looks.measuring", description="measures the analysis of pictures on this box")
    parser.add_argument("--config", type=Path, required=True, help="JSON file written by the node")
    cv2.setNumThreads(1)
    try:
        task = msgspec.json.decode(parser.parse_args().config.read_bytes(), type=MeasuringTask)
        measured, unmeasured = measure(task)
    except (EdgeError, msgspec.MsgspecError, OSError) as error:
        sys.stderr.write(f"edge measuring: {error}\n")
        return 2
    sys.stderr.write("".join(f"{words}\n" for words in unmeasured))
    sys.stdout.buffer.write(msgspec.json.encode(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
