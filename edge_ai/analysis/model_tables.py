"""The models of an analysis process: which detector answers for which camera on which caller thread.

Owns who shares one: cameras of one algorithm and file share a detector on each caller, one that remembers its camera is the camera's own.
Called by edge_ai/analysis/worker.py.
"""

from __future__ import annotations

from edge_ai.clock import Clock
from edge_ai.models.hot import Build, HotModel, open_hot
from edge_ai.models.manifest import REMEMBERING
from edge_ai.spec import CameraKind, CameraSpec, WorkerSpec


class ModelTables:
    """Models by caller: those that remember their camera once for each camera, the others once for each algorithm and file."""

    def __init__(self, spec: WorkerSpec, clock: Clock, build: Build) -> None:
        self._spec = spec
        self._clock = clock
        self._build = build
        self._shared: list[dict[tuple[str, str, bool], HotModel]] = [{} for _ in range(spec.callers)]
        self.tables: list[dict[str, HotModel]] = [{} for _ in range(spec.callers)]
        """From camera to model, one for each caller."""

    def add(self, camera: CameraSpec) -> HotModel:
        """Put the camera's model into each caller's table; raises AlgorithmError."""
        # A demo-only algorithm knows rendered scenes alone, so those share none with real ones.
        key = (camera.algorithm, camera.model, camera.kind is CameraKind.RENDERED)
        for table, shared in zip(self.tables, self._shared, strict=True):
            model = shared.get(key)
            if model is None:
                model = open_hot(camera, self._spec.algorithms_dir, self._clock, build=self._build)
            if model.algorithm.manifest.family in REMEMBERING:
                for each in self.tables:
                    each[camera.id] = model
                return model
            table[camera.id] = shared[key] = model
        return self.tables[0][camera.id]
