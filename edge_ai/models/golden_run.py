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
from edge_ai.models.picture_bounds import check_picture
from edge_ai.picture import Detections, Pixels

STILL = Motion(GateState.QUIET, np.zeros((0, 4), np.float32), 0.0)
MIB = 1 << 20
SCORE_MAX = 1.001
"""Rounding aside: what gives more gives no scores, and thresholds would mean nothing."""


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
    check_picture(path.name, data.tobytes())
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise AlgorithmError(f"picture {path.name} cannot be read ({error.err}): give a JPEG or PNG") from error
    if pixels is None:
        raise AlgorithmError(f"picture {path.name} cannot be read: give a JPEG or PNG")
    return np.asarray(pixels, np.uint8)


def _manifest(raw: bytes) -> Manifest:
    return decode_manifest(raw, str(tomllib.loads(raw.decode()).get("id", "")))


def _seen(found: Detections, detector: Detector, pixels: Pixels) -> tuple[Seen, ...]:
    """What a detector found, in shares of the picture; a box wholly outside of it shows nothing, so it proves nothing."""
    height, width = pixels.shape[:2]
    scale = np.array([width, height] * 2, np.float64)
    if not np.isfinite(found.boxes).all():
        raise ModelError("model refused: it gives boxes that are no numbers")
    if (best := float(found.scores.max(initial=0.0))) > SCORE_MAX:
        raise ModelError(f"model refused: it gives a score of {best:.2f}, expected 0 to 1; check --family, or give --activation sigmoid")
    return tuple(
        Seen(label=detector.classes[int(label)], score=float(score), box=_corners(box / scale))
        for box, score, label in zip(found.boxes[:BOXES_MAX], found.scores, found.classes, strict=False)
        if box[0] < width and box[1] < height and (box[2:] > 0).all()
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
