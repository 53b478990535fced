"""The classifiers that rules name as their second stage, each loaded once. Called by the analysis process and by trials of a rule.

They are asked on the loop that applies the rules, one after another, so the cameras of a process may share them. One that hangs stops that
loop; the node ends the silent process, and the camera whose frame was in work is noted (ledger.py).
"""

from __future__ import annotations

from dataclasses import replace

from edge_ai.algorithm import load_algorithm
from edge_ai.detectors.build import build_classifier
from edge_ai.detectors.classifier import Classifier
from edge_ai.spec import CameraKind, CameraSpec


class StageShelf:
    """The second stages of one process, from the algorithms in `algorithms_dir`."""

    def __init__(self, algorithms_dir: str) -> None:
        self._algorithms_dir = algorithms_dir
        self._loaded: dict[tuple[str, bool], Classifier] = {}

    def of(self, camera: CameraSpec) -> dict[str, Classifier]:
        """The classifiers of a camera's rules by name; raises AlgorithmError when one is not installed or is no classifier."""
        return {name: self._stage(camera, name) for name in sorted({rule.second_stage for rule in camera.rules if rule.second_stage})}

    def _stage(self, camera: CameraSpec, name: str) -> Classifier:
        # A demo-only algorithm knows rendered scenes alone, so those share none with real ones.
        key = (name, camera.kind is CameraKind.RENDERED)
        if key not in self._loaded:
            self._loaded[key] = build_classifier(load_algorithm(replace(camera, algorithm=name, model=""), self._algorithms_dir))
        return self._loaded[key]
