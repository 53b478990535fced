"""What `manifest.toml` of an algorithm may say: read strictly, written so that it reads back the same.

Refuses unknown keys, ids that are no folder names and thresholds outside 0-1. Imports neither cv2 nor onnxruntime, so the node may import
it. Called by edge_ai/algorithm.py, the importer and the `model` verb.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field, fields
from enum import Enum

import msgspec

from edge_ai.errors import AlgorithmError
from edge_ai.reasons import reason

MANIFEST_BYTES_MAX = 65_536
CLASSES_MAX = 1_000
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}")

Triple = tuple[float, float, float]


class Family(Enum):
    """How a model's outputs are decoded."""

    FASTESTDET = "fastestdet"
    NANODET = "nanodet"
    YOLOX = "yolox"
    YOLOV8 = "yolov8"
    SSD = "ssd"
    RFB_FACE = "rfb-face"
    CLASSIFIER = "classifier"
    STREET_S = "street-s"
    MOTION_OBJECT = "motion-object"
    FIRE_SMOKE = "fire-smoke"
    STILL_OBJECT = "still-object"


IMPORTABLE = (Family.FASTESTDET, Family.NANODET, Family.YOLOX, Family.YOLOV8, Family.SSD, Family.RFB_FACE, Family.CLASSIFIER)
"""Families of third-party models."""
WEIGHTLESS = frozenset({Family.MOTION_OBJECT, Family.STILL_OBJECT})
"""Families that need no model file."""
REMEMBERING = frozenset({Family.MOTION_OBJECT, Family.FIRE_SMOKE, Family.STILL_OBJECT})
"""Families whose detectors remember the pictures of one camera: each camera has its own."""


class Scope(Enum):
    """Where an algorithm may run."""

    DEMO_ONLY = "demo-only"
    FIELD = "field"


class EvidenceGrade(Enum):
    """What the algorithm was proved on; stamped on every event."""

    RENDERED_ONLY = "rendered-only"
    FIELD_TESTED = "field-tested"
    NONE = "none"


class Fit(Enum):
    """How a picture is brought to the size of a model's input."""

    STRETCH = "stretch"
    """Aspect not kept."""
    CORNER = "corner"
    """Aspect kept, in the top left corner."""
    CENTRE = "centre"
    """Aspect kept, in the middle."""


class Activation(Enum):
    """What is still to be done to the scores that a model gives."""

    NONE = "none"
    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """How a picture is given to the model where it differs from what is usual in its family; None: as usual."""

    fit: Fit | None = None
    rgb: bool | None = None
    """True: red first; pictures here are blue first."""
    mean: Triple | None = None
    """Subtracted, in the model's order of channels, 0-255."""
    divisor: Triple | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorRow:
    """The prior boxes of one map of an SSD."""

    stride: int
    """Input pixels per cell."""
    sizes: tuple[float, ...]
    """Sides of squares in input pixels."""
    ratios: tuple[float, ...] = ()
    """Further shapes of each size: width by height."""


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
    source_sha256: str = ""
    """Of the file that was imported, before it was normalised."""
    licence: str = ""
    tested_on: str = ""
    """Where, when and by whom a field-tested model was tested."""
    seed: int | None = None
    """Seed the model was trained from, where it was."""
    opset: int = 0
    """Version of the ONNX operators; 0: not noted."""
    activation: Activation = Activation.NONE
    variances: tuple[float, float] = (0.1, 0.2)
    """By which an SSD's centre and size terms are multiplied."""
    input: InputSpec = InputSpec()
    priors: tuple[PriorRow, ...] = ()
    """Of an SSD whose boxes are relative to priors; empty: its boxes are corners already."""
    measured: dict[str, float | str] = field(default_factory=dict)
    """Figures of the model card, such as precision and recall on held-out scenes."""


def decode_manifest(raw: bytes, name: str) -> Manifest:
    """The manifest of algorithm `name`; raises AlgorithmError naming what is wrong."""
    if len(raw) > MANIFEST_BYTES_MAX:
        raise AlgorithmError(reason("manifest-too-large", algorithm=name, most=MANIFEST_BYTES_MAX))
    try:
        values = tomllib.loads(raw.decode())
        unknown = sorted(set(values) - {known.name for known in fields(Manifest)})
        manifest = msgspec.convert(values, Manifest)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise AlgorithmError(reason("manifest-bad", algorithm=name, what=error)) from error
    if unknown:
        raise AlgorithmError(reason("manifest-unknown-keys", algorithm=name, keys=", ".join(unknown)))
    if manifest.id != name or not manifest.classes or not 0 < manifest.score_min < 1 or not 0 < manifest.overlap_max < 1:
        raise AlgorithmError(reason("manifest-ill-formed", algorithm=name))
    if fault := fault_of(manifest):
        raise AlgorithmError(reason("manifest-bad", algorithm=name, what=fault))
    return manifest


def fault_of(manifest: Manifest) -> str:
    """What no package may say; empty when nothing is wrong."""
    if not ID.fullmatch(manifest.id):
        return f"id {manifest.id[:80]!r} must be 1 to 64 small letters, digits and hyphens"
    if not VERSION.fullmatch(manifest.version):
        return f"version {manifest.version[:80]!r} must be 1 to 32 letters, digits, dots, underlines and hyphens"
    if len(manifest.classes) > CLASSES_MAX or len(set(manifest.classes)) < len(manifest.classes):
        return f"it names {len(manifest.classes)} classes, two alike or more than {CLASSES_MAX}"
    if any(not 1 <= len(word) <= 64 or not word.isprintable() for word in manifest.classes):
        return "a class name must be 1 to 64 printable characters"
    if manifest.input.divisor is not None and 0 in manifest.input.divisor:
        return "a divisor of the input is 0"
    if any(not 1 <= row.stride <= 512 or not row.sizes or min(*row.sizes, *row.ratios, 1.0) <= 0 for row in manifest.priors):
        return "a row of priors needs a stride of 1 to 512 and sizes and ratios above 0"
    return ""


def encode_manifest(manifest: Manifest) -> bytes:
    """The text that `decode_manifest` reads back; values that are as usual are left out."""
    usual = {known.name: known.default for known in fields(Manifest)}
    values: dict[str, object] = msgspec.to_builtins(manifest)
    kept = {key: value for key, value in values.items() if getattr(manifest, key) != usual[key] and value not in (None, {})}
    tables = {key: kept.pop(key) for key in ("input", "priors", "measured") if key in kept}
    lines = [f"{key} = {_toml(value)}" for key, value in kept.items()]
    for key in ("input", "measured"):
        lines += _table(f"[{key}]", tables.get(key))
    rows = tables.get("priors")
    for row in rows if isinstance(rows, list | tuple) else ():
        lines += _table("[[priors]]", row)
    return ("\n".join(lines) + "\n").encode()


def _table(head: str, values: object) -> list[str]:
    if not isinstance(values, dict):
        return []
    return ["", head, *(f"{_quoted(key)} = {_toml(value)}" for key, value in values.items() if value is not None)]


def _quoted(words: str) -> str:
    """JSON's escapes are TOML's, except for characters beyond the first plane, which stay as they are, and DEL."""
    return json.dumps(words, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return repr(value)
