"""The motion gate: which parts of a picture move, how much, and whether the answer can be trusted yet.

It gives boxes, share and priority; it never forbids an analysis (a heartbeat inference finds what stands still). Called by
edge_ai/analysis/pipeline.py. Costs about 0.07 ms at 178x100 (EDGE_AI 1), and 0.1 ms more while something as large as a person moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.capture.flurry import Flurry
from edge_ai.capture.light import without_light
from edge_ai.capture.sight import Sight
from edge_ai.picture import Floats, Pixels

GATE_SIZE = (178, 100)
"""Width and height the picture is reduced to, by nearest pixel."""
ALPHA_FAST = 0.2
ALPHA_SLOW = 0.01
"""Share of the new picture in the two backgrounds, per analysed frame."""
BLOB_PIXELS_MIN = 12
"""Reduced pixels a moving region must have."""
STORM_SHARE = 0.6
"""Share of the picture above which the change is light or the camera, not things."""
PASSED_SHARE = 0.45
"""Share of the picture unlike the background from before a storm, up to which the storm has passed and that background holds again."""
CALIBRATING_FRAMES = 6
MUTED_FRAMES = 6
"""Frames after a reconnection or a storm whose motion is not believed."""
BOXES_MAX = 64


class GateState(Enum):
    """How far the gate's answer can be trusted."""

    CALIBRATING = "calibrating"
    MUTED = "muted"
    STORM = "storm"
    QUIET = "quiet"
    MOTION = "motion"


@dataclass(frozen=True, slots=True)
class Motion:
    """The gate's answer for one picture."""

    state: GateState
    boxes: Floats
    """N x 4 in pixels of the full picture: things unlike the slow background that also move."""
    share: float
    """Share of the picture that moves, 0-1."""

    @property
    def calls(self) -> bool:
        """True when the picture is worth an analysis at once: something moves, or the gate cannot tell yet whether something does."""
        return self.state is GateState.MOTION or self.is_learning

    @property
    def is_learning(self) -> bool:
        """True while the gate cannot tell yet what moves: it names no boxes."""
        return self.state in _LEARNING

    @property
    def priority(self) -> float:
        """0 to 1: how urgent an analysis is."""
        return min(1.0, self.share * 20) if self.state is GateState.MOTION else 0.0


_LEARNING = frozenset({GateState.CALIBRATING, GateState.MUTED})
_NEAR = np.ones((5, 5), np.uint8)
_JOIN = np.ones((5, 3), np.uint8)
_NO_BOXES: Floats = np.zeros((0, 4), np.float32)


class MotionGate:
    """Two running backgrounds of one camera."""

    def __init__(self) -> None:
        self._fast: Floats | None = None
        self._slow: Floats | None = None
        self._small = np.empty((GATE_SIZE[1], GATE_SIZE[0], 3), np.uint8)
        self._learning = CALIBRATING_FRAMES
        self._muted = 0
        self._learned = 0
        self._sight, self._flurry = Sight(), Flurry()
        self._is_changed = False
        """Since a storm it is not known yet whether what it brought stays."""
        self.storms = 0
        """Full-frame changes seen so far."""

    def reconnected(self) -> None:
        """The next pictures are not neighbours of the last: learn again and keep silent for a while."""
        self._fast = self._slow = None
        self._flurry.clear()
        self._muted, self._learned, self._is_changed = MUTED_FRAMES, 0, False

    def look(self, pixels: Pixels) -> Motion:
        """Compare with the backgrounds, then take the picture into them."""
        cv2.resize(pixels, GATE_SIZE, dst=self._small, interpolation=cv2.INTER_NEAREST)
        grey = np.asarray(cv2.GaussianBlur(cv2.cvtColor(self._small, cv2.COLOR_BGR2GRAY), (3, 3), 0), np.uint8)
        if self._fast is None or self._slow is None:
            self._fast, self._slow = grey.astype(np.float32), grey.astype(np.float32)
        moving, share = self._sight.moving(grey, self._fast)
        state = self._judge(share)
        boxes = self._boxes(grey, moving, pixels) if state is GateState.MOTION else self._no_boxes()
        self._learn(grey, state, share)
        return Motion(state, boxes, share)

    def _judge(self, share: float) -> GateState:
        if self._learning > 0:
            self._learning -= 1
            return GateState.CALIBRATING
        if self._muted > 0:
            self._muted -= 1
            return GateState.MUTED
        if share > STORM_SHARE:
            if not self._is_changed:
                self.storms += 1
            return GateState.STORM
        return GateState.MOTION if share * GATE_SIZE[0] * GATE_SIZE[1] >= BLOB_PIXELS_MIN else GateState.QUIET

    def _learn(self, grey: NDArray[np.uint8], state: GateState, share: float) -> None:
        assert self._fast is not None
        assert self._slow is not None
        if state is GateState.STORM:
            self._fast, self._muted, self._is_changed = grey.astype(np.float32), MUTED_FRAMES, True
            return
        if self._is_changed and not self._settle(grey):
            cv2.accumulateWeighted(grey, self._fast, ALPHA_FAST)
            return
        self._learned += 1
        self._sight.measure(grey, self._fast, self._slow, share)
        cv2.accumulateWeighted(grey, self._fast, ALPHA_FAST)
        # A plain mean at first: who stands in the first picture would else stay in the background for 100 frames.
        cv2.accumulateWeighted(grey, self._slow, max(ALPHA_SLOW, 1 / (self._learned + 1)))

    def _settle(self, grey: NDArray[np.uint8]) -> bool:
        """After a storm: whether the place is known again, as it was before or, where the change lasts, as it is now."""
        assert self._slow is not None
        is_as_before = cv2.countNonZero(self._sight.differs(grey, self._slow)) <= PASSED_SHARE * grey.size
        if self._muted > 0 and not is_as_before:
            return False
        if not is_as_before:
            self._fast, self._slow, self._learned = grey.astype(np.float32), grey.astype(np.float32), 0
        self._muted, self._is_changed = 0, False
        return True

    def _no_boxes(self) -> Floats:
        self._flurry.clear()
        return _NO_BOXES

    def _boxes(self, grey: NDArray[np.uint8], moving: NDArray[np.uint8], pixels: Pixels) -> Floats:
        assert self._slow is not None
        # What differs only from the slow background is often the ghost of who left: it counts next to what moves now.
        unlike = cv2.bitwise_and(self._sight.differs(grey, self._slow), cv2.dilate(moving, _NEAR))
        unlike = cv2.morphologyEx(self._flurry.lasting(np.asarray(unlike, np.uint8)), cv2.MORPH_CLOSE, _JOIN)
        contours, _ = cv2.findContours(unlike, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        found: list[tuple[int, int, int, int]] = []
        for contour in contours:
            x, y, width, height = cv2.boundingRect(contour)
            part = moving[y : y + height, x : x + width]
            if width * height >= BLOB_PIXELS_MIN and cv2.countNonZero(part) >= max(BLOB_PIXELS_MIN // 2, 0.02 * part.size):
                found.append((x, y, x + width, y + height))
        self._flurry.learn(found)
        found = without_light(found, grey, self._slow)
        scale = np.array([pixels.shape[1] / GATE_SIZE[0], pixels.shape[0] / GATE_SIZE[1]] * 2, np.float32)
        return np.array(found[:BOXES_MAX], np.float32).reshape(-1, 4) * scale
