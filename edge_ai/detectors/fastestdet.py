"""FastestDet (dog-qiuqiu/FastestDet, BSD-3): one map, one box per cell, score before class loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_ai.capture.gate import Motion
from edge_ai.detectors.port import AS_USUAL, InputBuffer, Look, sigmoid, suppress
from edge_ai.detectors.session import ModelSession
from edge_ai.models.manifest import InputSpec
from edge_ai.picture import NOTHING, Detections, Pixels

STRIDE = 16
"""Input pixels per cell."""
LOOK = Look(divisor=(255, 255, 255))


class FastestDet:
    """Output 1 x (5 + classes) x h/16 x w/16: objectness, four box terms, class scores."""

    def __init__(self, model: Path, classes: tuple[str, ...], *, score_min: float, overlap_max: float, look: InputSpec = AS_USUAL) -> None:
        self.classes = classes
        self._limits = {"score_min": score_min, "overlap_max": overlap_max}
        self._session = ModelSession(model)
        self._rows, self._columns = self._session.height // STRIDE, self._session.width // STRIDE
        self._session.expect_only((1, 5 + len(classes), self._rows, self._columns))
        self._input = InputBuffer(self._session.height, self._session.width, LOOK.changed(look))
        self._scale = np.array([self._session.width, self._session.height] * 2, np.float32)
        self._objectness_min = score_min ** (1 / 0.6)
        """Below it no class score of at most 1 reaches score_min."""

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """Boxes in picture pixels; `motion` is not used."""
        output = self._session.run(self._input.fill(pixels))[0][0]
        rows, columns = np.nonzero(output[0] >= self._objectness_min)
        if not len(rows):
            return NOTHING
        cells = output[:, rows, columns]
        classes = cells[5:].argmax(axis=0)
        scores = cells[0] ** 0.6 * cells[5:].max(axis=0) ** 0.4
        kept = scores >= self._limits["score_min"]
        if not kept.any():
            return NOTHING
        cells, rows, columns = cells[:, kept], rows[kept], columns[kept]
        centre_x, centre_y = (columns + np.tanh(cells[1])) / self._columns, (rows + np.tanh(cells[2])) / self._rows
        half_w, half_h = sigmoid(cells[3]) / 2, sigmoid(cells[4]) / 2
        shares = np.stack([centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h], axis=1)
        boxes = self._input.to_picture((shares * self._scale).astype(np.float32))
        return suppress(boxes, scores[kept], classes[kept], **self._limits)
