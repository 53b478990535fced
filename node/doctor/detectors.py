"""Whether what looks at the cameras was ever tested in the field, and whether the node's own models are whole and signed.

An event is worth what its detector was proved on: motion boxes and nets that know rendered scenes alone are no proof for an authority.
"""

from __future__ import annotations

from edge_ai.errors import EdgeError
from edge_ai.models.library import Library
from edge_ai.models.manifest import EvidenceGrade
from node.algorithms.grading import manifest_of
from node.algorithms.seal import PackageSeal
from node.algorithms.shelf import FOLDER
from node.doctor.model import Finding, Place, Severity
from node.errors import NodeError
from node.identity.files import IdentityFiles


def detectors(place: Place) -> Finding:
    """A camera with a field-tested detector, and live models whose signatures hold."""
    assert place.config is not None, "the check needs a configuration"
    names = sorted({camera.algorithm for camera in place.config.cameras})
    library = Library(place.config.data_dir / FOLDER)
    try:
        _check_live(library, PackageSeal(IdentityFiles(place.folder)))
        found = {name: manifest_of(name, library) for name in names}
    except (EdgeError, NodeError) as error:
        return Finding(Severity.FAIL, str(error))
    if not names:
        return Finding(Severity.SKIP, "no cameras")
    tested = [name for name, manifest in found.items() if manifest and manifest.evidence_grade is EvidenceGrade.FIELD_TESTED]
    if not tested:
        return Finding(Severity.WARN, f"no field-tested detector: cameras use {', '.join(names)}"[:200])
    return Finding(Severity.OK, f"field-tested: {', '.join(tested)}"[:200])


def _check_live(library: Library, seal: PackageSeal) -> None:
    for held in library.held():
        if held.state.live:
            seal.check_folder(library.folder(held.id, held.state.live))

