"""What the detectors of a node's cameras were proved on, by the manifests of what ships and of what is live in the library.

Called by `status` of the API, by the doctor, and by `camera add` and `import`, which say of an algorithm that is not here yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from edge_ai.algorithm import SHIPPED
from edge_ai.errors import EdgeError
from edge_ai.models.library import Library
from edge_ai.models.manifest import MANIFEST_BYTES_MAX, Manifest, Scope, decode_manifest
from edge_ai.models.package import MANIFEST, read_bounded

UNKNOWN = ""
"""Grade of an algorithm whose manifest is not here or cannot be read; the camera itself says why it does not run."""

Plain = dict[str, object]


def manifest_of(algorithm: str, library: Library) -> Manifest | None:
    """The manifest of an algorithm that ships, else of its live version; None where there is none. Raises EdgeError. Blocking."""
    shipped: Path = SHIPPED / algorithm / MANIFEST
    if shipped.is_file():
        return decode_manifest(read_bounded(shipped, MANIFEST_BYTES_MAX), algorithm)
    live = library.state(algorithm).live
    return library.manifest(algorithm, live) if live else None


def absent(algorithms: Iterable[str], library: Library) -> list[str]:
    """Those of the algorithms that do not run here now: neither shipped nor live in the library, whence they may still come. Blocking."""
    return sorted({name for name in algorithms if not _is_plain(library.root, name) and _is_absent(name, library)})


def knows_only_rendered(algorithm: str, library: Library) -> bool:
    """True for an algorithm that every camera refuses but one of a rendered scene. Blocking."""
    try:
        manifest = manifest_of(algorithm, library)
    except EdgeError:
        return False
    return manifest is not None and manifest.scope is Scope.DEMO_ONLY


def _is_absent(name: str, library: Library) -> bool:
    try:
        return manifest_of(name, library) is None
    except EdgeError:
        return False  # it is here, and its camera says what is wrong with it


def _is_plain(root: Path, name: str) -> bool:
    """True for a folder of an algorithm that a person put there, without versions (edge_ai/algorithm.py)."""
    return (root / name / MANIFEST).is_file()


def with_grades(cameras: Sequence[Mapping[str, object]], library: Library) -> list[Plain]:
    """Cameras of the status, each with the evidence grade of its algorithm. Blocking."""
    grades = {name: _grade(name, library) for name in {str(each["algorithm"]) for each in cameras}}
    return [{**each, "evidence_grade": grades[str(each["algorithm"])]} for each in cameras]


def _grade(algorithm: str, library: Library) -> str:
    try:
        manifest = manifest_of(algorithm, library)
    except EdgeError:
        return UNKNOWN
    return UNKNOWN if manifest is None else manifest.evidence_grade.value
