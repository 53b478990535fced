"""Makes the detector an algorithm asks for. Called by edge_ai/pipeline.py."""

from __future__ import annotations

from collections.abc import Callable

from edge_ai.algorithm import Algorithm, Family
from edge_ai.detectors.demo_street import DemoStreet
from edge_ai.detectors.fastestdet import FastestDet
from edge_ai.detectors.motion_object import MotionObject
from edge_ai.detectors.nanodet import NanoDet
from edge_ai.detectors.port import Detector
from edge_ai.detectors.rfb_face import RfbFace
from edge_ai.detectors.yolox import YoloX

_WITH_MODEL: dict[Family, Callable[..., Detector]] = {
    Family.FASTESTDET: FastestDet,
    Family.NANODET: NanoDet,
    Family.YOLOX: YoloX,
    Family.RFB_FACE: RfbFace,
    Family.DEMO_STREET: DemoStreet,
}


def build_detector(algorithm: Algorithm) -> Detector:
    """A detector of the algorithm's family; raises ModelError when the model does not fit it."""
    manifest = algorithm.manifest
    if algorithm.model is None:
        return MotionObject()
    return _WITH_MODEL[manifest.family](algorithm.model, manifest.classes, score_min=manifest.score_min, overlap_max=manifest.overlap_max)
