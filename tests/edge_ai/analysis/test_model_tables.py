"""Which detector answers for which camera on which caller thread."""

from __future__ import annotations

from pathlib import Path

from edge_ai.analysis.model_tables import ModelTables
from edge_ai.clock import SystemClock
from edge_ai.detectors.motion_object import MotionObject
from edge_ai.spec import CameraKind, CameraSpec, RingSpec, WorkerSpec


def test_models_that_remember_a_camera_are_made_for_each_and_others_for_each_caller(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"a model")
    own = {"f": "", "y": str(tmp_path / "m.onnx")}
    asked = (("f1", "fire-smoke"), ("f2", "fire-smoke"), ("y1", "yolox-nano"), ("y2", "yolox-nano"))
    cameras = tuple(CameraSpec(id=name, kind=CameraKind.FILE, source="x", algorithm=each, model=own[name[0]]) for name, each in asked)
    rings = (RingSpec(path="ring", cameras=tuple(camera.id for camera in cameras)),)
    spec = WorkerSpec(
        worker="a", endpoint="", spool_dir="", nonce="", parent_pid=1, cameras=cameras, rings=rings, bell=0, ledger="", callers=2
    )
    models = ModelTables(spec, SystemClock(), lambda _: MotionObject())
    for camera in cameras:
        models.add(camera)
    first, second = models.tables
    assert first["f1"] is second["f1"]
    assert first["f1"] is not first["f2"]
    assert first["y1"] is first["y2"]
    assert first["y1"] is not second["y1"]
