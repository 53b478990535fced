"""What a camera's detector was proved on: of what ships, of what is live, and nothing where nobody can say."""

from __future__ import annotations

from pathlib import Path

from edge_ai.models.library import Library
from edge_ai.models.manifest import EvidenceGrade
from node.algorithms.grading import with_grades
from node.algorithms.seal import PackageSeal
from tests.edge_ai.models.made import package
from tests.node.identity.family import PROVINCE, make_node


def grades(library: Library, *algorithms: str) -> list[object]:
    return [camera["evidence_grade"] for camera in with_grades([{"algorithm": name} for name in algorithms], library)]


def test_a_camera_has_the_grade_of_its_algorithm(tmp_path: Path) -> None:
    files = make_node(tmp_path, PROVINCE)
    card, content = package(evidence_grade=EvidenceGrade.FIELD_TESTED)
    library = Library(files.folder / "models")
    library.add(card, content, PackageSeal(files).sign(card), at_us=1)
    assert grades(library, "street-s", "motion-object", "yard", "nobody") == ["rendered-only", "none", "", ""]
    library.activate("yard", "1", at_us=1)
    assert grades(library, "yard") == ["field-tested"]
    (files.folder / "models" / "yard" / "state.json").write_text("{", "utf-8")
    assert grades(library, "yard") == [""]
