"""New things that stand still, on rendered scenes with known truth."""

from __future__ import annotations

import numpy as np
import pytest

from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.still_object import LEARNING, StillObject
from edge_ai.picture import Pixels
from edge_ai.presets import preset_named
from edge_ai.rule_spec import RuleSpec
from edge_ai.rules import Begun, Ended, Rule
from edge_ai.tracking.tracker import Tracker
from sync.model import Instant

MOTION = Motion(GateState.MOTION, np.zeros((0, 4), np.float32), 0.1)
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
WIDTH, HEIGHT = 320, 180
STEP_S = 0.5
HEAP = (150, 120, 180, 140)
_RNG = np.random.default_rng(1)
EMPTY = _RNG.integers(70, 130, (HEIGHT, WIDTH, 1)).repeat(3, axis=2).astype(np.float32)
NOISE = _RNG.normal(0, 3, (2 * HEIGHT, 2 * WIDTH, 3)).astype(np.float32)


def yard(seed: int, *, heap: bool, walker: int | None = None, light: float = 1.0) -> Pixels:
    picture = EMPTY * np.float32(light)
    if heap:
        x1, y1, x2, y2 = HEAP
        picture[y1:y2, x1:x2] = (60, 160, 200)
    if walker is not None:
        picture[75:125, walker : walker + 15] = 30
    row, column = seed * 37 % HEIGHT, seed * 61 % WIDTH
    picture += NOISE[row : row + HEIGHT, column : column + WIDTH]
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


@pytest.mark.slow
def test_heap_is_found_where_it_was_left_and_a_walker_is_not() -> None:
    detector = StillObject()
    for seed in range(LEARNING):
        assert len(detector.detect(yard(seed, heap=False), MOTION)) == 0
    walked = [len(detector.detect(yard(100 + step, heap=False, walker=10 + 6 * step), MOTION)) for step in range(45)]
    assert sum(walked) == 0
    left = [detector.detect(yard(200 + step, heap=True), MOTION) for step in range(40)]
    assert len(left[-1]) == 1
    x1, y1, x2, y2 = left[-1].boxes[0]
    assert abs(x1 - HEAP[0]) <= 4
    assert abs(y1 - HEAP[1]) <= 4
    assert abs(x2 - HEAP[2]) <= 4
    assert abs(y2 - HEAP[3]) <= 4


def test_light_that_changes_everywhere_leaves_nothing() -> None:
    detector = StillObject()
    for seed in range(LEARNING + 5):
        detector.detect(yard(seed, heap=False), MOTION)
    assert sum(len(detector.detect(yard(step, heap=False, light=1.6), MOTION)) for step in range(40)) == 0


@pytest.mark.slow
def test_spilt_heap_is_one_event_that_ends_after_it_was_cleared() -> None:
    preset = preset_named("left-object")
    detector, tracker = StillObject(), Tracker(score_high=0.45)
    values = preset.rule | {"dwell_s": 10.0}
    rule = Rule(RuleSpec(name="heap", kind=preset.kind, points=WHOLE, **values), detector.classes)  # type: ignore[arg-type]
    told = []
    for step in range(260):
        heap = 40 <= step < 100
        seen = detector.detect(yard(step, heap=heap), MOTION)
        now = Instant(0).plus(step * STEP_S)
        outcomes = rule.update(tracker.update(seen, STEP_S), tracker.alive, (WIDTH, HEIGHT), now)
        told += [(step, type(each)) for each in outcomes]
    assert [kind for _, kind in told] == [Begun, Ended]
    begun, ended = (step for step, _ in told)
    assert 60 <= begun <= 85, "ten seconds after the heap has become still"
    assert ended > 100
