"""The families with the real models, against the sanity values of the data's own README."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest

from edge_ai.algorithm import load_algorithm
from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.build import build_detector
from edge_ai.detectors.motion_object import MotionObject
from edge_ai.detectors.port import Detector
from edge_ai.picture import Pixels
from edge_ai.spec import CameraKind, CameraSpec
from tests.edge_ai.replay import DATA, needs_data

STILL = Motion(GateState.QUIET, np.zeros((0, 4), np.float32), 0.0)
COCO = {
    "FastestDet.onnx": ("fastestdet", 12),
    "nanodet_m_320.onnx": ("nanodet", 14),
    "nanodet_m_416.onnx": ("nanodet", 16),
    "yolox_nano.onnx": ("yolox-nano", 16),
}
"""Model file to algorithm and persons in crowd.jpg."""


def detector(algorithm: str, model: str) -> Detector:
    camera = CameraSpec(id="c", kind=CameraKind.FILE, source="x", algorithm=algorithm, model=str(DATA / "models" / model))
    return build_detector(load_algorithm(camera))


def image(name: str) -> Pixels:
    return np.asarray(cv2.imread(str(DATA / "video" / "images" / name)), np.uint8)


def seen(found: Detector, name: str) -> Counter[str]:
    return Counter(found.classes[label] for label in found.detect(image(name), STILL).classes)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("model", COCO)
def test_coco_models_see_what_the_data_says(model: str) -> None:
    algorithm, persons = COCO[model]
    found = detector(algorithm, model)
    assert seen(found, "bus.jpg")["bus"] == 1
    assert seen(found, "truck.jpg")["truck"] == 1
    assert seen(found, "crowd.jpg")["person"] == persons


@needs_data
def test_bus_has_the_published_score() -> None:
    for algorithm, model, score in (("fastestdet", "FastestDet.onnx", 0.96), ("nanodet", "nanodet_m_320.onnx", 0.88)):
        assert abs(float(detector(algorithm, model).detect(image("bus.jpg"), STILL).scores.max()) - score) < 0.01


@needs_data
def test_faces_and_persons_of_the_crowd() -> None:
    assert seen(detector("rfb-face", "version-RFB-320.onnx"), "crowd.jpg") == {"face": 3}
    assert seen(detector("person-192", "person_192.onnx"), "crowd.jpg")["person"] >= 6


@needs_data
def test_picture_of_one_pixel_is_no_problem() -> None:
    for algorithm, model in (("fastestdet", "FastestDet.onnx"), ("yolox-nano", "yolox_nano.onnx")):
        assert len(detector(algorithm, model).detect(np.zeros((1, 1, 3), np.uint8), STILL)) == 0


def test_motion_objects_are_sorted_by_size_on_the_ground() -> None:
    boxes = np.array([[100, 300, 140, 400], [200, 250, 400, 400], [10, 10, 13, 13]], np.float32)
    found = MotionObject().detect(np.zeros((480, 640, 3), np.uint8), Motion(GateState.MOTION, boxes, 0.1))
    assert [MotionObject().classes[label] for label in found.classes] == ["person-sized", "vehicle-sized"]
