"""What a golden run proves: scores that are scores, and boxes that lie in the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_ai.errors import ModelError
from edge_ai.models.facts import GoldenFacts
from edge_ai.models.golden_run import golden_run
from edge_ai.models.manifest import encode_manifest
from tests.edge_ai.models.made import constant_model, grey_picture, manifest


def run(folder: Path, *rows: tuple[float, ...]) -> GoldenFacts:
    """A YOLOX that gives these rows of centre, size, objectness and score, and otherwise nothing."""
    output = np.zeros((1, 21, 6), np.float32)
    output[0, : len(rows)] = rows
    (folder / "model.onnx").write_bytes(constant_model({"output": output}, (32, 32)).SerializeToString())
    (folder / "manifest.toml").write_bytes(encode_manifest(manifest()))
    return golden_run(folder / "manifest.toml", folder / "model.onnx", {"a.png": grey_picture(folder)}, runs=1)


def test_a_box_in_the_picture_is_seen(tmp_path: Path) -> None:
    assert len(run(tmp_path, (1, 1, 0.5, 0.5, 1.0, 0.9)).pictures["a.png"]) == 1


@pytest.mark.parametrize("centre", [(1e6, 1), (-1e6, 1), (1, 1e6), (1, -1e6)])
def test_boxes_outside_the_picture_prove_nothing(centre: tuple[float, float], tmp_path: Path) -> None:
    assert run(tmp_path, (*centre, 0.5, 0.5, 1.0, 0.9)).pictures == {"a.png": ()}


def test_scores_over_one_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gives a score of 25\.00, expected 0 to 1; check --family, or give --activation sigmoid"):
        run(tmp_path, (1, 1, 0.5, 0.5, 5.0, 5.0))
