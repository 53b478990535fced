"""Runs a clip through a real pipeline as fast as it goes, with the clip's own time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_ai.algorithm import load_algorithm
from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.detectors.build import build_detector
from edge_ai.picture import Shot
from edge_ai.sources.opening import open_source
from edge_ai.spec import CameraSpec
from edge_ai.wire.events import EventMessage
from sync.model import Instant

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data with real videos and models is not here")


@dataclass(frozen=True, slots=True)
class Timed:
    """An event message and the second of the clip it came at."""

    at_s: float
    message: EventMessage


def pipeline_for(camera: CameraSpec) -> CameraPipeline:
    """The production pipeline of `camera`."""
    algorithm = load_algorithm(camera)
    return CameraPipeline(camera, algorithm, build_detector(algorithm), nonce="test")


def replay(camera: CameraSpec, pipeline: CameraPipeline, *, from_s: float = 0.0, to_s: float = 1e9) -> Iterator[Timed]:
    """Every message of the stretch of the camera's clip, at the camera's analysed rate."""
    source = open_source(camera)
    due_s, index = from_s, 0
    try:
        while (at_s := index / source.fps) < to_s:
            index += 1
            if at_s < due_s - 1e-9:
                if not source.skip():
                    return
                continue
            pixels = source.read()
            if pixels is None:
                return
            due_s += 1 / camera.analysed_fps
            shot = Shot(camera.id, pixels, Instant(round(at_s * 1e6)), 1_800_000_000_000_000 + round(at_s * 1e6), 0)
            for message in pipeline.analyse(shot):
                yield Timed(at_s, message)
    finally:
        source.close()
