"""NanoDet-m (RangiLyu/nanodet, Apache-2.0): three strides, each side of a box as a distribution over 8 distances.

Source: Li et al., Generalized Focal Loss, 2020 (arXiv:2006.04388).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_ai.capture.gate import Motion
from edge_ai.detectors.port import AS_USUAL, InputBuffer, Look, suppress
from edge_ai.detectors.session import ModelSession
from edge_ai.models.manifest import InputSpec
from edge_ai.picture import NOTHING, Detections, Floats, Pixels

STRIDES = (8, 16, 32)
BINS = 8
LOOK = Look(mean=(103.53, 116.28, 123.675), divisor=(57.375, 57.12, 58.395))


class NanoDet:
    """Outputs per stride: cls 1 x N x classes (sigmoid done), dis 1 x N x 32."""

    def __init__(self, model: Path, classes: tuple[str, ...], *, score_min: float, overlap_max: float, look: InputSpec = AS_USUAL) -> None:
        self.classes = classes
        self._limits = {"score_min": score_min, "overlap_max": overlap_max}
        self._session = ModelSession(model)
        height, width = self._session.height, self._session.width
        self._centres = [_centres(height // stride, width // stride, stride) for stride in STRIDES]
        expected = {f"cls_pred_stride_{stride}": (1, len(self._centres[step]), len(classes)) for step, stride in enumerate(STRIDES)}
        expected |= {f"dis_pred_stride_{stride}": (1, len(self._centres[step]), 4 * BINS) for step, stride in enumerate(STRIDES)}
        self._session.expect(expected)
        self._names = list(expected)
        self._input = InputBuffer(height, width, LOOK.changed(look))

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """Boxes in picture pixels; `motion` is not used."""
        outputs = self._session.run(self._input.fill(pixels), self._names)
        parts = [self._decode(outputs[step][0], outputs[step + 3][0], step) for step in range(3)]
        boxes = np.concatenate([part[0] for part in parts])
        if not len(boxes):
            return NOTHING
        scores, classes = np.concatenate([part[1] for part in parts]), np.concatenate([part[2] for part in parts])
        return suppress(self._input.to_picture(boxes), scores, classes, **self._limits)

    def _decode(self, scores: Floats, distances: Floats, step: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
        best = scores.max(axis=1)
        kept = np.nonzero(best >= self._limits["score_min"])[0]
        spread = distances[kept].reshape(-1, 4, BINS)
        weights = np.exp(spread - spread.max(axis=2, keepdims=True))
        sides = (weights / weights.sum(axis=2, keepdims=True)) @ np.arange(BINS, dtype=np.float32) * STRIDES[step]
        centres = self._centres[step][kept]
        boxes: Floats = np.concatenate([centres - sides[:, :2], centres + sides[:, 2:]], axis=1)
        return boxes, best[kept], scores[kept].argmax(axis=1)


def _centres(rows: int, columns: int, stride: int) -> Floats:
    y, x = np.mgrid[0:rows, 0:columns]
    centres: Floats = ((np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride - 0.5).astype(np.float32)
    return centres
