"""Whole-picture classifiers: one score per class. A second stage on crops of a detector, or alone for what fills a picture.

As a detector it gives one box, the whole picture, with its best class. Called by edge_ai/detectors/build.py and by whoever looks twice at
a detector's boxes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_ai.capture.gate import Motion
from edge_ai.detectors.net import Net
from edge_ai.detectors.port import AS_USUAL, Look, activated
from edge_ai.models.manifest import Activation, InputSpec
from edge_ai.picture import NOTHING, Detections, Floats, Pixels

LOOK = Look(rgb=True, mean=(123.675, 116.28, 103.53), divisor=(58.395, 57.12, 57.375))
"""As most published classifiers of this kind are trained."""
CROP_MARGIN = 0.1
"""Share of a box's sides that a crop shows around it."""
CROP_SIDE_MIN = 8
"""Pixels below which a crop shows nothing."""


class Classifier:
    """Output 1 x classes."""

    def __init__(
        self,
        model: Path,
        classes: tuple[str, ...],
        *,
        score_min: float,
        overlap_max: float,
        look: InputSpec = AS_USUAL,
        activation: Activation = Activation.SOFTMAX,
    ) -> None:
        self.classes = classes
        self._score_min = score_min
        self._activation = activation
        self._net = Net(model, LOOK, look)
        self._net.session.expect_only((1, len(classes)))

    def scores(self, pixels: Pixels) -> Floats:
        """A score of 0-1 for each class."""
        return activated(self._net.look(pixels)[0][0], self._activation)

    def look_at(self, pixels: Pixels, box: Floats) -> tuple[int, float] | None:
        """Class and score of one box of a picture (corners in pixels); None when it is too small or nothing is sure enough."""
        crop = crop_of(pixels, box)
        if crop is None:
            return None
        scores = self.scores(crop)
        best = int(scores.argmax())
        return (best, float(scores[best])) if scores[best] >= self._score_min else None

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """The whole picture with its best class; `motion` is not used."""
        scores = self.scores(pixels)
        best = int(scores.argmax())
        if not scores[best] >= self._score_min:
            return NOTHING
        whole = np.array([[0, 0, pixels.shape[1], pixels.shape[0]]], np.float32)
        return Detections(whole, scores[best : best + 1], np.array([best], np.int64))


def crop_of(pixels: Pixels, box: Floats) -> Pixels | None:
    """What a picture shows inside a box and a little around it; None when that is next to nothing."""
    margin = (box[2:] - box[:2]) * CROP_MARGIN
    height, width = pixels.shape[:2]
    left, top = np.maximum(box[:2] - margin, 0).astype(int)
    right, bottom = np.minimum(np.ceil(box[2:] + margin), (width, height)).astype(int)
    return pixels[top:bottom, left:right] if min(right - left, bottom - top) >= CROP_SIDE_MIN else None
