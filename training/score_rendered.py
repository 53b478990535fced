"""Measure `street-s` on rendered pictures it was not trained on, with the product's own decoder, and write its manifest.

    python -m training.score_rendered --out edge_ai/algorithms/street-s --score-min X --scope demo-only

Runs in the product's environment. A detection counts when it overlaps an unmatched figure of its class by at least 0.5; figures less than
35 % visible or smaller than 8 pixels neither help nor hurt. The threshold is chosen with benchmarks/model_card.py on the clips of `tune`,
the scope by what that says of the clips held out.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.street_s import StreetS
from edge_ai.models.manifest import Scope
from edge_ai.picture import Detections, Pixels, overlap_matrix
from simulations.devices.street_scene import StreetScene
from training.street_data import BACKDROP_SEED, VISIBLE_MIN
from training.street_ground import Backdrop
from training.street_pictures import CLASSES, DEMO_EVERY, Truth, picture

SEED = 20260
"""Of the training; train_street_s.py has it too, and cannot be imported without its own environment."""
DEMO_SEEDS = range(900_000, 900_060)
DEMO_FRAMES = 6
DEMO_STEP_S = 5.3
PAINTED_FIRST, PAINTED_LAST = 2_000_001, 2_000_500
OVERLAP_MAX = 0.45
OVERLAP_RIGHT = 0.5
SHORT_MIN = 8.0
"""Pixels of a painted picture's input."""
STILL = Motion(GateState.QUIET, np.zeros((0, 4), np.float32), 0.0)


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and its figures, boxes in its pixels."""

    pixels: Pixels
    truths: tuple[Truth, ...]


def demo_samples() -> Iterator[Sample]:
    """Pictures of the demo's street."""
    for seed in DEMO_SEEDS:
        rng = Random(seed)
        scene = StreetScene(seed, busy=rng.uniform(0.7, 1.8))
        start_s = rng.uniform(0, 5)
        for step in range(DEMO_FRAMES):
            frame = scene.frame_at(start_s + step * DEMO_STEP_S)
            yield Sample(frame.pixels, tuple(Truth(CLASSES.index(one.kind.value), one.box, one.visible) for one in frame.boxes))


def painted_samples() -> Iterator[Sample]:
    """Pictures as most of the training's are."""
    backdrop = Backdrop(np.random.default_rng(BACKDROP_SEED))
    for number in range(PAINTED_FIRST, PAINTED_LAST + 1):
        if number % DEMO_EVERY:
            pixels, truths = picture(number, backdrop)
            yield Sample(pixels, tuple(truths))


def count(found: Detections, sample: Sample, label: int, tally: Counter[str], *, short_min: float) -> None:
    """Add this picture's right, wrong and missed boxes of one class to `tally`."""
    truths = [truth for truth in sample.truths if truth.label == label]
    sure = [one.visible >= VISIBLE_MIN and min(one.box[2] - one.box[0], one.box[3] - one.box[1]) >= short_min for one in truths]
    boxes = found.boxes[found.classes == label][np.argsort(-found.scores[found.classes == label])]
    overlap = overlap_matrix(boxes, np.array([truth.box for truth in truths], np.float32).reshape(-1, 4))
    matched: set[int] = set()
    for row in overlap:
        candidates = [index for index in range(len(truths)) if index not in matched and row[index] >= OVERLAP_RIGHT]
        if not candidates:
            tally[f"wrong {CLASSES[label]}"] += 1
            continue
        best = max(candidates, key=lambda index: float(row[index]))
        matched.add(best)
        tally[f"right {CLASSES[label]}"] += sure[best]
    tally[f"missed {CLASSES[label]}"] += sum(certain for index, certain in enumerate(sure) if index not in matched)


def measure(detector: StreetS, samples: Iterator[Sample], name: str, *, short_min: float) -> dict[str, float]:
    """Precision and recall by class, rounded to thousandths."""
    tally: Counter[str] = Counter()
    for sample in samples:
        found = detector.detect(sample.pixels, STILL)
        for label in range(len(CLASSES)):
            count(found, sample, label, tally, short_min=short_min)
    figures: dict[str, float] = {}
    for kind in CLASSES:
        right = tally[f"right {kind}"]
        figures[f"{name}-precision-{kind}"] = round(right / max(right + tally[f"wrong {kind}"], 1), 3)
        figures[f"{name}-recall-{kind}"] = round(right / max(right + tally[f"missed {kind}"], 1), 3)
        figures[f"{name}-figures-{kind}"] = right + tally[f"missed {kind}"]
    return figures


def manifest(model: Path, figures: dict[str, float], *, score_min: float, scope: Scope) -> str:
    """The text of manifest.toml."""
    classes = ", ".join(f'"{name}"' for name in CLASSES)
    measured = "\n".join(f"{name} = {value}" for name, value in figures.items())
    return f"""# Written by training/score_rendered.py. Trained on rendered pictures alone;
# what it does on real clips stands in docs/model-card.md.
id = "street-s"
version = "1"
family = "street-s"
scope = "{scope.value}"
evidence_grade = "rendered-only"
classes = [{classes}]
score_min = {score_min}
overlap_max = {OVERLAP_MAX}
sha256 = "{hashlib.sha256(model.read_bytes()).hexdigest()}"
licence = "Apache-2.0"
seed = {SEED}

[measured]
on = "rendered pictures of seeds not trained on, overlap at least {OVERLAP_RIGHT}; demo: the demo's street, painted: as the training's"
demo-first-seed = {DEMO_SEEDS.start}
demo-last-seed = {DEMO_SEEDS.stop - 1}
painted-first-number = {PAINTED_FIRST}
painted-last-number = {PAINTED_LAST}
{measured}
"""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--score-min", type=float, required=True)
    parser.add_argument("--scope", type=Scope, required=True)
    options = parser.parse_args()
    model = options.out / "model.onnx"
    detector = StreetS(model, CLASSES, score_min=options.score_min, overlap_max=OVERLAP_MAX)
    figures = measure(detector, demo_samples(), "demo", short_min=0.0)
    figures |= measure(detector, painted_samples(), "painted", short_min=SHORT_MIN)
    text = manifest(model, figures, score_min=options.score_min, scope=options.scope)
    (options.out / "manifest.toml").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
