"""Detector, second stage, rule and event with real graphs in onnxruntime: a box counts only once the classifier has called its crop red."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_ai.algorithm import load_algorithm
from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.analysis.second_stage import StageShelf
from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.build import build_detector
from edge_ai.errors import AlgorithmError, ModelError
from edge_ai.models.library import Library
from edge_ai.models.manifest import Activation, Family
from edge_ai.models.package import MODEL
from edge_ai.picture import Floats, Pixels, Shot
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from edge_ai.wire.events import EventMessage
from sync.model import Instant
from tests.edge_ai.models.made import constant_model, keep, seeing, telling_red

STILL = Motion(GateState.QUIET, np.zeros((0, 4), np.float32), 0.0)
RED = RuleSpec(
    name="red", kind=RuleKind.ZONE, points=((0, 0), (1, 0), (1, 1), (0, 1)), frames_min=2, second_stage="colour", second_class="red"
)
CAMERA = CameraSpec(id="cam-1", kind=CameraKind.FILE, source="a.mp4", algorithm="yard", rules=(RED,))
COLOUR: dict[str, Any] = {"id": "colour", "family": Family.CLASSIFIER, "classes": ("other", "red"), "activation": Activation.SOFTMAX}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A detector that sees one person at the top left of every picture, and a classifier that tells red things."""
    made = Library(tmp_path / "models")
    keep(made, seeing())
    keep(made, telling_red(), **COLOUR)
    return made


def picture(*, red: bool) -> Pixels:
    """320 x 320, grey but for the thing that the detector sees."""
    pixels = np.full((320, 320, 3), 90, np.uint8)
    pixels[:170, :170] = (20, 20, 230) if red else (90, 90, 90)
    return pixels


def watched(library: Library, pixels: Pixels, count: int, *, camera: CameraSpec = CAMERA) -> tuple[list[EventMessage], CameraPipeline]:
    """The events of `count` pictures, the way a worker takes them."""
    root = str(library.root)
    algorithm = load_algorithm(camera, root)
    detector = build_detector(algorithm)
    pipeline = CameraPipeline(camera, algorithm, detector, nonce="n", stages=StageShelf(root).of(camera))
    told: list[EventMessage] = []
    for step in range(count):
        shot = Shot(camera.id, pixels, Instant(round(step * 0.2e6)), 1_800_000_000_000_000 + step * 200_000, 0)
        told += pipeline.begin(shot)
        told += pipeline.conclude(shot, detector.detect(pixels, STILL))
    return told, pipeline


def test_red_thing_becomes_an_event_and_a_grey_one_none(library: Library) -> None:
    told, pipeline = watched(library, picture(red=True), 8)
    assert [(message.row.rule, message.row.label, message.row.ended) for message in told] == [("red", "person", False)]
    assert told[0].row.algorithm == "yard"
    assert told[0].jpeg.startswith(b"\xff\xd8")
    assert pipeline.trouble == ""
    told, pipeline = watched(library, picture(red=False), 8)
    assert told == []
    assert len(pipeline.tracks) == 1


def test_second_stage_that_is_not_installed_is_named_with_the_way_out(library: Library) -> None:
    library.remove("colour", "1", at_us=2, even_live=True)
    with pytest.raises(AlgorithmError, match=r"'colour': known are .*; `yunnao model import` brings another"):
        watched(library, picture(red=True), 1)


def test_second_stage_of_another_shape_is_refused_before_the_first_picture(library: Library) -> None:
    keep(library, telling_red(classes=5), "2", **COLOUR)
    library.activate("colour", "2", at_us=2)
    with pytest.raises(ModelError, match=r"expected shape \[1, 2\], found \[1, 5\]"):
        watched(library, picture(red=True), 1)


def test_damaged_second_stage_is_refused_before_it_is_loaded(library: Library) -> None:
    path = library.folder("colour", "1") / MODEL
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(AlgorithmError, match=r"colour 1 refused: model\.onnx is not what its card says"):
        watched(library, picture(red=True), 1)


def test_detector_as_second_stage_is_refused(library: Library) -> None:
    keep(library, seeing(), id="boxes")
    wrong = replace(CAMERA, rules=(_with_stage("boxes"),))
    with pytest.raises(ModelError, match="boxes is of family yolox: a second stage is a classifier"):
        watched(library, picture(red=True), 1, camera=wrong)


def test_second_stage_that_is_never_sure_lets_nothing_through(library: Library) -> None:
    unsure = constant_model({"output": np.full((1, 2), np.nan, np.float32)}, (32, 32))
    keep(library, unsure, **{**COLOUR, "id": "unsure"})
    camera = replace(CAMERA, rules=(_with_stage("unsure"),))
    assert watched(library, picture(red=True), 8, camera=camera)[0] == []


def test_second_stage_is_loaded_once_for_all_cameras_of_a_process(library: Library) -> None:
    shelf = StageShelf(str(library.root))
    other = replace(CAMERA, id="cam-2")
    assert shelf.of(CAMERA)["colour"] is shelf.of(other)["colour"]


def test_crop_of_a_thing_at_the_edge_is_looked_at(library: Library) -> None:
    stage = StageShelf(str(library.root)).of(CAMERA)["colour"]
    box: Floats = np.array([-40, -40, 100, 100], np.float32)
    said = stage.look_at(picture(red=True), box)
    assert said is not None
    assert said[0] == 1


def _with_stage(name: str) -> RuleSpec:
    return replace(RED, second_stage=name, second_class="person" if name == "boxes" else "red")
