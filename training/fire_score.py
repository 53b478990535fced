"""Measure `fire-smoke` on held-out rendered scenes and on real clips with the product's own pipeline, and write its manifest.

    python -m training.fire_score --out edge_ai/algorithms/fire-smoke [--clips ../shared/data/video]

Runs in the product's environment. An event is what the preset
tells when it counts smoke as well, once for a scene; it is right when the middle of its box lies on what burns or smokes, or near it.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_ai.algorithm import Algorithm, Family, Manifest
from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.capture.gate import Motion
from edge_ai.detectors.build import build_detector
from edge_ai.detectors.classifier import Classifier
from edge_ai.detectors.fire_smoke import AGREES_MIN, NEITHER
from edge_ai.models.manifest import Activation, EvidenceGrade, InputSpec, Scope, encode_manifest
from edge_ai.picture import NOTHING, Detections, Pixels, Shot
from edge_ai.presets import preset_named
from edge_ai.sources.opening import open_source
from edge_ai.spec import CameraKind, CameraSpec, RuleSpec
from edge_ai.wire.events import EventMessage
from sync.model import Instant
from training.fire_data import CLASSES, PICTURE_S, SEED, samples
from training.fire_scene import FireScene

SCORE_MIN = 0.35
"""Of boxes in the pipeline; what the net must say stands in edge_ai/detectors/fire_smoke.py."""
LOOK = InputSpec(rgb=False, mean=(0, 0, 0), divisor=(255, 255, 255))
"""As training/fire_train.py shows strips to the net."""
OVERLAP_MAX = 0.45
STRIP_SEEDS = range(950_000, 950_150)
SCENE_SEEDS = range(970_000, 970_020)
"""Of the scenes that are played through the whole pipeline, once each with fire, with smoke, and with neither."""
SCENE_PICTURES, BURNS_FROM = 90, 30
"""Pictures of a scene, and how many of them come before anything burns."""
BURNING_CLIP, TUNE_S = "house6.mp4", 15.0
"""The clip that burns all along, and its seconds on which thresholds were chosen; the rest is held out."""
TAINTED_CLIPS = ("vtest_pets2009_480x360.avi", "highway_640x360.mp4")
"""A rule was once changed for what it saw there, so they are neither tune nor held out."""
HELD_OUT_CLIPS = ("car-detection.mp4", "one-by-one-person-detection.mp4")
NEAR = 6
"""Pixels around what burns within which the middle of a box must lie."""
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))

Figures = dict[str, float | str]


class Watched:
    """A detector that notes what it saw last, and what it cost."""

    def __init__(self, algorithm: Algorithm) -> None:
        self._inner = build_detector(algorithm)
        self.classes = self._inner.classes
        self.found: Detections = NOTHING
        self.costs_ms: list[float] = []

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """As the detector does."""
        began = time.thread_time_ns()
        self.found = self._inner.detect(pixels, motion)
        self.costs_ms.append((time.thread_time_ns() - began) / 1e6)
        return self.found


def pipeline_for(algorithm: Algorithm) -> tuple[CameraPipeline, Watched]:
    """A camera with the preset over the whole picture, but that it counts smoke as well."""
    preset, detector = preset_named("fire-smoke"), Watched(algorithm)
    rule = RuleSpec(name="fire", kind=preset.kind, points=WHOLE, **(preset.rule | {"classes": CLASSES[:2]}))  # type: ignore[arg-type]
    camera = CameraSpec(id="c", kind=CameraKind.FILE, source="", algorithm="fire-smoke", rules=(rule,))
    return CameraPipeline(camera, algorithm, detector, nonce="score"), detector


def shown(pipeline: CameraPipeline, pixels: Pixels, at_s: float) -> list[EventMessage]:
    """The events that begin with a picture."""
    shot = Shot("c", pixels, Instant(round(at_s * 1e6)), round(at_s * 1e6), 0)
    return [message for message in pipeline.analyse(shot) if message.jpeg]


def middle_of(message: EventMessage, pixels: Pixels) -> tuple[float, float]:
    """Of an event's box, in pixels."""
    x1, y1, x2, y2 = message.row.overlays[0].box
    return (x1 + x2) / 2 * pixels.shape[1], (y1 + y2) / 2 * pixels.shape[0]


