"""Records what a detector sees on a clip, so that the tracker is tested on it without the model's seconds.

    python -m tests.edge_ai.record_detections

writes tests/ground_truth/pets_yolox_nano.json anew from ../shared/data. These are a model's words and no truth; nothing is trained on them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from edge_ai.algorithm import load_algorithm
from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.build import build_detector
from edge_ai.picture import Detections
from edge_ai.sources.opening import open_source
from edge_ai.spec import CameraKind, CameraSpec

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
TRUTH = ROOT / "tests" / "ground_truth"
RECORDED = TRUTH / "pets_yolox_nano.json"
FPS = 5.0
UNGATED = Motion(GateState.MOTION, np.zeros((0, 4), np.float32), 1.0)


def record() -> None:
    """Run the model once over PETS at 5 pictures a second."""
    camera = CameraSpec(
        id="pets", kind=CameraKind.FILE, source=str(DATA / "video" / "vtest_pets2009_480x360.avi"), algorithm="yolox-nano",
        model=str(DATA / "models" / "yolox_nano.onnx"),
    )  # fmt: skip
    algorithm = load_algorithm(camera)
    detector, source = build_detector(algorithm), open_source(camera)
    rows: list[list[list[int]]] = []
    step = round(source.fps / FPS)
    while (pixels := source.read()) is not None:
        seen = detector.detect(pixels, UNGATED)
        rows.append([
            [*(round(float(value)) for value in box), round(float(score) * 1000), int(label)]
            for box, score, label in zip(seen.boxes, seen.scores, seen.classes, strict=True)
        ])  # fmt: skip
        for _ in range(step - 1):
            source.skip()
    source.close()
    facts = {"clip": "vtest_pets2009_480x360.avi", "model_sha256": algorithm.sha256, "fps": FPS, "score_min": algorithm.manifest.score_min}
    how = "x1, y1, x2, y2 in pixels, score in thousandths, class index"
    RECORDED.write_text(json.dumps(facts | {"how": how, "pictures": rows}, separators=(",", ":")) + "\n", "utf-8")


def recorded() -> list[Detections]:
    """What was recorded, picture by picture."""
    pictures = json.loads(RECORDED.read_text("utf-8"))["pictures"]
    return [_detections(np.array(rows, np.float32).reshape(-1, 6)) for rows in pictures]


def _detections(rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Detections:
    return Detections(rows[:, :4], rows[:, 4] / np.float32(1000), rows[:, 5].astype(np.int64))


if __name__ == "__main__":
    record()
