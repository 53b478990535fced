"""The detector port, and what the families share: scaling into reused buffers, and suppression of double boxes."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.gate import Motion
from edge_ai.picture import NOTHING, Detections, Floats, Pixels

DETECTIONS_MAX = 200
"""Boxes of one picture that are kept, best first."""


class Detector(Protocol):
    """Finds things in pictures. Implementations: the families in this folder; a scripted one in tests."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by index."""

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """What is in the picture; boxes in its pixels."""


class InputBuffer:
    """Scales pictures into one float32 NCHW tensor that is allocated once (EDGE_AI 1: textbook code costs more than the net)."""

    def __init__(
        self, height: int, width: int, *, mean: tuple[float, float, float] = (0, 0, 0), divisor: tuple[float, float, float] = (1, 1, 1)
    ) -> None:
        self._small = np.empty((height, width, 3), np.uint8)
        self._planes = [np.empty((height, width), np.uint8) for _ in range(3)]
        self._factor = [np.float32(1 / value) for value in divisor]
        self._offset = [np.float32(-low / value) for low, value in zip(mean, divisor, strict=True)]
        self.tensor: Floats = np.empty((1, 3, height, width), np.float32)
        """The tensor; valid until the next fill."""

    def stretch(self, pixels: Pixels, *, swap_to_rgb: bool = False) -> Floats:
        """Plain resize to the input, aspect not kept."""
        height, width = self._small.shape[:2]
        cv2.resize(pixels, (width, height), dst=self._small)
        return self._fill(swap_to_rgb)

    def letterbox(self, pixels: Pixels, pad: int = 114) -> float:
        """Resize with aspect into the top left corner, `pad` elsewhere; the factor from picture to input pixels."""
        height, width = self._small.shape[:2]
        factor: float = min(height / pixels.shape[0], width / pixels.shape[1])
        fitted = (min(width, round(pixels.shape[1] * factor)), min(height, round(pixels.shape[0] * factor)))
        self._small[:] = pad
        self._small[: fitted[1], : fitted[0]] = cv2.resize(pixels, fitted)
        self._fill(False)
        return factor

    def _fill(self, swap_to_rgb: bool) -> Floats:
        cv2.split(self._small, self._planes)
        for channel, plane in enumerate(reversed(self._planes) if swap_to_rgb else self._planes):
            target = self.tensor[0, channel]
            np.multiply(plane, self._factor[channel], out=target)
            if self._offset[channel]:
                target += self._offset[channel]
        return self.tensor


def suppress(boxes: Floats, scores: Floats, classes: NDArray[np.int64], *, score_min: float, overlap_max: float) -> Detections:
    """Keep the best of boxes of one class that overlap by more than `overlap_max`."""
    if not len(scores):
        return NOTHING
    sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    chosen = cv2.dnn.NMSBoxesBatched(sizes.tolist(), scores.tolist(), classes.tolist(), score_min, overlap_max)
    kept = np.asarray(chosen, np.int64).reshape(-1)[:DETECTIONS_MAX]
    return Detections(boxes[kept].astype(np.float32, copy=False), scores[kept], classes[kept])


def sigmoid(values: Floats) -> Floats:
    """1 / (1 + exp(-values))."""
    curve: Floats = (1 / (1 + np.exp(-values))).astype(np.float32, copy=False)
    return curve
