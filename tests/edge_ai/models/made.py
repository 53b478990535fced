"""Packages and small graphs made for tests: no weights of anybody."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge_ai.models.library import Library
from edge_ai.models.manifest import EvidenceGrade, Family, Manifest, Scope, encode_manifest
from edge_ai.models.package import EXPECTED, LICENCE, MANIFEST, MODEL, Card, Signature, card_of

UNSIGNED = Signature(node="n1", signature="0" * 128, chain_pem="")
"""Stands where nobody looks at who signed."""


def manifest(version: str = "1", **changes: Any) -> Manifest:
    """A YOLOX of one class."""
    values: dict[str, Any] = {
        "id": "yard",
        "version": version,
        "family": Family.YOLOX,
        "scope": Scope.FIELD,
        "evidence_grade": EvidenceGrade.NONE,
        "classes": ("person",),
    }
    return Manifest(**{**values, **changes})


def package(version: str = "1", **changes: Any) -> tuple[Card, dict[str, bytes]]:
    """A package whose model is no model: for tests that never load it."""
    made = manifest(version, **changes)
    files = {MANIFEST: encode_manifest(made), MODEL: b"model " + version.encode(), LICENCE: b"none", EXPECTED: b'{"pictures":{}}'}
    return card_of(made.id, version, files), files


def add(library: Library, version: str = "1", **changes: Any) -> Card:
    """Put such a package into a library."""
    card, files = package(version, **changes)
    library.add(card, files, UNSIGNED, at_us=1)
    return card


def constant_model(outputs: Mapping[str, NDArray[np.float32]], size: tuple[int, int], *, batch: int | str = 1) -> onnx.ModelProto:
    """A net that gives `outputs` whatever it sees: each is a weight, plus nothing times the mean of the picture."""
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [batch, 3, *size])
    weights = [numpy_helper.from_array(np.asarray(values, np.float32), f"w_{name}") for name, values in outputs.items()]
    weights.append(numpy_helper.from_array(np.zeros((), np.float32), "none"))
    nodes = [helper.make_node("ReduceMean", ["picture"], ["mean"], keepdims=0), helper.make_node("Mul", ["mean", "none"], ["nothing"])]
    nodes += [helper.make_node("Add", [f"w_{name}", "nothing"], [name]) for name in outputs]
    told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(values.shape)) for name, values in outputs.items()]
    return model_of(nodes, [picture], told, weights)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Sequence[TensorProto] = (),
    *,
    domains: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    """A model of operator set 11, as most third-party files are."""
    graph = helper.make_graph(list(nodes), "made", list(inputs), list(outputs), list(weights))
    opsets = [helper.make_opsetid(domain, version) for domain, version in (domains or {"": 11}).items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=6, producer_name="made")


def written(model: onnx.ModelProto, path: Path) -> Path:
    """The model as a file."""
    path.write_bytes(model.SerializeToString())
    return path


def seeing(size: tuple[int, int] = (32, 32), *, score: float = 0.9) -> onnx.ModelProto:
    """A YOLOX of one class that sees one thing in every picture."""
    rows = np.zeros((1, 21, 6), np.float32)
    rows[0, 0] = (1, 1, 0.5, 0.5, 1.0, score)
    return constant_model({"output": rows}, size)


def telling_red(classes: int = 2, size: tuple[int, int] = (32, 32)) -> onnx.ModelProto:
    """A classifier that looks: class 1 where red outweighs green in the picture, else class 0; pictures come red first."""
    weights = np.zeros((3, classes), np.float32)
    weights[:2, 1] = (4, -4)
    bias = np.full(classes, -9, np.float32)
    bias[:2] = (0, -4)
    nodes = [
        helper.make_node("GlobalAveragePool", ["picture"], ["means"]),
        helper.make_node("Flatten", ["means"], ["colours"]),
        helper.make_node("Gemm", ["colours", "weights", "bias"], ["output"]),
    ]
    shown = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, *size])
    told = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, classes])
    return model_of(nodes, [shown], [told], [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")])


def keep(library: Library, model: onnx.ModelProto, version: str = "1", **changes: Any) -> Card:
    """Put a package whose model can be loaded into a library, and make it live where nothing is."""
    raw = model.SerializeToString()
    made = manifest(version, sha256=hashlib.sha256(raw).hexdigest(), **changes)
    files = {MANIFEST: encode_manifest(made), MODEL: raw, LICENCE: b"none", EXPECTED: b'{"pictures":{}}'}
    card = card_of(made.id, version, files)
    library.add(card, files, UNSIGNED, at_us=1)
    if not library.state(made.id).live:
        library.activate(made.id, version, at_us=1)
    return card


def grey_picture(folder: Path, name: str = "a.png", size: tuple[int, int] = (40, 60)) -> Path:
    """A picture file of (height, width)."""
    path = folder / name
    cv2.imwrite(str(path), np.full((*size, 3), 90, np.uint8))
    return path
