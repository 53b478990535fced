"""Whether what looks at the cameras was ever tested in the field, and whether the node's own models are whole and signed.

An event is worth what its detector was proved on: motion boxes and nets that know rendered scenes alone are no proof for an authority.
"""

from __future__ import annotations

from edge_ai.errors import EdgeError
from edge_ai.models.library import Library
from edge_ai.models.manifest import EvidenceGrade
from node.algorithms.grading import absent, manifest_of
from node.algorithms.seal import PackageSeal
from node.algorithms.shelf import FOLDER
from node.doctor.model import Finding, Place, Severity, failed
from node.errors import NodeError
from node.identity.files import IdentityFiles

NAMES_CHARS_MAX = 180


def detectors(place: Place) -> Finding:
    """A camera with a field-tested detector, and live models whose signatures hold."""
    assert place.config is not None, "the check needs a configuration"
    names = sorted({camera.algorithm for camera in place.config.cameras})
    library = Library(place.config.data_dir / FOLDER)
    try:
        _check_live(library, PackageSeal(IdentityFiles(place.folder)))
        found = {name: manifest_of(name, library) for name in names}
    except (EdgeError, NodeError) as error:
        return failed(error)
    if not names:
        return Finding(Severity.SKIP, "no_cameras")
    if missing := absent(names, library):
        return Finding(Severity.WARN, "absent_algorithms", {"names": ", ".join(missing)[:NAMES_CHARS_MAX]})
    tested = [name for name, manifest in found.items() if manifest and manifest.evidence_grade is EvidenceGrade.FIELD_TESTED]
    if not tested:
        return Finding(Severity.WARN, "no_detector", {"names": ", ".join(names)[:NAMES_CHARS_MAX]})
    return Finding(Severity.OK, "detectors", {"names": ", ".join(tested)[:NAMES_CHARS_MAX]})


def scenes(place: Place) -> Finding:
    """Cameras whose pictures leave unmasked because a person says that they show a rendered scene, which nothing here can prove."""
    assert place.config is not None, "the check needs a configuration"
    if not place.config.cameras:
        return Finding(Severity.SKIP, "no_cameras")
    names = sorted(camera.id for camera in place.config.cameras if camera.kind == "rendered")
    if names:
        return Finding(Severity.WARN, "rendered", {"names": ", ".join(names)[:NAMES_CHARS_MAX]})
    return Finding(Severity.OK, "no_rendered")


def _check_live(library: Library, seal: PackageSeal) -> None:
    for held in library.held():
        if held.state.live:
            seal.check_folder(library.folder(held.id, held.state.live))
