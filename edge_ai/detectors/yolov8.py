"""YOLOv8-style heads: one output of boxes and class scores, no objectness, boxes decoded in input pixels.

Written from the tensor layout alone (centre x, centre y, width, height, then a score per class, for each cell of strides 8, 16, 32). The
weights that are usually found in this layout are AGPL-3.0: who imports one answers for its licence.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_ai.capture.gate import Motion
from edge_ai.detectors.port import AS_USUAL, InputBuffer, Look, suppress
from edge_ai.detectors.session import ModelSession
from edge_ai.models.manifest import Fit, InputSpec
from edge_ai.picture import NOTHING, Detections, Pixels

STRIDES = (8, 16, 32)
LOOK = Look(fit=Fit.CENTRE, rgb=True, divisor=(255, 255, 255))


class YoloV8:
    """Output 1 x (4 + classes) x N, or 1 x N x (4 + classes)."""

    def __init__(self, model: Path, classes: tuple[str, ...], *, score_min: float, overlap_max: float, look: InputSpec = AS_USUAL) -> None:
        self.classes = classes
        self._limits = {"score_min": score_min, "overlap_max": overlap_max}
        self._session = ModelSession(model)
        height, width = self._session.height, self._session.width
        cells = sum((height // stride) * (width // stride) for stride in STRIDES)
        values = 4 + len(classes)
        self._is_rows = self._session.expect_one_of((1, values, cells), (1, cells, values)) == 1
        self._input = InputBuffer(height, width, LOOK.changed(look))

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """Boxes in picture pixels; `motion` is not used."""
        output = self._session.run(self._input.fill(pixels))[0][0]
        columns = output.T if self._is_rows else output
        best = columns[4:].max(axis=0)
        kept = np.nonzero(best >= self._limits["score_min"])[0]
        if not len(kept):
            return NOTHING
        cells = columns[:, kept]
        centres, halves = cells[:2].T, cells[2:4].T / 2
        boxes = self._input.to_picture(np.concatenate([centres - halves, centres + halves], axis=1))
        return suppress(boxes, best[kept], cells[4:].argmax(axis=0), **self._limits)
