"""The shipped net of streets (training/train_street_s.py): heat maps whose peaks are centres, and a box per cell.

Source of the scheme: Zhou, Wang, Kraehenbuehl: Objects as Points, 2019 (arXiv:1904.07850).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.capture.gate import Motion
from edge_ai.detectors.port import AS_USUAL, InputBuffer, Look, suppress
from edge_ai.detectors.session import ModelSession
from edge_ai.models.manifest import InputSpec
from edge_ai.picture import NOTHING, Detections, Floats, Pixels

STRIDE = 8
"""Input pixels per cell."""
LOG_SIDE_MIN, LOG_SIDE_MAX = -3.0, 5.0
"""Logarithms of a box's sides in cells are cut to these: what is beyond is no box but a broken net."""
_AROUND = np.ones((3, 3), np.uint8)


class StreetS:
    """Outputs heat 1 x classes x h/8 x w/8 (0-1) and box 1 x 4 x h/8 x w/8 (dx, dy, log w, log h in cells)."""

    def __init__(self, model: Path, classes: tuple[str, ...], *, score_min: float, overlap_max: float, look: InputSpec = AS_USUAL) -> None:
        self.classes = classes
        self._limits = {"score_min": score_min, "overlap_max": overlap_max}
        self._session = ModelSession(model)
        rows, columns = self._session.height // STRIDE, self._session.width // STRIDE
        self._session.expect({"heat": (1, len(classes), rows, columns), "box": (1, 4, rows, columns)})
        self._input = InputBuffer(self._session.height, self._session.width, Look(divisor=(255, 255, 255)).changed(look))

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """Boxes in picture pixels; `motion` is not used."""
        heat, box = self._session.run(self._input.fill(pixels), ["heat", "box"])
        boxes, scores, classes = peaks_of(heat[0], box[0], score_min=self._limits["score_min"])
        if not len(scores):
            return NOTHING
        return suppress(self._input.to_picture(boxes), scores, classes, **self._limits)


def peaks_of(heat: Floats, box: Floats, *, score_min: float) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Boxes in input pixels, scores and classes of the peaks of a heat map (classes x rows x columns); `box` is 4 x rows x columns."""
    peaks = np.stack([plane * (plane >= cv2.dilate(plane, _AROUND)) for plane in heat])
    classes, rows, columns = np.nonzero(peaks >= score_min)
    terms = box[:, rows, columns]
    centres = np.stack([columns + 0.5 + terms[0], rows + 0.5 + terms[1]], axis=1)
    halves = np.exp(np.clip(terms[2:], LOG_SIDE_MIN, LOG_SIDE_MAX)).T / 2
    boxes = np.concatenate([centres - halves, centres + halves], axis=1).astype(np.float32) * STRIDE
    return boxes, peaks[classes, rows, columns], classes
