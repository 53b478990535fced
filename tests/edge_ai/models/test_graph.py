"""Reading hostile models: what is refused and in which words, and what a plain graph is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_ai.detectors.session import ModelSession
from edge_ai.errors import ModelError
from edge_ai.models.facts import GraphFacts
from edge_ai.models.graph import normalise
from tests.edge_ai.models.made import constant_model, model_of, written
from tests.edge_ai.replay import DATA, needs_data

OUTPUT = {"output": np.ones((1, 21, 6), np.float32)}
SIZE = (32, 32)


def plain(model: onnx.ModelProto, folder: Path, size: tuple[int, int] | None = None) -> GraphFacts:
    return normalise(written(model, folder / "made.onnx"), folder / "plain.onnx", size=size)


def picture(dims: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info("picture", TensorProto.FLOAT, list(dims))


def one_node(node: onnx.NodeProto, **values: object) -> onnx.ModelProto:
    told = [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)]
    return model_of([node], [picture([1, 3, *SIZE])], told, **values)  # type: ignore[arg-type]


def test_weights_leave_the_inputs_and_the_answer_stays(tmp_path: Path) -> None:
    model = constant_model(OUTPUT, SIZE)
    model.graph.input.append(helper.make_tensor_value_info("w_output", TensorProto.FLOAT, [1, 21, 6]))
    facts = plain(model, tmp_path)
    assert (facts.weights_taken_out, facts.opset, facts.input) == (1, 11, {"picture": (1, 3, 32, 32)})
    session = ModelSession(tmp_path / "plain.onnx")
    session.expect_only((1, 21, 6))
    assert session.run(np.zeros((1, 3, 32, 32), np.float32))[0].sum() == 126


def test_open_batch_height_and_width_become_fixed(tmp_path: Path) -> None:
    model = constant_model(OUTPUT, SIZE, batch="N")
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    with pytest.raises(ModelError, match="leaves its height or width open; give --size HEIGHTxWIDTH"):
        plain(model, tmp_path)
    assert plain(model, tmp_path, (64, 32)).input == {"picture": (1, 3, 64, 32)}


def test_given_size_that_is_not_the_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"input 'picture' has 32 where 64 is needed"):
        plain(constant_model(OUTPUT, SIZE), tmp_path, (64, 32))


def test_output_shape_that_is_not_told_is_observed(tmp_path: Path) -> None:
    model = constant_model(OUTPUT, SIZE)
    shape = numpy_helper.from_array(np.array([-1, 6], np.int64), "shape")
    model.graph.initializer.append(shape)
    model.graph.node.append(helper.make_node("NonZero", ["output"], ["found"]))
    model.graph.node.append(helper.make_node("Cast", ["found"], ["places"], to=TensorProto.FLOAT))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("places", TensorProto.FLOAT, None))
    assert plain(model, tmp_path).outputs == {"places": (3, 126)}


def test_notes_and_old_shapes_do_not_travel(tmp_path: Path) -> None:
    model = constant_model(OUTPUT, SIZE)
    model.doc_string = model.graph.doc_string = "a secret note"
    model.metadata_props.add(key="path", value="a secret note")
    plain(model, tmp_path)
    assert b"secret" not in (tmp_path / "plain.onnx").read_bytes()


def test_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    plain(constant_model(OUTPUT, SIZE), tmp_path)
    first = (tmp_path / "plain.onnx").read_bytes()
    plain(constant_model(OUTPUT, SIZE), tmp_path)
    assert (tmp_path / "plain.onnx").read_bytes() == first


def outside(tensor: onnx.TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def test_weights_outside_the_file_are_refused_also_inside_nodes(tmp_path: Path) -> None:
    model = constant_model(OUTPUT, SIZE)
    outside(model.graph.initializer[0])
    with pytest.raises(ModelError, match="weights 'w_output' lie outside the file"):
        plain(model, tmp_path)
    hidden = numpy_helper.from_array(np.zeros((2, 2), np.float32), "hidden")
    outside(hidden)
    with pytest.raises(ModelError, match="weights 'hidden' lie outside the file"):
        plain(one_node(helper.make_node("Constant", [], ["output"], value=hidden)), tmp_path)


def newer(model: onnx.ModelProto) -> onnx.ModelProto:
    """Of a file format that nobody has yet."""
    model.ir_version = 99
    return model


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (one_node(helper.make_node("Evil", ["picture"], ["output"], domain="com.evil"), domains={"": 11, "com.evil": 1}), "'com.evil'"),
        (one_node(helper.make_node("Nonsense", ["picture"], ["output"])), "operator 'Nonsense' is not in operator set 11"),
        (one_node(helper.make_node("Relu", ["picture"], ["output"]), domains={"": 4}), r"operator set \[4\], expected one of 7 to"),
        (one_node(helper.make_node("Relu", ["picture"], ["output"]), domains={"": 99}), r"operator set \[99\]"),
        (model_of([helper.make_node("Relu", ["a"], ["output"])], [], []), r"0 inputs \(none\), expected one picture"),
        (constant_model(OUTPUT, (8, 8)), r"is \(1, 3, 8, 8\), sides must be 32 to 2048"),
        (constant_model(OUTPUT, (9_000, 32)), "sides must be 32 to 2048"),
        (newer(constant_model(OUTPUT, SIZE)), "file format 99, expected 3 to"),
        (constant_model(OUTPUT, SIZE, batch=4), "has 4 where 1 is needed"),
    ],
)
def test_model_that_is_not_for_cameras_is_refused(model: onnx.ModelProto, words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words):
        plain(model, tmp_path)


def test_loop_is_refused_even_inside_a_branch(tmp_path: Path) -> None:
    inner = helper.make_graph([helper.make_node("Loop", ["", ""], ["x"])], "inner", [], [])
    node = helper.make_node("If", ["picture"], ["output"], then_branch=inner, else_branch=inner)
    with pytest.raises(ModelError, match="operator Loop may run without end"):
        plain(one_node(node), tmp_path)


def test_graphs_inside_graphs_have_an_end(tmp_path: Path) -> None:
    inner = helper.make_graph([helper.make_node("Relu", ["a"], ["b"])], "inner", [], [])
    for _ in range(10):
        inner = helper.make_graph([helper.make_node("If", ["a"], ["b"], then_branch=inner)], "inner", [], [])
    with pytest.raises(ModelError, match="graphs inside graphs more than 8 deep"):
        plain(one_node(helper.make_node("If", ["picture"], ["output"], then_branch=inner)), tmp_path)


@pytest.mark.parametrize("data", [b"", b"no model at all", b"\x08\x06\xff\xff\xff\xff", bytes(range(256)) * 40])
def test_file_that_is_no_model_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "made.onnx").write_bytes(data)
    with pytest.raises(ModelError, match=r"made\.onnx is no ONNX model"):
        normalise(tmp_path / "made.onnx", tmp_path / "plain.onnx", size=None)


def test_damage_anywhere_in_a_file_is_refused_or_harmless(tmp_path: Path) -> None:
    whole = constant_model(OUTPUT, SIZE).SerializeToString()
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(0, 256)
        (tmp_path / "made.onnx").write_bytes(bytes(data))
        try:
            normalise(tmp_path / "made.onnx", tmp_path / "plain.onnx", size=None)
        except ModelError:
            refused += 1
    assert refused > 10


@needs_data
@pytest.mark.parametrize(("name", "dropped"), [("nanodet_m_320", 185), ("version-RFB-320", 244), ("yolox_nano", 0)])
def test_real_files_become_plain(name: str, dropped: int, tmp_path: Path) -> None:
    facts = normalise(DATA / "models" / f"{name}.onnx", tmp_path / "plain.onnx", size=None)
    assert facts.weights_taken_out == dropped
    assert all(facts.outputs.values())
