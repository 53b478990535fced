"""YOLOX (Megvii, Apache-2.0), also person_192: letterboxed input without scaling, three strides in one output."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_ai.capture.gate import Motion
from edge_ai.detectors.port import AS_USUAL, InputBuffer, Look, suppress
from edge_ai.detectors.session import ModelSession
from edge_ai.models.manifest import Fit, InputSpec
from edge_ai.picture import NOTHING, Detections, Floats, Pixels

STRIDES = (8, 16, 32)
LOOK = Look(fit=Fit.CORNER)


class YoloX:
    """Output 1 x N x (5 + classes): centre and size terms, objectness, class scores."""

    def __init__(self, model: Path, classes: tuple[str, ...], *, score_min: float, overlap_max: float, look: InputSpec = AS_USUAL) -> None:
        self.classes = classes
        self._limits = {"score_min": score_min, "overlap_max": overlap_max}
        self._session = ModelSession(model)
        self._grid, self._stride = _grid(self._session.height, self._session.width)
        self._session.expect_only((1, len(self._grid), 5 + len(classes)))
        self._input = InputBuffer(self._session.height, self._session.width, LOOK.changed(look))

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """Boxes in picture pixels; `motion` is not used."""
        output = self._session.run(self._input.fill(pixels))[0][0]
        likely = np.nonzero(output[:, 4] >= self._limits["score_min"])[0]
        cells = output[likely]
        scores = cells[:, 4] * cells[:, 5:].max(axis=1, initial=0)
        kept = scores >= self._limits["score_min"]
        if not kept.any():
            return NOTHING
        cells, likely = cells[kept], likely[kept]
        centres = (cells[:, :2] + self._grid[likely]) * self._stride[likely]
        halves = np.exp(cells[:, 2:4]) * self._stride[likely] / 2
        boxes = self._input.to_picture(np.concatenate([centres - halves, centres + halves], axis=1))
        return suppress(boxes, scores[kept], cells[:, 5:].argmax(axis=1), **self._limits)


def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    places, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[0 : height // stride, 0 : width // stride]
        places.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(places).astype(np.float32), np.concatenate(strides).astype(np.float32)
