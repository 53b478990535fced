"""Runs a model over its golden pictures: what it sees, how long it takes, what memory it costs. In a throw-away process only."""

from __future__ import annotations

import resource
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import psutil

from edge_ai.algorithm import Algorithm
from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.build import build_detector
from edge_ai.detectors.port import Detector
from edge_ai.detectors.session import ModelSession
from edge_ai.errors import AlgorithmError, ModelError
from edge_ai.models.facts import GoldenFacts, Seen
from edge_ai.models.golden import BOXES_MAX
from edge_ai.models.manifest import Manifest, decode_manifest
from edge_ai.picture import Detections, Pixels

PICTURE_SIDE_MAX = 8_192
PICTURE_PIXELS_MAX = 16_000_000
STILL = Motion(GateState.QUIET, np.zeros((0, 4), np.float32), 0.0)
MIB = 1 << 20


def golden_run(manifest_path: Path, model: Path, pictures: Mapping[str, Path], *, runs: int) -> GoldenFacts:
    """Load, look at every picture, and measure; raises AlgorithmError."""
    cv2.setNumThreads(1)
    raw = manifest_path.read_bytes()
    manifest = _manifest(raw)
    decoded = {name: read_picture(path) for name, path in pictures.items()}
    before = psutil.Process().memory_info().rss
    detector = build_detector(Algorithm(manifest, model, ""))
    seen = {name: _seen(detector.detect(pixels, STILL), detector, pixels) for name, pixels in decoded.items()}
    grown = psutil.Process().memory_info().rss - before
    shown = list(decoded.values())
    whole_ms = _median_ms(lambda index: detector.detect(shown[index % len(shown)], STILL), runs * len(shown))
    session = ModelSession(model)
    black = np.zeros((1, 3, session.height, session.width), np.float32)
    run_ms = _median_ms(lambda _: session.run(black), runs * len(shown))
    return GoldenFacts(pictures=seen, run_ms=run_ms, whole_ms=whole_ms, memory_mib=round(grown / MIB, 1))


def read_picture(path: Path) -> Pixels:
    """A picture file's pixels; raises AlgorithmError for what is no picture or absurdly large, before it is decoded."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    width, height = picture_size(data.tobytes())
    if not 0 < width * height <= PICTURE_PIXELS_MAX or max(width, height) > PICTURE_SIDE_MAX:
        raise AlgorithmError(f"picture {path.name} refused: {width}x{height}, at most {PICTURE_PIXELS_MAX} pixels; make it smaller")
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise AlgorithmError(f"picture {path.name} cannot be read ({error.err}): give a JPEG or PNG") from error
    if pixels is None:
        raise AlgorithmError(f"picture {path.name} cannot be read: give a JPEG or PNG")
    return np.asarray(pixels, np.uint8)


def picture_size(data: bytes) -> tuple[int, int]:
    """(width, height) that a JPEG or PNG says it has; (0, 0) for anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    place = 2 if data[:2] == b"\xff\xd8" else len(data)
    while place + 9 < len(data) and data[place] == 0xFF:
        kind = data[place + 1]
        if kind in range(0xC0, 0xD0) and kind not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[place + 7 : place + 9], "big"), int.from_bytes(data[place + 5 : place + 7], "big")
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big") if kind != 0xFF else 1
    return (0, 0)


def _manifest(raw: bytes) -> Manifest:
    return decode_manifest(raw, str(tomllib.loads(raw.decode()).get("id", "")))


def _seen(found: Detections, detector: Detector, pixels: Pixels) -> tuple[Seen, ...]:
    height, width = pixels.shape[:2]
    scale = np.array([width, height] * 2, np.float64)
    if not np.isfinite(found.boxes).all():
        raise ModelError("model refused: it gives boxes that are no numbers")
    return tuple(
        Seen(label=detector.classes[int(label)], score=float(score), box=_corners(box / scale))
        for box, score, label in zip(found.boxes[:BOXES_MAX], found.scores, found.classes, strict=False)
    )


def _corners(box: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(side) for side in box)
    return (left, top, right, bottom)


def _median_ms(work: Callable[[int], object], runs: int) -> float:
    """Of processor time, so that what else the machine does counts little."""
    taken = []
    for index in range(runs):
        began = _cpu_s()
        work(index)
        taken.append((_cpu_s() - began) * 1e3)
    return round(float(np.median(taken)), 3)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
