"""A model changed under a running camera, in real time: the longest wait for a result, results lost, events lost, and the way back.

Two versions of FastestDet in a library of their own, one camera's pictures at a fixed pace through the classes of the analysis process:
shadow, take-over, then a person goes back. Needs ../shared/data. Called by gates.py (`swap`).
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.camera_bench import MODEL, SOURCE_CLIP
from benchmarks.figures import Target
from edge_ai.algorithm import SHIPPED
from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.capture.gate import GateState, Motion
from edge_ai.clock import SystemClock
from edge_ai.models.hot import HotModel, open_hot
from edge_ai.models.library import Library
from edge_ai.models.manifest import decode_manifest, encode_manifest
from edge_ai.models.package import EXPECTED, LICENCE, MANIFEST, Signature, card_of
from edge_ai.models.package import MODEL as MODEL_FILE
from edge_ai.models.watch import SHADOW_FRAMES
from edge_ai.picture import Pixels, Shot
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from sync.model import Instant

PERIOD_S = 0.2
BEFORE, BETWEEN, AFTER = 15, 25, 25
"""Pictures before the shadow begins, after the take-over, and after the way back is ordered."""
BACK_S_MAX = 5.0
STILL = Motion(GateState.MOTION, np.zeros((0, 4), np.float32), 0.0)
UNSIGNED = Signature(node="bench", signature="0" * 128, chain_pem="")
ZONE = RuleSpec(name="zone", kind=RuleKind.ZONE, points=((0, 0), (1, 0), (1, 1), (0, 1)), frames_min=2)
CAMERA = CameraSpec(id="cam", kind=CameraKind.FILE, source=str(SOURCE_CLIP), algorithm="bench", rules=(ZONE,))
FORM = "one camera, 640x360, 5 pictures/s in real time, FastestDet to FastestDet on one thread; load and warming beside it"


@dataclass(slots=True)
class Run:
    """What one stretch of pictures gave."""

    results_at_s: list[float] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    """Version by picture."""
    events: int = 0
    back_s: float = 0.0
    """From the order to go back to the first answer of the former version."""

    @property
    def gap_periods(self) -> float:
        """By how many periods the latest result came later than one period after the one before."""
        waits = np.diff(self.results_at_s)
        return float(waits.max() / PERIOD_S - 1)


def targets(rounds: int) -> Sequence[Target]:
    """The numbers of a swap; nothing without the shared data."""
    if not MODEL.is_file():
        return []
    pictures = _pictures(BEFORE + SHADOW_FRAMES + BETWEEN + AFTER + 20)
    runs, plain = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="yb") as name:
            plain.append(_played(_library(Path(name) / "plain"), pictures, swaps=False))
            runs.append(_played(_library(Path(name) / "swapped"), pictures, swaps=True))
    lost = tuple(float(len(pictures) - len(run.answered)) for run in runs)
    events = tuple(float(abs(run.events - base.events)) for run, base in zip(runs, plain, strict=True))
    gaps = tuple(run.gap_periods - base.gap_periods for run, base in zip(runs, plain, strict=True))
    backs = tuple(run.back_s for run in runs)
    notes = tuple(
        f"beyond one period: {run.gap_periods:.2f} periods with the swap, {base.gap_periods:.2f} without; {base.events} events"
        for run, base in zip(runs, plain, strict=True)
    )
    return [
        Target("CAM6", "longest wait for a result over a swap and back, less that without one, periods", 1.0, False, gaps, FORM, notes),
        Target("CAM6", "pictures without a result", 0.0, False, lost, FORM),
        Target("CAM6", "events more or less than without a swap", 0.0, False, events, FORM),
        Target("CAM6", "s from the order to go back to the former version's answer", BACK_S_MAX, False, backs, FORM),
    ]


def _played(library: Library, pictures: Sequence[Pixels], *, swaps: bool) -> Run:
    clock, run = SystemClock(), Run()
    hot = open_hot(CAMERA, str(library.root), clock)
    pipeline = CameraPipeline(CAMERA, hot.algorithm, hot, nonce="n")
    began, turned, ordered = time.monotonic(), 0, 0.0
    for index, pixels in enumerate(pictures):
        time.sleep(max(0.0, began + index * PERIOD_S - time.monotonic()))
        if swaps and index == BEFORE:
            library.shadow("bench", "2", at_us=clock.wall_us())
        if swaps and turned and index == turned + BETWEEN:
            ordered = time.monotonic()
            library.roll_back("bench", at_us=clock.wall_us(), why="bench")
        run.events += _look(hot, pipeline, pixels, Instant(round(index * PERIOD_S * 1e6)), clock)
        run.results_at_s.append(time.monotonic())
        run.answered.append(hot.algorithm.manifest.version)
        turned = turned or (index if run.answered[-1] == "2" else 0)
        if ordered and not run.back_s and run.answered[-1] == "1":
            run.back_s = time.monotonic() - ordered
    if swaps and not run.back_s:
        raise RuntimeError(f"version 2 did not take over or did not go: {library.state('bench').history[-1]}")
    return run


def _look(hot: HotModel, pipeline: CameraPipeline, pixels: Pixels, at: Instant, clock: SystemClock) -> int:
    """One picture of the time `at` as the analysis process takes it; events that began."""
    shot = Shot("cam", pixels, at, clock.wall_us(), 0)
    messages = pipeline.begin(shot)
    messages += pipeline.conclude(shot, hot.detect(pixels, STILL), hot.algorithm)
    return sum(bool(message.jpeg) for message in messages)


def _library(root: Path) -> Library:
    library, model = Library(root), MODEL.read_bytes()
    said = decode_manifest((SHIPPED / "fastestdet" / "manifest.toml").read_bytes(), "fastestdet")
    for version in ("1", "2"):
        manifest = replace(said, id="bench", version=version, sha256=hashlib.sha256(model).hexdigest())
        files = {MANIFEST: encode_manifest(manifest), MODEL_FILE: model, LICENCE: b"none", EXPECTED: b'{"pictures":{}}'}
        library.add(card_of("bench", version, files), files, UNSIGNED, at_us=1)
    library.activate("bench", "1", at_us=1)
    return library


def _pictures(count: int) -> list[Pixels]:
    """Every fifth picture of the clip, from its beginning again when it ends."""
    found: list[Pixels] = []
    while len(found) < count:
        clip = cv2.VideoCapture(str(SOURCE_CLIP))
        before = len(found)
        while len(found) < count and clip.grab():
            if int(clip.get(cv2.CAP_PROP_POS_FRAMES)) % 5 == 0:
                found.append(np.asarray(clip.retrieve()[1], np.uint8))
        clip.release()
        if len(found) == before:
            raise RuntimeError(f"{SOURCE_CLIP.name} gives no pictures")
    return found
