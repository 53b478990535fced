"""Manifests, models that do not fit, and who may run what."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import onnx
import pytest

from edge_ai.algorithm import SHIPPED, Algorithm, Family, load_algorithm
from edge_ai.detectors.build import build_detector
from edge_ai.errors import AlgorithmError, ModelError
from edge_ai.spec import CameraKind, CameraSpec
from tests.edge_ai.replay import DATA, needs_data

STREET_MODEL = SHIPPED / "street-s" / "model.onnx"


def camera(algorithm: str, kind: CameraKind = CameraKind.FILE, model: str = "") -> CameraSpec:
    return CameraSpec(id="cam-1", kind=kind, source="a.mp4", algorithm=algorithm, model=model)


def own_package(folder: Path, text: str, model: bytes | None = None) -> str:
    package = folder / "mine"
    package.mkdir()
    (package / "manifest.toml").write_text(text, "utf-8")
    if model is not None:
        (package / "model.onnx").write_bytes(model)
    return str(folder)


MANIFEST = """id = "mine"
version = "1"
family = "street-s"
scope = "field"
evidence_grade = "none"
classes = ["person", "vehicle", "two-wheeler"]
"""


@pytest.mark.parametrize("folder", sorted(SHIPPED.iterdir()), ids=lambda folder: folder.name)
def test_every_algorithm_that_ships_has_a_sound_manifest(folder: Path) -> None:
    model = "" if (folder / "model.onnx").is_file() else str(STREET_MODEL)
    found = load_algorithm(camera(folder.name, CameraKind.RENDERED, model))
    assert found.manifest.id == folder.name
    assert len(found.sha256) == 64


def test_street_net_is_small_hashed_and_measured() -> None:
    found = load_algorithm(camera("street-s", CameraKind.RENDERED))
    assert STREET_MODEL.stat().st_size <= 3 * 1024 * 1024
    assert sum(math.prod(weight.dims) for weight in onnx.load(str(STREET_MODEL)).graph.initializer) <= 1_500_000
    assert found.sha256 == found.manifest.sha256
    assert found.manifest.seed is not None
    assert float(found.manifest.measured["demo-recall-vehicle"]) > 0.9
    assert (found.manifest.scope.value, found.manifest.evidence_grade.value) == ("demo-only", "rendered-only")


@pytest.mark.parametrize("kind", [CameraKind.FILE, CameraKind.RTSP, CameraKind.V4L2])
def test_real_camera_refuses_the_street_net(kind: CameraKind) -> None:
    with pytest.raises(AlgorithmError, match="algorithm street-s refused for camera cam-1: it knows only rendered scenes"):
        load_algorithm(camera("street-s", kind))


def test_unknown_algorithm_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AlgorithmError, match=r"'yolo99': known are .*motion-object"):
        load_algorithm(camera("yolo99"))


def test_changed_model_is_refused(tmp_path: Path) -> None:
    changed = tmp_path / "model.onnx"
    shutil.copy(STREET_MODEL, changed)
    with changed.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match="install it again"):
        load_algorithm(camera("street-s", CameraKind.RENDERED, str(changed)))


def test_algorithm_without_its_model_says_what_to_set() -> None:
    with pytest.raises(ModelError, match="set `model` of the camera to an ONNX file of family fastestdet"):
        load_algorithm(camera("fastestdet"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MANIFEST + "colour = 3\n", "unknown keys colour"),
        (MANIFEST.replace('"mine"', '"other"'), "id must be the folder's name"),
        (MANIFEST.replace('"street-s"', '"magic"'), "Invalid enum value 'magic'"),
        (MANIFEST + "score_min = 2.0\n", "thresholds inside 0-1"),
        ("id = ", "manifest of algorithm mine refused"),
    ],
)
def test_unsound_manifest_is_refused_in_words(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(AlgorithmError, match=words):
        load_algorithm(camera("mine"), own_package(tmp_path, text, b"x"))


def build(tmp_path: Path, family: Family, model: bytes) -> None:
    folder = own_package(tmp_path, MANIFEST.replace('"street-s"', f'"{family.value}"'), model)
    found: Algorithm = load_algorithm(camera("mine"), folder)
    build_detector(found)


@pytest.mark.parametrize("family", [Family.FASTESTDET, Family.NANODET, Family.YOLOX, Family.RFB_FACE])
def test_model_of_another_family_is_refused_with_tensor_and_shapes(family: Family, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model model\.onnx refused: .*output.* the right family in the algorithm's manifest"):
        build(tmp_path, family, STREET_MODEL.read_bytes())


def test_model_with_wrong_number_of_classes_is_refused_with_both_shapes(tmp_path: Path) -> None:
    folder = own_package(tmp_path, MANIFEST.replace('"vehicle", ', ""), STREET_MODEL.read_bytes())
    with pytest.raises(ModelError, match=r"output 'heat' expected shape \[1, 2, 32, 52\], found \[1, 3, 32, 52\]"):
        build_detector(load_algorithm(camera("mine"), folder))


@pytest.mark.parametrize("model", [b"", b"no model", STREET_MODEL.read_bytes()[:5_000]])
def test_file_that_is_no_model_is_refused_in_words(model: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model model\.onnx"):
        build(tmp_path, Family.STREET_S, model)


@needs_data
def test_real_model_under_the_wrong_family_is_refused(tmp_path: Path) -> None:
    folder = own_package(tmp_path, MANIFEST.replace('"street-s"', '"yolox"'))
    model = str(DATA / "models" / "FastestDet.onnx")
    with pytest.raises(ModelError, match=r"expected shape \[1, 2541, 8\], found \[1, 85, 22, 22\]"):
        build_detector(load_algorithm(camera("mine", model=model), folder))