def on_strips(model: Path) -> Figures:
    """How the net alone judges strips of scenes it has not seen."""
    net = Classifier(model, CLASSES, score_min=SCORE_MIN, overlap_max=OVERLAP_MAX, look=LOOK, activation=Activation.SOFTMAX)
    strips, classes = samples(STRIP_SEEDS)
    scores = np.stack([net.scores(strip) for strip in strips])
    figures: Figures = {}
    for label, name in enumerate(CLASSES[:2]):
        sure = scores[:, label] >= AGREES_MIN[label]
        figures[f"strip-recall-{name}"] = round(float(sure[classes == label].mean()), 3)
        figures[f"strips-of-neither-as-{name}"] = round(float(sure[classes == CLASSES.index(NEITHER)].mean()), 4)
    return figures


def on_scenes(algorithm: Algorithm) -> Figures:
    """How rule, net and preset together judge scenes in which something begins to burn, to smoke, or does not."""
    figures: Figures = {}
    for name in CLASSES:
        told, wrong, delays = 0, 0, []
        for seed in SCENE_SEEDS:
            right_s, false = _played(algorithm, FireScene(seed, fire=name == "fire", smoke=name == "smoke"))
            told, wrong = told + bool(right_s), wrong + false
            delays += right_s[:1]
        hours = len(SCENE_SEEDS) * SCENE_PICTURES * PICTURE_S / 3600
        figures[f"scenes-false-an-hour-{name}"] = round(wrong / hours, 1)
        if name != NEITHER:
            figures[f"scenes-recall-{name}"] = round(told / len(SCENE_SEEDS), 3)
            figures[f"scenes-delay-{name}-s"] = round(float(np.median(delays)), 1) if delays else "none told"
    return figures


def _played(algorithm: Algorithm, scene: FireScene) -> tuple[list[float], int]:
    """Seconds after its beginning at which what burns was told, and how many events were wrong."""
    pipeline, _ = pipeline_for(algorithm)
    right: list[float] = []
    wrong = 0
    for index in range(SCENE_PICTURES):
        after_s = (index - BURNS_FROM) * PICTURE_S
        frame = scene.frame_at(after_s, burns=after_s >= 0)
        for message in shown(pipeline, frame.pixels, index * PICTURE_S):
            x, y = (round(value) for value in middle_of(message, frame.pixels))
            near = (slice(max(y - NEAR, 0), y + NEAR), slice(max(x - NEAR, 0), x + NEAR))
            if after_s >= 0 and (frame.fire | frame.smoke)[near].any():
                right.append(after_s)
            else:
                wrong += 1
    return right, wrong


# ---- real clips


def on_clips(algorithm: Algorithm, folder: Path) -> list[str]:
    """One line for each clip."""
    lines = _on_burning_clip(algorithm, folder)
    for word, names in (("tainted", TAINTED_CLIPS), ("held out", HELD_OUT_CLIPS)):
        for name in names:
            pipeline, detector = pipeline_for(algorithm)
            told = boxes = 0
            at_s = 0.0
            for at_s, pixels in _pictures(folder / name):
                told += len(shown(pipeline, pixels, at_s))
                boxes += len(detector.found)
            lines.append(
                f"{name} ({word}): {told} events and {boxes} boxes in {at_s:.0f} s, {np.median(detector.costs_ms):.1f} ms a picture"
            )
    return lines


