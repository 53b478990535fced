"""Algorithm packages: a folder with `manifest.toml` and, where the family has weights, `model.onnx`.

Owns what a manifest may say, the hash check, and the refusal of demo-only algorithms by real cameras. Called by
edge_ai/detectors/build.py and the worker.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import msgspec

from edge_ai.errors import AlgorithmError, ModelError
from edge_ai.spec import CameraKind, CameraSpec

SHIPPED = Path(__file__).parent / "algorithms"
"""The algorithms that ship."""
MANIFEST_BYTES_MAX = 65_536


class Family(Enum):
    """How a model's outputs are decoded."""

    FASTESTDET = "fastestdet"
    NANODET = "nanodet"
    YOLOX = "yolox"
    RFB_FACE = "rfb-face"
    DEMO_STREET = "demo-street"
    MOTION_OBJECT = "motion-object"


class Scope(Enum):
    """Where an algorithm may run."""

    DEMO_ONLY = "demo-only"
    FIELD = "field"


class EvidenceGrade(Enum):
    """What the algorithm was proved on; stamped on every event."""

    RENDERED_ONLY = "rendered-only"
    FIELD_TESTED = "field-tested"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of manifest.toml."""

    id: str
    version: str
    family: Family
    scope: Scope
    evidence_grade: EvidenceGrade
    classes: tuple[str, ...]
    score_min: float = 0.35
    overlap_max: float = 0.45
    sha256: str = ""
    """Of model.onnx; empty when the camera names the model, or the family has none."""
    licence: str = ""
    seed: int | None = None
    """Seed the model was trained from, where it was."""
    measured: dict[str, float | str] = field(default_factory=dict)
    """Figures of the model card, such as precision and recall on held-out scenes."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An algorithm checked and ready to be built for a camera."""

    manifest: Manifest
    model: Path | None
    sha256: str
    """Of the model file that really runs; of the manifest for a family without weights."""


def load_algorithm(camera: CameraSpec, extra_dir: str = "") -> Algorithm:
    """The algorithm `camera` asks for; raises AlgorithmError with the way out."""
    folder = _folder(camera, extra_dir)
    raw = _read_manifest(folder)
    manifest = _decode_manifest(raw, folder)
    if manifest.scope is Scope.DEMO_ONLY and camera.kind is not CameraKind.RENDERED:
        raise AlgorithmError(
            f"algorithm {manifest.id} refused for camera {camera.id}: it knows only rendered scenes; "
            f"use motion-object, or an algorithm with scope field and its own model"
        )
    if manifest.family is Family.MOTION_OBJECT:
        return Algorithm(manifest, None, hashlib.sha256(raw).hexdigest())
    model = Path(camera.model) if camera.model else folder / "model.onnx"
    return Algorithm(manifest, model, _checked_hash(manifest, model, camera))


def _folder(camera: CameraSpec, extra_dir: str) -> Path:
    roots = [SHIPPED, *([Path(extra_dir)] if extra_dir else [])]
    known = {
        folder.name: folder for root in roots if root.is_dir() for folder in sorted(root.iterdir()) if (folder / "manifest.toml").is_file()
    }
    if camera.algorithm not in known:
        raise AlgorithmError(f"camera {camera.id} names algorithm {camera.algorithm!r}: known are {', '.join(sorted(known))}")
    return known[camera.algorithm]


def _read_manifest(folder: Path) -> bytes:
    with (folder / "manifest.toml").open("rb") as file:
        raw = file.read(MANIFEST_BYTES_MAX + 1)
    if len(raw) > MANIFEST_BYTES_MAX:
        raise AlgorithmError(f"manifest of algorithm {folder.name} refused: over {MANIFEST_BYTES_MAX} bytes")
    return raw


def _decode_manifest(raw: bytes, folder: Path) -> Manifest:
    try:
        values = tomllib.loads(raw.decode())
        unknown = sorted(set(values) - set(Manifest.__dataclass_fields__))
        manifest = msgspec.convert(values, Manifest)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise AlgorithmError(f"manifest of algorithm {folder.name} refused: {error}") from error
    if unknown:
        raise AlgorithmError(f"manifest of algorithm {folder.name} has unknown keys {', '.join(unknown)}: remove them")
    if manifest.id != folder.name or not manifest.classes or not 0 < manifest.score_min < 1 or not 0 < manifest.overlap_max < 1:
        raise AlgorithmError(
            f"manifest of algorithm {folder.name} refused: id must be the folder's name, classes not empty, thresholds inside 0-1"
        )
    return manifest


def _checked_hash(manifest: Manifest, model: Path, camera: CameraSpec) -> str:
    if not model.is_file():
        raise ModelError(
            f"camera {camera.id}: model {model} is not a file; set `model` of the camera to an ONNX file of family {manifest.family.value}"
        )
    with model.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if manifest.sha256 and found != manifest.sha256:
        raise ModelError(
            f"camera {camera.id}: model {model.name} has sha256 {found[:16]}..., "
            f"the manifest of {manifest.id} says {manifest.sha256[:16]}...: install it again"
        )
    return found
