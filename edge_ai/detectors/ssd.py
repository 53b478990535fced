"""SSD heads: a score per prior box and class with background first, and boxes relative to the priors or decoded already.

Source: Liu et al., SSD: Single Shot MultiBox Detector, 2016 (arXiv:1512.02325), section 2.2; the priors come from the manifest, because
every SSD has its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_ai.capture.gate import Motion
from edge_ai.detectors.net import Net
from edge_ai.detectors.port import AS_USUAL, Look, activated, suppress
from edge_ai.errors import ModelError
from edge_ai.models.manifest import Activation, InputSpec, PriorRow
from edge_ai.picture import NOTHING, Detections, Floats, Pixels
from edge_ai.reasons import reason

LOOK = Look(rgb=True, mean=(127, 127, 127), divisor=(128, 128, 128))


class Ssd:
    """Outputs scores 1 x N x (1 + classes) and boxes 1 x N x 4, whatever their names."""

    def __init__(
        self,
        model: Path,
        classes: tuple[str, ...],
        *,
        score_min: float,
        overlap_max: float,
        look: InputSpec = AS_USUAL,
        activation: Activation = Activation.NONE,
        priors: Sequence[PriorRow] = (),
        variances: tuple[float, float] = (0.1, 0.2),
    ) -> None:
        self.classes = classes
        self._limits = {"score_min": score_min, "overlap_max": overlap_max}
        self._activation, self._variances = activation, variances
        self._net = Net(model, LOOK, look)
        session = self._net.session
        self._names = [session.output_ending(1 + len(classes), but=4), session.output_ending(4)]
        self._priors = prior_boxes(priors, session.height, session.width)
        count = session.shape(self._names[1])[1]
        if priors and count != len(self._priors):
            raise ModelError(reason("model-priors", model=session.name, count=count, made=len(self._priors)))
        self._scale = np.array([session.width, session.height] * 2, np.float32)

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """Boxes in picture pixels; `motion` is not used."""
        scores, boxes = self._net.look(pixels, self._names)
        shares = activated(scores[0], self._activation)[:, 1:]
        best = shares.max(axis=1)
        kept = np.nonzero(best >= self._limits["score_min"])[0]
        if not len(kept):
            return NOTHING
        corners = self._corners(boxes[0, kept], kept)
        return suppress(self._net.input.to_picture(corners * self._scale), best[kept], shares[kept].argmax(axis=1), **self._limits)

    def _corners(self, terms: Floats, kept: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
        if not len(self._priors):
            return terms
        priors = self._priors[kept]
        centres = priors[:, :2] + terms[:, :2] * self._variances[0] * priors[:, 2:]
        halves = priors[:, 2:] * np.exp(np.clip(terms[:, 2:] * self._variances[1], -20, 20)) / 2
        corners: Floats = np.concatenate([centres - halves, centres + halves], axis=1)
        return corners


def prior_boxes(rows: Sequence[PriorRow], height: int, width: int) -> Floats:
    """N x 4 (centre x, centre y, width, height in shares of the input), map by map, cell by cell, size by size."""
    boxes = []
    for row in rows:
        shapes = [(size * ratio**0.5, size / ratio**0.5) for size in row.sizes for ratio in (1.0, *row.ratios)]
        for y in range(-(-height // row.stride)):
            for x in range(-(-width // row.stride)):
                centre = ((x + 0.5) * row.stride / width, (y + 0.5) * row.stride / height)
                boxes += [(*centre, wide / width, high / height) for wide, high in shapes]
    return np.array(boxes, np.float32).reshape(-1, 4)
