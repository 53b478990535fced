"""From a file to a package: real throw-away processes, models made here or shared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_ai.errors import AlgorithmError, ModelError
from edge_ai.models.apart import Limits
from edge_ai.models.golden import decode_expected
from edge_ai.models.golden_run import read_picture
from edge_ai.models.importing import ImportOrder, prepare, run_again
from edge_ai.models.library import Library
from edge_ai.models.manifest import Manifest, decode_manifest
from edge_ai.models.package import EXPECTED, MANIFEST
from tests.edge_ai.models.made import UNSIGNED, grey_picture, manifest, model_of, seeing

AS_USUAL = Limits()


def order(folder: Path, model: onnx.ModelProto | bytes, *, said: Manifest | None = None, limits: Limits = AS_USUAL) -> ImportOrder:
    source = folder / "made.onnx"
    source.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return ImportOrder(source=source, manifest=said or manifest(), licence=b"none", pictures=[grey_picture(folder)], limits=limits)


@pytest.mark.slow
def test_file_becomes_a_measured_package_that_holds_again(tmp_path: Path) -> None:
    prepared = prepare(order(tmp_path, seeing()))
    made = decode_manifest(prepared.files[MANIFEST], "yard")
    assert made.opset == 11
    assert float(made.measured["golden-run-ms"]) > 0
    assert prepared.as_found == ""
    assert [box.label for box in decode_expected(prepared.files[EXPECTED])["01.png"]] == ["person"]
    library = Library(tmp_path / "models")
    library.add(prepared.card, prepared.files, UNSIGNED, at_us=1)
    assert run_again(library.checked("yard", "1"))[1] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "said", "words"),
    [
        (seeing(score=0.2), manifest(), "sees nothing of score 0.35 in 1 golden pictures; give pictures of what it knows, check --family"),
        (b"not a model", manifest(), r"made\.onnx is no ONNX model"),
    ],
)
def test_what_cannot_be_an_algorithm_is_refused(model: onnx.ModelProto | bytes, said: Manifest, words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words):
        prepare(order(tmp_path, model, said=said))


def hungry(count: int) -> onnx.ModelProto:
    """Makes `count` floats out of nothing, whatever the picture."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["much"]),
        helper.make_node("ReduceMean", ["picture"], ["mean"], keepdims=0),
        helper.make_node("Add", ["much", "mean"], ["more"]),
        helper.make_node("ReduceSum", ["more"], ["sum"], keepdims=0),
        helper.make_node("Add", ["rows", "sum"], ["output"]),
    ]
    weights = [
        numpy_helper.from_array(np.array([count], np.int64), "shape"),
        numpy_helper.from_array(np.zeros((1, 21, 6), np.float32), "rows"),
    ]
    shown = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 32, 32])
    return model_of(nodes, [shown], [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 21, 6])], weights)


@pytest.mark.slow
def test_model_that_eats_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="asks for 152587 MiB at once, more than a model is given"):
        prepare(order(tmp_path, hungry(40_000_000_000)))


@pytest.mark.slow
def test_model_that_computes_for_ever_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="its golden run took more than 1 s of processor time"):
        prepare(order(tmp_path, hungry(100_000_000), limits=Limits(cpu_s=1)))


def test_golden_pictures_are_bounded_before_anything_runs(tmp_path: Path) -> None:
    asked = order(tmp_path, seeing())
    (tmp_path / "b.txt").write_text("no picture", "utf-8")
    for pictures, words in (([], "0 golden pictures: give 1 to 16"), ([tmp_path / "b.txt"], r"b\.txt refused: it is neither JPEG nor PNG")):
        with pytest.raises(AlgorithmError, match=words):
            prepare(ImportOrder(source=asked.source, manifest=asked.manifest, licence=b"", pictures=pictures))
    with pytest.raises(AlgorithmError, match=r"nowhere\.jpg is not a file"):
        prepare(ImportOrder(source=asked.source, manifest=asked.manifest, licence=b"", pictures=[tmp_path / "nowhere.jpg"]))


def test_picture_of_absurd_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = grey_picture(tmp_path)
    data = bytearray(path.read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    path.write_bytes(bytes(data))
    asked = ImportOrder(source=tmp_path / "made.onnx", manifest=manifest(), licence=b"", pictures=[path])
    asked.source.write_bytes(b"not a model")
    for look in (lambda: read_picture(path), lambda: prepare(asked)):
        with pytest.raises(AlgorithmError, match=r"picture a\.png refused: 60000x60000, at most 16000000 pixels"):
            look()
