"""Loads the classifiers that a camera's rules name as their second stage. Called by the analysis process and by trials of a rule."""

from __future__ import annotations

from dataclasses import replace

from edge_ai.algorithm import load_algorithm
from edge_ai.detectors.build import build_classifier
from edge_ai.detectors.classifier import Classifier
from edge_ai.spec import CameraSpec


def second_stages(camera: CameraSpec, algorithms_dir: str) -> dict[str, Classifier]:
    """The classifiers by name; raises AlgorithmError when one is not installed or is no classifier."""
    names = sorted({rule.second_stage for rule in camera.rules if rule.second_stage})
    return {name: build_classifier(load_algorithm(replace(camera, algorithm=name, model=""), algorithms_dir)) for name in names}
