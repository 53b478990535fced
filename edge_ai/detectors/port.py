"""The detector port, and what the families share: scaling into reused buffers, and suppression of double boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.capture.gate import Motion
from edge_ai.models.manifest import Activation, Fit, InputSpec, Triple
from edge_ai.picture import DETECTIONS_MAX, NOTHING, Detections, Floats, Pixels

CANDIDATES_MAX = 2_000
"""Boxes of one picture that are compared with each other: a net that sees something everywhere must not stop its camera."""
PAD = 114
"""Grey beside a picture whose aspect is kept."""
AS_USUAL = InputSpec()
"""A manifest that says nothing about the input."""


class Detector(Protocol):
    """Finds things in pictures. Implementations: the families in this folder; a scripted one in tests."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by index."""

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """What is in the picture; boxes in its pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a picture is given to a model."""

    fit: Fit = Fit.STRETCH
    rgb: bool = False
    mean: Triple = (0, 0, 0)
    divisor: Triple = (1, 1, 1)

    def changed(self, spec: InputSpec) -> Look:
        """This look with what a manifest says otherwise."""
        return Look(
            fit=self.fit if spec.fit is None else spec.fit,
            rgb=self.rgb if spec.rgb is None else spec.rgb,
            mean=self.mean if spec.mean is None else spec.mean,
            divisor=self.divisor if spec.divisor is None else spec.divisor,
        )


class InputBuffer:
    """Scales pictures into one float32 NCHW tensor that is allocated once (EDGE_AI 1: textbook code costs more than the net)."""

    def __init__(self, height: int, width: int, look: Look) -> None:
        self._small = np.full((height, width, 3), PAD, np.uint8)
        self._planes = [np.empty((height, width), np.uint8) for _ in range(3)]
        self._source = self._planes[::-1] if look.rgb else self._planes
        self._factor = [np.float32(1 / value) for value in look.divisor]
        self._offset = [np.float32(-low / value) for low, value in zip(look.mean, look.divisor, strict=True)]
        self._fit = look.fit
        self._fitted = (0, 0, width, height)
        """Where the picture lies in the input: left, top, width, height."""
        self._size = (width, height)
        """Of the newest picture."""
        self.tensor: Floats = np.empty((1, 3, height, width), np.float32)
        """The tensor; valid until the next fill."""

    def fill(self, pixels: Pixels) -> Floats:
        """Bring a picture into the tensor."""
        self._size = (pixels.shape[1], pixels.shape[0])
        fitted = self._place(*self._size)
        if fitted != self._fitted:
            self._small[:] = PAD
            self._fitted = fitted
        left, top, width, height = fitted
        if (height, width) == self._small.shape[:2]:
            cv2.resize(pixels, (width, height), dst=self._small)
        else:
            self._small[top : top + height, left : left + width] = cv2.resize(pixels, (width, height))
        cv2.split(self._small, self._planes)
        for channel, plane in enumerate(self._source):
            target = self.tensor[0, channel]
            np.multiply(plane, self._factor[channel], out=target)
            if self._offset[channel]:
                target += self._offset[channel]
        return self.tensor

    def to_picture(self, boxes: Floats) -> Floats:
        """Boxes (N x 4 corners in input pixels) in the newest picture's pixels."""
        left, top, width, height = self._fitted
        factor = (self._size[0] / width, self._size[1] / height)
        if self._fit is not Fit.STRETCH:
            factor = (self._factor_kept(),) * 2
        placed: Floats = ((boxes - np.array([left, top] * 2, np.float32)) * np.array(factor * 2, np.float32)).astype(np.float32)
        return placed

    def _factor_kept(self) -> float:
        height, width = self._small.shape[:2]
        return max(self._size[1] / height, self._size[0] / width)

    def _place(self, width: int, height: int) -> tuple[int, int, int, int]:
        rows, columns = self._small.shape[:2]
        if self._fit is Fit.STRETCH:
            return (0, 0, columns, rows)
        factor = min(rows / height, columns / width)
        fitted = (max(1, min(columns, round(width * factor))), max(1, min(rows, round(height * factor))))
        corner = (0, 0) if self._fit is Fit.CORNER else ((columns - fitted[0]) // 2, (rows - fitted[1]) // 2)
        return (*corner, *fitted)


def suppress(boxes: Floats, scores: Floats, classes: NDArray[np.int64], *, score_min: float, overlap_max: float) -> Detections:
    """Keep the best of boxes of one class that overlap by more than `overlap_max`; boxes that are no numbers are dropped."""
    sound = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    if not sound.all():
        boxes, scores, classes = boxes[sound], scores[sound], classes[sound]
    if not len(scores):
        return NOTHING
    if len(scores) > CANDIDATES_MAX:
        best = np.argpartition(scores, -CANDIDATES_MAX)[-CANDIDATES_MAX:]
        boxes, scores, classes = boxes[best], scores[best], classes[best]
    sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    chosen = cv2.dnn.NMSBoxesBatched(sizes.tolist(), scores.tolist(), classes.tolist(), score_min, overlap_max)
    kept = np.asarray(chosen, np.int64).reshape(-1)[:DETECTIONS_MAX]
    return Detections(boxes[kept].astype(np.float32, copy=False), scores[kept], classes[kept])


def sigmoid(values: Floats) -> Floats:
    """1 / (1 + exp(-values))."""
    curve: Floats = (1 / (1 + np.exp(-np.clip(values, -80, 80)))).astype(np.float32, copy=False)
    return curve


def activated(scores: Floats, how: Activation) -> Floats:
    """Scores of the last axis as 0-1."""
    if how is Activation.SIGMOID:
        return sigmoid(scores)
    if how is Activation.SOFTMAX:
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares: Floats = weights / weights.sum(axis=-1, keepdims=True)
        return shares
    return scores
