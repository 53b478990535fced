"""Flames and smoke: a rule proposes, a crop classifier confirms.

The rules (fire_smoke_flames.py, fire_smoke_haze.py) say where something flickers like a flame or veils the background like smoke. A small
net that was trained on rendered scenes alone (training/fire_train.py) then looks at the place before and in three pictures. It is far from
sure of real flames, so a flame is only dropped where the net finds nothing of one; smoke is told only where the net is sure. It is asked at
most once in ASK_EVERY pictures for each place, never again after it agreed, and ASKS_MAX times for each picture. It remembers the last
pictures of one camera, so each camera has its own. Called through edge_ai/detectors/build.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge_ai.capture.gate import Motion
from edge_ai.detectors.classifier import Classifier
from edge_ai.detectors.fire_smoke_crops import PANELS, STEP, Box, reduced, strip_of
from edge_ai.detectors.fire_smoke_crops import WIDTH as CROPS_WIDTH
from edge_ai.detectors.fire_smoke_flames import PICTURES, WIDTH, FlameRule
from edge_ai.detectors.fire_smoke_ground import Ground
from edge_ai.detectors.fire_smoke_haze import SmokeRule
from edge_ai.detectors.port import AS_USUAL
from edge_ai.models.manifest import Activation, InputSpec
from edge_ai.picture import NOTHING, Detections, Floats, Pixels, overlap_matrix

FIRE, SMOKE = range(2)
NEITHER = "neither"
"""The net's third class, which is never told."""
ASK_EVERY = 5
"""Pictures between two questions about one place: a second at 5 a second."""
ASKS_MAX = 4
"""Questions about one picture; places that must wait are asked about in the next."""
SAME_PLACE = 0.2
"""Overlap from which two boxes of one class are one place."""
PLACES_MAX = 32
AGREES_MIN = (0.03, 0.9)
"""Score of the net from which it agrees, for fire and for smoke; chosen as docs/model-card.md says."""
SCORE, SCORE_GROWING = 0.7, 0.9
"""Of a fire, which has no score of its own: the net's is no measure of it."""

_SCALE = CROPS_WIDTH / WIDTH


@dataclass(slots=True)
class _Place:
    """What the net last said of one place."""

    kind: int
    box: Box
    score: float = 0.0
    """How far the net agreed when it was asked last."""
    wait: int = 0
    """Pictures until it may be asked about again."""
    unseen: int = 0
    """Pictures since a rule proposed it."""


class FireSmoke:
    """The fire and smoke family; one instance per camera."""

    def __init__(self, model: Path, classes: tuple[str, ...], *, score_min: float, overlap_max: float, look: InputSpec = AS_USUAL) -> None:
        self.classes = classes
        self._net = Classifier(
            model, (*classes, NEITHER), score_min=score_min, overlap_max=overlap_max, look=look, activation=Activation.SOFTMAX
        )
        self._begin()

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """The fire and smoke that shows in the last pictures; nothing until there are enough of one size. `motion` is not used."""
        now = reduced(pixels)
        if self._recent and self._recent[0].shape != now.shape:
            self._begin()
        self._recent.append(now)
        self._ground.learn(now, moving=self._smoke.moving, veiled=self._smoke.veiled)
        proposed = self._proposed(now)
        if not self._is_ready:
            return NOTHING
        self._grow_older()
        confirmed = [place for kind, box in proposed if (place := self._confirmed(kind, box)) is not None]
        return self._told(confirmed, pixels)

    def _begin(self) -> None:
        self._recent: deque[Pixels] = deque(maxlen=PICTURES)
        self._flames, self._smoke = FlameRule(), SmokeRule()
        self._ground, self._asked = Ground(), 0
        self._places: list[_Place] = []

    def _grow_older(self) -> None:
        """A picture more for what is known of places; the oldest are forgotten."""
        self._asked = 0
        for place in self._places:
            place.wait, place.unseen = max(0, place.wait - 1), place.unseen + 1
        self._places = [place for place in self._places if place.unseen <= ASK_EVERY][-PLACES_MAX:]

    @property
    def _is_ready(self) -> bool:
        return len(self._recent) > STEP * (PANELS - 2)

    # ---- the rule proposes

    def _proposed(self, now: Pixels) -> list[tuple[int, Box]]:
        """What the rules see, in pixels of the reduced picture."""
        size = (WIDTH, max(1, round(now.shape[0] / _SCALE)))
        small = np.asarray(cv2.resize(now, size, interpolation=cv2.INTER_AREA), np.uint8)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        ground = np.asarray(cv2.resize(self._ground.picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        flames = [(FIRE, box) for box in self._flames.proposed(small, grey)]
        smoke = [(SMOKE, box) for box in self._smoke.proposed(small, grey, ground)]
        return [(kind, (x1 * _SCALE, y1 * _SCALE, x2 * _SCALE, y2 * _SCALE)) for kind, (x1, y1, x2, y2) in (*flames, *smoke)]

    # ---- the classifier confirms

    def _confirmed(self, kind: int, box: Box) -> _Place | None:
        """The place of a proposed box when the net agrees, or did while the rule has proposed it."""
        place = next((known for known in self._places if known.kind == kind and _overlap(known.box, box) >= SAME_PLACE), None)
        if place is None:
            place = _Place(kind, box)
            self._places.append(place)
        place.box, place.unseen = box, 0
        if place.score < AGREES_MIN[kind] and place.wait == 0 and self._asked < ASKS_MAX:
            self._asked += 1
            place.score, place.wait = self._agreement(kind, box), ASK_EVERY
        return place if place.score >= AGREES_MIN[kind] else None

    def _agreement(self, kind: int, box: Box) -> float:
        """How far the net takes a place for what the rule takes it for, 0-1."""
        pictures = [self._recent[-1 - STEP * back] for back in range(PANELS - 2, -1, -1)]
        return float(self._net.scores(strip_of([self._ground.picture, *pictures], box))[kind])

    def _told(self, confirmed: list[_Place], pixels: Pixels) -> Detections:
        if not confirmed:
            return NOTHING
        scale = np.array([pixels.shape[1] / CROPS_WIDTH, pixels.shape[0] / self._recent[-1].shape[0]] * 2, np.float32)
        boxes: Floats = np.array([place.box for place in confirmed], np.float32) * scale
        fire = SCORE_GROWING if self._flames.grows else SCORE
        scores = np.array([fire if place.kind == FIRE else place.score for place in confirmed], np.float32)
        return Detections(boxes, scores, np.array([place.kind for place in confirmed], np.int64))


def _overlap(left: Box, right: Box) -> float:
    return float(overlap_matrix(np.array([left], np.float32), np.array([right], np.float32))[0, 0])
