"""Weights without the traces of whoever exported them: torch writes paths of its machine into every node of an ONNX graph.

Called by fire_train.py and street_net.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx


def strip_traces(path: Path) -> None:
    """Take names of files, code and versions out of the model at `path`; what it computes stays."""
    model = onnx.load(path)
    graph = model.graph
    parts: list[Any] = [model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info]
    for part in parts:
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.checker.check_model(model)
    onnx.save(model, path)
