"""Measure `demo-street` on held-out rendered scenes with the product's own decoder, and write its manifest.

    python -m training.score_demo_street --out edge_ai/algorithms/demo-street

Runs in the product's environment. A detection counts when it overlaps an unmatched actor of its class by at least 0.5; actors less than
35 % visible neither help nor hurt.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np

from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.demo_street import DemoStreet
from edge_ai.picture import Detections, overlap_matrix
from simulations.devices.street_actors import ActorKind
from simulations.devices.street_scene import StreetFrame
from training.street_data import FRAMES_PER_SCENE, VISIBLE_MIN, render

SEED = 20260
HELD_OUT_SEEDS = range(900_000, 900_060)
SCORE_MIN = 0.4
OVERLAP_MAX = 0.45
OVERLAP_RIGHT = 0.5
CLASSES = tuple(kind.value for kind in ActorKind)
STILL = Motion(GateState.QUIET, np.zeros((0, 4), np.float32), 0.0)


def count(found: Detections, frame: StreetFrame, label: int, tally: Counter[str]) -> None:
    """Add this frame's right, wrong and missed boxes of one class to `tally`."""
    truths = [truth for truth in frame.boxes if truth.kind.value == CLASSES[label]]
    boxes = found.boxes[found.classes == label][np.argsort(-found.scores[found.classes == label])]
    overlap = overlap_matrix(boxes, np.array([truth.box for truth in truths], np.float32).reshape(-1, 4))
    matched: set[int] = set()
    for row in overlap:
        candidates = [index for index in range(len(truths)) if index not in matched and row[index] >= OVERLAP_RIGHT]
        if not candidates:
            tally[f"wrong {CLASSES[label]}"] += 1
            continue
        best = max(candidates, key=lambda index: row[index])
        matched.add(best)
        if truths[best].visible >= VISIBLE_MIN:
            tally[f"right {CLASSES[label]}"] += 1
    tally[f"missed {CLASSES[label]}"] += sum(truth.visible >= VISIBLE_MIN for index, truth in enumerate(truths) if index not in matched)


def measure(model: Path) -> dict[str, float]:
    """Precision and recall by class, rounded to thousandths."""
    detector = DemoStreet(model, CLASSES, score_min=SCORE_MIN, overlap_max=OVERLAP_MAX)
    tally: Counter[str] = Counter()
    for frame in render(HELD_OUT_SEEDS):
        found = detector.detect(frame.pixels, STILL)
        for label in range(len(CLASSES)):
            count(found, frame, label, tally)
    figures: dict[str, float] = {}
    for name in CLASSES:
        right = tally[f"right {name}"]
        figures[f"precision-{name}"] = round(right / max(right + tally[f"wrong {name}"], 1), 3)
        figures[f"recall-{name}"] = round(right / max(right + tally[f"missed {name}"], 1), 3)
        figures[f"actors-{name}"] = right + tally[f"missed {name}"]
    return figures


def manifest(model: Path, figures: dict[str, float]) -> str:
    """The text of manifest.toml."""
    classes = ", ".join(f'"{name}"' for name in CLASSES)
    measured = "\n".join(f"{name} = {value}" for name, value in figures.items())
    return f"""# Written by training/score_demo_street.py.
# This net was trained on rendered pictures alone and knows nothing of real streets.
id = "demo-street"
version = "1"
family = "demo-street"
scope = "demo-only"
evidence_grade = "rendered-only"
classes = [{classes}]
score_min = {SCORE_MIN}
overlap_max = {OVERLAP_MAX}
sha256 = "{hashlib.sha256(model.read_bytes()).hexdigest()}"
licence = "Apache-2.0"
seed = {SEED}

[measured]
on = "{len(HELD_OUT_SEEDS) * FRAMES_PER_SCENE} rendered pictures of seeds not trained on, overlap at least {OVERLAP_RIGHT}"
first-seed = {HELD_OUT_SEEDS.start}
last-seed = {HELD_OUT_SEEDS.stop - 1}
{measured}
"""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    folder = parser.parse_args().out
    text = manifest(folder / "model.onnx", measure(folder / "model.onnx"))
    (folder / "manifest.toml").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
