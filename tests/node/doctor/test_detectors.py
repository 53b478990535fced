"""`yunnao doctor` says when nothing that was tested in the field looks at the cameras."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_ai.models.library import Library
from edge_ai.models.manifest import EvidenceGrade
from edge_ai.models.package import LICENCE
from node.algorithms.seal import PackageSeal
from node.config.config import load_config
from node.doctor.detectors import detectors, scenes
from node.doctor.model import Finding, Place, Severity
from node.identity.files import IdentityFiles
from tests.edge_ai.models.made import package
from tests.node.identity.family import PROVINCE, StandingClock, make_node

NODE = '[node]\nid = "shandong"\nlevel = "provincial"\nterritory = "37"\n'
CAMERA = '[[camera]]\nid = "{id}"\nkind = "file"\nsource = "a.mp4"\nalgorithm = "{algorithm}"\n'


def found(files: IdentityFiles, *algorithms: str) -> Finding:
    cameras = "".join(CAMERA.format(id=f"c{number}", algorithm=name) for number, name in enumerate(algorithms))
    path = files.folder / "node.toml"
    path.write_text(NODE + cameras, "utf-8")
    return detectors(Place(files.folder, StandingClock(), load_config(path)))


@pytest.fixture
def files(tmp_path: Path) -> IdentityFiles:
    return make_node(tmp_path, PROVINCE)


def put_live(files: IdentityFiles, grade: EvidenceGrade) -> Library:
    card, content = package(evidence_grade=grade)
    library = Library(files.folder / "models")
    library.add(card, content, PackageSeal(files).sign(card), at_us=1)
    library.activate("yard", "1", at_us=1)
    return library


def test_node_without_cameras_is_not_asked(files: IdentityFiles) -> None:
    assert found(files).severity is Severity.SKIP


def test_motion_and_demo_algorithms_are_no_field_tested_detector(files: IdentityFiles) -> None:
    seen = found(files, "motion-object", "street-s")
    assert (seen.severity, seen.words("en")) == (Severity.WARN, "no field-tested detector: cameras use motion-object, street-s")


def test_imported_model_counts_only_when_it_was_tested_in_the_field(files: IdentityFiles) -> None:
    library = put_live(files, EvidenceGrade.NONE)
    assert found(files, "yard").severity is Severity.WARN
    library.remove("yard", "1", at_us=2, even_live=True)
    put_live(files, EvidenceGrade.FIELD_TESTED)
    assert found(files, "yard", "motion-object") == Finding(Severity.OK, "detectors", {"names": "yard"})


def test_damaged_live_package_is_a_failure(files: IdentityFiles) -> None:
    library = put_live(files, EvidenceGrade.FIELD_TESTED)
    (library.root / "yard" / "1" / LICENCE).write_bytes(b"changed")
    seen = found(files, "yard")
    assert seen.severity is Severity.FAIL
    assert "LICENSE is not what its card says" in seen.words("en")


def test_camera_that_names_an_unknown_algorithm_has_no_detector(files: IdentityFiles) -> None:
    assert found(files, "nothing").words("en") == "cameras use algorithms that are not here, and stay lost: nothing"


def test_an_algorithm_that_is_not_here_is_named(files: IdentityFiles) -> None:
    put_live(files, EvidenceGrade.FIELD_TESTED)
    seen = found(files, "yard", "nope", "motion-object")
    assert (seen.severity, seen.words("en")) == (Severity.WARN, "cameras use algorithms that are not here, and stay lost: nope")


def test_cameras_that_are_taken_for_rendered_scenes_are_named(files: IdentityFiles) -> None:
    path = files.folder / "node.toml"
    seen = []
    for kinds in ((), ("file",), ("file", "rendered", "rendered")):
        cameras = [CAMERA.format(id=f"c{number}", algorithm="street-s").replace('"file"', f'"{kind}"') for number, kind in enumerate(kinds)]
        path.write_text(NODE + "".join(cameras), "utf-8")
        finding = scenes(Place(files.folder, StandingClock(), load_config(path)))
        seen.append((finding.severity, finding.words("en").rpartition(": ")[2]))
    assert seen[1:] == [(Severity.OK, "no camera is taken for a rendered scene"), (Severity.WARN, "c1, c2")]
    assert seen[0][0] is Severity.SKIP