def _on_burning_clip(algorithm: Algorithm, folder: Path) -> list[str]:
    truth = (folder / BURNING_CLIP).with_suffix(".xml").read_text("utf-8")
    pipeline, detector = pipeline_for(algorithm)
    events: list[str] = []
    tally = {half: [0, 0, 0, 0, 0] for half in ("tune", "held out")}
    for at_s, pixels in _pictures(folder / BURNING_CLIP):
        events += [f"{message.row.label} at {at_s:.1f} s" for message in shown(pipeline, pixels, at_s)]
        flames = _flames_at(truth, round(at_s * 29.97))
        fires = detector.found.boxes[detector.found.classes == 0]
        hits = sum(_is_on(box, flames) for box in fires)
        smoke = len(detector.found) - len(fires)
        half = tally["tune" if at_s < TUNE_S else "held out"]
        for place, more in enumerate((1, bool(hits), hits, len(fires), smoke)):
            half[place] += more
    lines = [f"{BURNING_CLIP}: {', '.join(events) or 'no event'}, {np.median(detector.costs_ms):.1f} ms a picture"]
    lines += [
        f"{BURNING_CLIP} ({half}): fire in {found} of {pictures} pictures, {right} of {boxes} boxes on it; {smoke} boxes of smoke"
        for half, (pictures, found, right, boxes, smoke) in tally.items()
    ]
    return lines


def _flames_at(truth: str, frame: int) -> list[tuple[int, ...]]:
    part = truth.split(f"<frameNumber>{frame}</frameNumber>")[1].split("<frameNumber>")[0]
    return [tuple(map(int, box)) for box in re.findall(r"(\d+) (\d+) (\d+) (\d+)</_>", part)]


def _is_on(box: np.ndarray[tuple[int, ...], np.dtype[np.float32]], flames: list[tuple[int, ...]]) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return any(left - NEAR <= x <= left + wide + NEAR and top - NEAR <= y <= top + tall + NEAR for left, top, wide, tall in flames)


def _pictures(clip: Path) -> Iterator[tuple[float, Pixels]]:
    """Pictures of a clip at the rate they are analysed at, each with its second."""
    source = open_source(CameraSpec(id="c", kind=CameraKind.FILE, source=str(clip), algorithm="fire-smoke"))
    due_s, index = 0.0, 0
    try:
        while True:
            at_s = index / source.fps
            index += 1
            if at_s < due_s - 1e-9:
                if not source.skip():
                    return
                continue
            pixels = source.read()
            if pixels is None:
                return
            due_s += PICTURE_S
            yield at_s, pixels
    finally:
        source.close()


def manifest_of(model: Path, measured: Figures) -> Manifest:
    """What is written beside the model."""
    return Manifest(
        id="fire-smoke",
        version="2",
        family=Family.FIRE_SMOKE,
        scope=Scope.FIELD,
        evidence_grade=EvidenceGrade.RENDERED_ONLY,
        classes=CLASSES[:2],
        score_min=SCORE_MIN,
        overlap_max=OVERLAP_MAX,
        sha256=hashlib.sha256(model.read_bytes()).hexdigest(),
        licence="Apache-2.0",
        seed=SEED,
        input=LOOK,
        measured=measured,
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=Path, help="also play the real clips of this folder; nothing is chosen or written by them")
    options = parser.parse_args()
    model = options.out / "model.onnx"
    algorithm = Algorithm(manifest_of(model, {}), model, "")
    on = f"rendered scenes of seeds not trained on: strips {STRIP_SEEDS.start}-{STRIP_SEEDS.stop - 1}, "
    measured = {"on": on + f"scenes {SCENE_SEEDS.start}-{SCENE_SEEDS.stop - 1}"} | on_strips(model) | on_scenes(algorithm)
    text = "# Written by training/fire_score.py. The net was trained on rendered pictures alone.\n"
    text += encode_manifest(manifest_of(model, measured)).decode()
    (options.out / "manifest.toml").write_text(text, encoding="utf-8")
    print(text)
    for line in on_clips(algorithm, options.clips) if options.clips else []:
        print(line, flush=True)


if __name__ == "__main__":
    main()
