"""RFB-320 and slim-320 faces (Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB, MIT): boxes come decoded as shares of the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_ai.capture.gate import Motion
from edge_ai.detectors.port import AS_USUAL, InputBuffer, Look, suppress
from edge_ai.detectors.session import ModelSession
from edge_ai.models.manifest import InputSpec
from edge_ai.picture import Detections, Pixels

ANCHOR_STRIDES = {8: 3, 16: 2, 32: 2, 64: 3}
"""Anchors per cell by stride."""
LOOK = Look(rgb=True, mean=(127, 127, 127), divisor=(128, 128, 128))


class RfbFace:
    """Outputs scores 1 x N x 2 (background, face) and boxes 1 x N x 4 (corners 0-1)."""

    def __init__(self, model: Path, classes: tuple[str, ...], *, score_min: float, overlap_max: float, look: InputSpec = AS_USUAL) -> None:
        self.classes = classes
        self._limits = {"score_min": score_min, "overlap_max": overlap_max}
        self._session = ModelSession(model)
        height, width = self._session.height, self._session.width
        anchors = sum(-(-height // stride) * -(-width // stride) * count for stride, count in ANCHOR_STRIDES.items())
        self._session.expect({"scores": (1, anchors, 1 + len(classes)), "boxes": (1, anchors, 4)})
        self._scale = np.array([width, height] * 2, np.float32)
        self._input = InputBuffer(height, width, LOOK.changed(look))

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """Boxes in picture pixels; `motion` is not used."""
        scores, boxes = self._session.run(self._input.fill(pixels), ["scores", "boxes"])
        kept = np.nonzero(scores[0, :, 1] >= self._limits["score_min"])[0]
        placed = self._input.to_picture(boxes[0, kept] * self._scale)
        return suppress(placed, scores[0, kept, 1], np.zeros(len(kept), np.int64), **self._limits)
