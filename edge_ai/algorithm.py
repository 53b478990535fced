"""The algorithm that a camera asks for, found and checked: shipped with the node, imported into its library, or a folder of its own.

Owns the hash check, and the refusal of demo-only algorithms by real cameras. A library holds versions (`<id>/<version>/`); the one that
is live is taken. Called by edge_ai/detectors/build.py, edge_ai/models/hot.py and the worker.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from edge_ai.errors import AlgorithmError, ModelError
from edge_ai.models.library import Library
from edge_ai.models.manifest import MANIFEST_BYTES_MAX, WEIGHTLESS, EvidenceGrade, Family, Manifest, Scope, decode_manifest
from edge_ai.reasons import reason, system_reason
from edge_ai.spec import CameraKind, CameraSpec

__all__ = ["SHIPPED", "Algorithm", "EvidenceGrade", "Family", "Manifest", "Scope", "load_algorithm", "load_version"]

SHIPPED = Path(__file__).parent / "algorithms"
"""The algorithms that ship."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An algorithm checked and ready to be built for a camera."""

    manifest: Manifest
    model: Path | None
    sha256: str
    """Of the model file that really runs; of the manifest for a family without weights."""


def load_algorithm(camera: CameraSpec, extra_dir: str = "") -> Algorithm:
    """The algorithm `camera` asks for; raises AlgorithmError with the way out."""
    return _load(camera, _folder(camera, extra_dir))


def load_version(camera: CameraSpec, library: Library, version: str) -> Algorithm:
    """One version of the library's algorithm that `camera` asks for; raises AlgorithmError."""
    return _load(camera, library.checked(camera.algorithm, version))


def _load(camera: CameraSpec, folder: Path) -> Algorithm:
    raw = _read_manifest(folder, camera.algorithm)
    manifest = decode_manifest(raw, camera.algorithm)
    if manifest.scope is Scope.DEMO_ONLY and camera.kind is not CameraKind.RENDERED:
        raise AlgorithmError(reason("demo-only", algorithm=manifest.id, camera=camera.id))
    if manifest.family in WEIGHTLESS:
        return Algorithm(manifest, None, hashlib.sha256(raw).hexdigest())
    model = Path(camera.model) if camera.model else folder / "model.onnx"
    return Algorithm(manifest, model, _checked_hash(manifest, model, camera))


def _folder(camera: CameraSpec, extra_dir: str) -> Path:
    known = _plain_folders(SHIPPED)
    if extra_dir:
        library = Library(Path(extra_dir))
        known |= _plain_folders(Path(extra_dir))
        if (live := library.state(camera.algorithm).live) and camera.algorithm not in known:
            return library.checked(camera.algorithm, live)
    if camera.algorithm not in known:
        names = sorted({*known, *(Library(Path(extra_dir)).ids() if extra_dir else ())})
        raise AlgorithmError(reason("unknown-algorithm", camera=camera.id, algorithm=repr(camera.algorithm), known=", ".join(names)))
    return known[camera.algorithm]


def _plain_folders(root: Path) -> dict[str, Path]:
    folders = sorted(root.iterdir()) if root.is_dir() else []
    return {folder.name: folder for folder in folders if (folder / "manifest.toml").is_file()}


def _read_manifest(folder: Path, name: str) -> bytes:
    try:
        with (folder / "manifest.toml").open("rb") as file:
            return file.read(MANIFEST_BYTES_MAX + 1)
    except OSError as error:
        raise AlgorithmError(reason("manifest-unreadable", algorithm=name, what=system_reason(error))) from error


def _checked_hash(manifest: Manifest, model: Path, camera: CameraSpec) -> str:
    if not model.is_file():
        raise ModelError(reason("camera-model-absent", camera=camera.id, model=model, family=manifest.family.value))
    with model.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if manifest.sha256 and found != manifest.sha256:
        raise ModelError(
            reason(
                "camera-model-other",
                camera=camera.id,
                model=model.name,
                found=found[:16],
                algorithm=manifest.id,
                wanted=manifest.sha256[:16],
            )
        )
    return found
