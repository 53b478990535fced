"""The home of onnx: reads a third-party model as hostile bytes and makes it the plain graph that a node runs.

Refuses external data, operators outside the standard domain, loops without a bound, local functions, and shapes that cannot be fixed.
Runs in a throw-away process only (`edge_ai/models/apart_main.py`), because a parser or a shape inference may crash on what it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, TensorShapeProto, ValueInfoProto, defs, shape_inference

from edge_ai.detectors.session import open_session
from edge_ai.errors import ModelError
from edge_ai.models.facts import GraphFacts

OPSET_MIN, IR_MIN = 7, 3
NODES_MAX = 20_000
STANDARD = ("", "ai.onnx")
ENDLESS = ("Loop", "Scan")
"""Operators whose work no shape bounds."""
SIDE_MIN, SIDE_MAX = 32, 2048
SUBGRAPHS_DEEP_MAX = 8


def normalise(source: Path, target: Path, *, size: tuple[int, int] | None) -> GraphFacts:
    """Write the plain form of `source` to `target`: weights out of the inputs, batch 1, fixed shapes, no notes.

    `size` is (height, width) where the model leaves them open. Raises ModelError.
    """
    model = _read(source)
    _check_names(model)
    opset = _checked_opset(model)
    operators = _check_nodes(model.graph, opset)
    _check_tensors(model.graph)
    dropped = _weights_out_of_inputs(model.graph)
    _fix_input(model.graph, size)
    _plain(model)
    inferred = _inferred(model)
    _fix_outputs(inferred)
    data = inferred.SerializeToString(deterministic=True)
    target.write_bytes(data)
    outputs = {value.name: _dims(value) for value in inferred.graph.output}
    picture = inferred.graph.input[0]
    return GraphFacts(
        opset=opset,
        ir=model.ir_version,
        producer=f"{model.producer_name} {model.producer_version}".strip()[:80],
        nodes=len(model.graph.node),
        operators=tuple(sorted(operators)),
        weights_taken_out=dropped,
        input={picture.name: _dims(picture)},
        outputs=outputs,
    )


def _read(source: Path) -> ModelProto:
    model = ModelProto()
    try:
        model.ParseFromString(source.read_bytes())
    except DecodeError as error:
        raise ModelError(f"{source.name} is no ONNX model ({error}): check that the file is whole") from error
    if not model.graph.node:
        raise ModelError(f"{source.name} is no ONNX model: it has no nodes; check that the file is whole")
    return model


def _check_names(model: ModelProto) -> None:
    """The parser gives bytes where a name is no text."""
    graph = model.graph
    words: list[object] = [entry.domain for entry in model.opset_import]
    words += [value.name for value in (*graph.input, *graph.output)]
    words += [tensor.name for tensor in _tensors(graph)]
    for node in _nodes(graph):
        words += [node.op_type, node.domain, *node.input, *node.output, *(attribute.name for attribute in node.attribute)]
    if any(not isinstance(word, str) for word in words):
        raise ModelError("model refused: a name in it is no text; check that the file is whole")


def _checked_opset(model: ModelProto) -> int:
    if model.functions:
        raise ModelError(f"model refused: it brings {len(model.functions)} functions of its own; export it with standard operators only")
    strange = sorted({entry.domain for entry in model.opset_import} - set(STANDARD))
    if used := sorted({node.domain for node in _nodes(model.graph)} - set(STANDARD)):
        raise ModelError(f"model refused: operators of domain {used[0]!r}; only standard ONNX operators are run, export it with those")
    for entry in [entry for entry in model.opset_import if entry.domain in strange]:
        model.opset_import.remove(entry)
    versions = [entry.version for entry in model.opset_import]
    if len(versions) != 1 or not OPSET_MIN <= versions[0] <= defs.onnx_opset_version():
        raise ModelError(
            f"model refused: operator set {versions or 'none'}, expected one of {OPSET_MIN} to {defs.onnx_opset_version()}; export it again"
        )
    if not IR_MIN <= model.ir_version <= onnx.IR_VERSION:
        raise ModelError(f"model refused: file format {model.ir_version}, expected {IR_MIN} to {onnx.IR_VERSION}; export it again")
    return int(versions[0])


def _check_nodes(graph: GraphProto, opset: int) -> set[str]:
    operators: set[str] = set()
    for count, node in enumerate(_nodes(graph), start=1):
        operators.add(node.op_type)
        if count > NODES_MAX:
            raise ModelError(f"model refused: more than {NODES_MAX} nodes; no detector for a camera needs them")
    if endless := sorted(operators & set(ENDLESS)):
        raise ModelError(f"model refused: operator {endless[0]} may run without end; export it without loops (boxes are sorted out here)")
    for operator in sorted(operators):
        if not defs.has(operator, opset, ""):
            raise ModelError(f"model refused: operator {operator[:60]!r} is not in operator set {opset}; export it again")
    return operators


def _nodes(graph: GraphProto, deep: int = 0) -> Iterator[onnx.NodeProto]:
    if deep > SUBGRAPHS_DEEP_MAX:
        raise ModelError(f"model refused: graphs inside graphs more than {SUBGRAPHS_DEEP_MAX} deep")
    for node in graph.node:
        yield node
        for inner in _inner_graphs(node):
            yield from _nodes(inner, deep + 1)


def _inner_graphs(node: onnx.NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for inner in _inner_graphs(node):
            yield from _tensors(inner)


def _check_tensors(graph: GraphProto) -> None:
    if graph.sparse_initializer:
        raise ModelError("model refused: sparse weights; export it with dense ones")
    for tensor in _tensors(graph):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise ModelError(f"model refused: weights {tensor.name[:60]!r} lie outside the file; export it as one file")


def _weights_out_of_inputs(graph: GraphProto) -> int:
    weights = {tensor.name for tensor in graph.initializer}
    kept = [value for value in graph.input if value.name not in weights]
    dropped = len(graph.input) - len(kept)
    if len(kept) != 1:
        names = ", ".join(value.name[:40] for value in kept[:5]) or "none"
        raise ModelError(f"model refused: {len(kept)} inputs ({names}), expected one picture; export it for one picture")
    picture = ValueInfoProto()
    picture.CopyFrom(kept[0])
    del graph.input[:]
    graph.input.append(picture)
    return dropped


def _fix_input(graph: GraphProto, size: tuple[int, int] | None) -> None:
    """Batch 1, three colours, and a fixed height and width."""
    picture = graph.input[0]
    kind = picture.type.tensor_type
    dims = kind.shape.dim
    if kind.elem_type != TensorProto.FLOAT or len(dims) != 4:
        found = f"{len(dims)} dimensions of type {kind.elem_type}"
        raise ModelError(f"model refused: input {picture.name!r} has {found}, expected 4 of type 1 (float32)")
    wanted = (1, 3, *(size or (0, 0)))
    for place, (dim, value) in enumerate(zip(dims, wanted, strict=True)):
        known = _side(dim)
        if known == 0 and value == 0:
            raise ModelError(f"model refused: input {picture.name!r} leaves its height or width open; give --size HEIGHTxWIDTH")
        if known not in (0, value) and (place < 2 or size is not None):
            raise ModelError(f"model refused: input {picture.name!r} has {known} where {value} is needed (dimension {place})")
        dim.dim_value = known or value
    if not all(SIDE_MIN <= dim.dim_value <= SIDE_MAX for dim in dims[2:]):
        raise ModelError(f"model refused: input {picture.name!r} is {_dims(picture)}, sides must be {SIDE_MIN} to {SIDE_MAX}")


def _side(dim: TensorShapeProto.Dimension) -> int:
    return dim.dim_value if dim.WhichOneof("value") == "dim_value" and dim.dim_value > 0 else 0


def _plain(model: ModelProto) -> None:
    """Take out what does not run: notes, old shapes, training."""
    model.doc_string = model.graph.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = ""
    for entries in (model.metadata_props, model.graph.value_info, model.graph.quantization_annotation, model.training_info):
        del entries[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")


def _inferred(model: ModelProto) -> ModelProto:
    try:
        return shape_inference.infer_shapes(model, check_type=True, strict_mode=False, data_prop=True)
    except (shape_inference.InferenceError, ValueError, RuntimeError) as error:
        first_line = str(error).splitlines()[0][:160]
        raise ModelError(f"model refused: its shapes contradict each other ({first_line}); export it again") from error


def _fix_outputs(model: ModelProto) -> None:
    """Note the shapes of outputs; what cannot be inferred is observed with a black picture."""
    del model.graph.value_info[:]
    if all(0 not in _dims(value) and _dims(value) for value in model.graph.output):
        return
    session = open_session(model.SerializeToString(), "model")
    black = np.zeros(_dims(model.graph.input[0]), np.float32)
    for value, found in zip(model.graph.output, session.run(None, {model.graph.input[0].name: black}), strict=True):
        shape = value.type.tensor_type.shape
        del shape.dim[:]
        for side in np.asarray(found).shape:
            shape.dim.add().dim_value = side


def _dims(value: ValueInfoProto) -> tuple[int, ...]:
    return tuple(_side(dim) for dim in value.type.tensor_type.shape.dim)
