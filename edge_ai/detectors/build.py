"""Makes the detector an algorithm asks for. Called by edge_ai/models/hot.py, edge_ai/analysis/worker.py and the golden run."""

from __future__ import annotations

from collections.abc import Callable

from edge_ai.algorithm import Algorithm
from edge_ai.detectors.classifier import Classifier
from edge_ai.detectors.fastestdet import FastestDet
from edge_ai.detectors.fire_smoke import FireSmoke
from edge_ai.detectors.motion_object import MotionObject
from edge_ai.detectors.nanodet import NanoDet
from edge_ai.detectors.port import Detector
from edge_ai.detectors.rfb_face import RfbFace
from edge_ai.detectors.ssd import Ssd
from edge_ai.detectors.still_object import StillObject
from edge_ai.detectors.street_s import StreetS
from edge_ai.detectors.yolov8 import YoloV8
from edge_ai.detectors.yolox import YoloX
from edge_ai.errors import ModelError
from edge_ai.models.manifest import Family, Manifest
from edge_ai.reasons import reason

_WITH_MODEL: dict[Family, Callable[..., Detector]] = {
    Family.FASTESTDET: FastestDet,
    Family.NANODET: NanoDet,
    Family.YOLOX: YoloX,
    Family.YOLOV8: YoloV8,
    Family.SSD: Ssd,
    Family.RFB_FACE: RfbFace,
    Family.CLASSIFIER: Classifier,
    Family.FIRE_SMOKE: FireSmoke,
    Family.STREET_S: StreetS,
}

_WEIGHTLESS: dict[Family, Callable[[], Detector]] = {
    Family.MOTION_OBJECT: MotionObject,
    Family.STILL_OBJECT: StillObject,
}


def build_detector(algorithm: Algorithm) -> Detector:
    """A detector of the algorithm's family; raises ModelError when the model does not fit it."""
    if algorithm.model is None:
        return _WEIGHTLESS[algorithm.manifest.family]()
    manifest = algorithm.manifest
    return _WITH_MODEL[manifest.family](algorithm.model, manifest.classes, **_values(manifest))


def build_classifier(algorithm: Algorithm) -> Classifier:
    """The second stage that an algorithm is; raises ModelError when it is no classifier."""
    detector = build_detector(algorithm)
    if not isinstance(detector, Classifier):
        family = algorithm.manifest.family.value
        raise ModelError(reason("not-a-classifier", algorithm=algorithm.manifest.id, family=family))
    return detector


def _values(manifest: Manifest) -> dict[str, object]:
    values: dict[str, object] = {"score_min": manifest.score_min, "overlap_max": manifest.overlap_max, "look": manifest.input}
    if manifest.family in (Family.SSD, Family.CLASSIFIER):
        values["activation"] = manifest.activation
    if manifest.family is Family.SSD:
        values |= {"priors": manifest.priors, "variances": manifest.variances}
    return values
