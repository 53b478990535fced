"""Every family against a slow plain decoder, over random outputs; and the input a model is given, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_ai.algorithm import Algorithm
from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.build import build_classifier, build_detector
from edge_ai.detectors.classifier import crop_of
from edge_ai.detectors.port import Detector, InputBuffer, Look
from edge_ai.detectors.ssd import prior_boxes
from edge_ai.errors import ModelError
from edge_ai.models.manifest import Activation, Family, Fit, InputSpec, Manifest, PriorRow
from edge_ai.picture import DETECTIONS_MAX, Detections, Pixels
from tests.edge_ai.detectors import plain
from tests.edge_ai.models.made import constant_model, manifest, written

STILL = Motion(GateState.QUIET, np.zeros((0, 4), np.float32), 0.0)
SIDE = 64
CLASSES = ("person", "car", "dog")
SQUARE = np.zeros((SIDE, SIDE, 3), np.uint8)
PRIORS = (PriorRow(stride=16, sizes=(10.0, 20.0), ratios=(2.0,)), PriorRow(stride=32, sizes=(40.0,)))
SEEDS = range(8)
LIMITS = {"score_min": 0.55, "overlap_max": 0.45}


def detector(outputs: Mapping[str, plain.Array], folder: Path, family: Family, **changes: Any) -> Detector:
    said: Manifest = manifest(family=family, **{"classes": CLASSES, **LIMITS, **changes})
    model = written(constant_model({name: values[None] for name, values in outputs.items()}, (SIDE, SIDE)), folder / "model.onnx")
    return build_detector(Algorithm(said, model, ""))


def agree(found: Detections, boxes: list[plain.Box]) -> None:
    order = np.argsort(-found.scores, kind="stable")
    assert len(found) == len(boxes)
    assert np.allclose(found.scores[order], [box.score for box in boxes], atol=1e-5)
    assert [int(label) for label in found.classes[order]] == [box.label for box in boxes]
    assert np.allclose(found.boxes[order], [box.corners for box in boxes], atol=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_fastestdet_decodes_as_said(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    output = rng.normal(0, 1, (8, 4, 4)).astype(np.float32)
    output[[0, 5, 6, 7]] = rng.random((4, 4, 4), np.float32)
    found = detector({"output": output}, tmp_path, Family.FASTESTDET).detect(SQUARE, STILL)
    agree(found, plain.chosen(plain.fastestdet(output, SIDE), **LIMITS))


@pytest.mark.parametrize("seed", SEEDS)
def test_yolox_decodes_as_said(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    output = rng.normal(0, 0.7, (84, 8)).astype(np.float32)
    output[:, 4:] = rng.random((84, 4), np.float32) ** 0.3
    found = detector({"output": output}, tmp_path, Family.YOLOX).detect(SQUARE, STILL)
    agree(found, plain.chosen(plain.yolox(output, SIDE), **LIMITS))


@pytest.mark.parametrize("seed", SEEDS)
def test_yolov8_decodes_as_said_whichever_way_its_output_lies(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    output = rng.random((7, 84), np.float32)
    output[:2] *= SIDE
    output[2:4] *= 30
    expected = plain.chosen(plain.yolov8(output), **LIMITS)
    for lying in (output, np.ascontiguousarray(output.T)):
        agree(detector({"output": lying}, tmp_path, Family.YOLOV8).detect(SQUARE, STILL), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_nanodet_decodes_as_said(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    outputs = {f"cls_pred_stride_{stride}": rng.random(((SIDE // stride) ** 2, 3), np.float32) for stride in (8, 16, 32)}
    outputs |= {f"dis_pred_stride_{stride}": rng.normal(0, 2, ((SIDE // stride) ** 2, 32)).astype(np.float32) for stride in (8, 16, 32)}
    found = detector(outputs, tmp_path, Family.NANODET).detect(SQUARE, STILL)
    agree(found, plain.chosen(plain.nanodet(list(outputs.values()), SIDE), **LIMITS))


def slow_priors() -> list[tuple[float, float, float, float]]:
    found = []
    for row in PRIORS:
        for y in range(SIDE // row.stride):
            for x in range(SIDE // row.stride):
                for size in row.sizes:
                    for ratio in (1.0, *row.ratios):
                        width, height = size * ratio**0.5 / SIDE, size / ratio**0.5 / SIDE
                        found.append(((x + 0.5) * row.stride / SIDE, (y + 0.5) * row.stride / SIDE, width, height))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_ssd_decodes_around_its_priors_as_said(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    priors = slow_priors()
    assert np.allclose(prior_boxes(PRIORS, SIDE, SIDE), priors)
    scores, terms = rng.normal(0, 2, (len(priors), 4)).astype(np.float32), rng.normal(0, 2, (len(priors), 4)).astype(np.float32)
    found = detector({"conf": scores, "loc": terms}, tmp_path, Family.SSD, priors=PRIORS, activation=Activation.SOFTMAX)
    agree(found.detect(SQUARE, STILL), plain.chosen(plain.ssd(scores, terms, priors, SIDE), **LIMITS))


def test_ssd_whose_boxes_do_not_fit_its_priors_is_refused(tmp_path: Path) -> None:
    zeros = {"conf": np.zeros((10, 4), np.float32), "loc": np.zeros((10, 4), np.float32)}
    with pytest.raises(ModelError, match="it gives 10 boxes, its priors make 68; correct --priors"):
        detector(zeros, tmp_path, Family.SSD, priors=PRIORS)


def test_classifier_names_the_whole_picture_or_a_box_of_it(tmp_path: Path) -> None:
    classes: dict[str, Any] = {"classes": CLASSES, "activation": Activation.SOFTMAX}
    found = detector({"output": np.array([0.0, 3.0, 0.0], np.float32)}, tmp_path, Family.CLASSIFIER, **classes)
    seen = found.detect(np.zeros((50, 90, 3), np.uint8), STILL)
    assert seen.boxes.tolist() == [[0, 0, 90, 50]]
    assert (int(seen.classes[0]), round(float(seen.scores[0]), 2)) == (1, 0.91)
    said = manifest(family=Family.CLASSIFIER, **classes)
    second = build_classifier(Algorithm(said, tmp_path / "model.onnx", ""))
    looked = second.look_at(np.zeros((50, 90, 3), np.uint8), np.array([10, 10, 40, 40], np.float32))
    assert looked is not None
    assert looked[0] == 1
    assert second.look_at(np.zeros((50, 90, 3), np.uint8), np.array([10, 10, 12, 12], np.float32)) is None


def test_classifier_that_is_not_sure_says_nothing(tmp_path: Path) -> None:
    unsure = {"output": np.zeros(3, np.float32)}
    assert len(detector(unsure, tmp_path, Family.CLASSIFIER, activation=Activation.SOFTMAX).detect(SQUARE, STILL)) == 0


def test_second_stage_is_a_classifier(tmp_path: Path) -> None:
    said = manifest(family=Family.YOLOX, classes=CLASSES)
    model = written(constant_model({"output": np.zeros((1, 84, 8), np.float32)}, (SIDE, SIDE)), tmp_path / "model.onnx")
    with pytest.raises(ModelError, match="yard is of family yolox: a second stage is a classifier"):
        build_classifier(Algorithm(said, model, ""))


def test_crop_stays_inside_the_picture() -> None:
    crop = crop_of(np.zeros((50, 90, 3), np.uint8), np.array([-10, 30, 40, 80], np.float32))
    assert crop is not None
    assert crop.shape == (25, 45, 3)


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("size", [(64, 64), (36, 64), (90, 40), (7, 300), (1, 1)])
def test_box_comes_back_to_where_it_was_in_the_picture(fit: Fit, size: tuple[int, int]) -> None:
    buffer = InputBuffer(48, 64, Look(fit=fit))
    picture: Pixels = np.zeros((*size, 3), np.uint8)
    buffer.fill(picture)
    left, top, width, height = buffer._fitted
    whole = np.array([[left, top, left + width, top + height]], np.float32)
    tolerance = max(size[0] / 48, size[1] / 64) + 0.01
    assert np.allclose(buffer.to_picture(whole), [[0, 0, size[1], size[0]]], atol=tolerance)


@pytest.mark.parametrize("rgb", [False, True])
def test_input_is_what_textbook_code_makes_it(rgb: bool) -> None:
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 256, (120, 200, 3), np.uint8)
    mean, divisor = (10.0, 20.0, 30.0), (50.0, 60.0, 70.0)
    buffer = InputBuffer(48, 64, Look(rgb=rgb, mean=mean, divisor=divisor))
    small = cv2.resize(picture, (64, 48)).astype(np.float64)
    expected = ((small[..., ::-1] if rgb else small) - mean) / divisor
    assert np.allclose(buffer.fill(picture)[0], expected.transpose(2, 0, 1), atol=1e-4)


def test_border_beside_a_picture_is_clean_after_another_shape() -> None:
    buffer = InputBuffer(64, 64, Look(fit=Fit.CENTRE))
    buffer.fill(np.full((64, 32, 3), 255, np.uint8))
    tensor = buffer.fill(np.full((32, 64, 3), 255, np.uint8))
    assert (tensor[0, :, :16] == 114).all()
    assert (tensor[0, :, 16:48] == 255).all()


def test_manifest_changes_only_what_it_names() -> None:
    usual = Look(fit=Fit.CENTRE, rgb=True, mean=(1, 2, 3), divisor=(4, 5, 6))
    assert usual.changed(InputSpec()) == usual
    assert usual.changed(InputSpec(rgb=False, fit=Fit.CORNER)) == replace(usual, rgb=False, fit=Fit.CORNER)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_numbers_that_are_none_never_leave_a_detector(value: float, tmp_path: Path) -> None:
    output = np.full((7, 84), 0.9, np.float32)
    output[:4] = value
    with np.errstate(all="ignore"):
        found = detector({"output": output}, tmp_path, Family.YOLOV8).detect(SQUARE, STILL)
    assert np.isfinite(found.boxes).all()


def test_net_that_sees_something_everywhere_is_bounded(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    output = np.full((7, 84), 0.9, np.float32)
    output[:2], output[2:4] = rng.random((2, 84), np.float32) * SIDE, 0.5
    found = detector({"output": output}, tmp_path, Family.YOLOV8).detect(SQUARE, STILL)
    assert 0 < len(found) <= DETECTIONS_MAX
