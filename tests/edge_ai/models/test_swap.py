"""A swap and the way back with real nets under a real pipeline: every picture has its answer, and the event that goes on stays one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.capture.gate import GateState, Motion
from edge_ai.models.hot import open_hot
from edge_ai.models.library import Library
from edge_ai.models.watch import SHADOW_FRAMES
from edge_ai.picture import Shot
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from sync.model import Instant
from tests.edge_ai.models.made import keep, seeing
from tests.edge_ai.models.test_hot import PERIOD_S, ManualClock

STILL = Motion(GateState.QUIET, np.zeros((0, 4), np.float32), 0.0)
ZONE = RuleSpec(name="zone", kind=RuleKind.ZONE, points=((0, 0), (1, 0), (1, 1), (0, 1)), frames_min=2)
CAMERA = CameraSpec(id="cam-1", kind=CameraKind.FILE, source="a.mp4", algorithm="yard", rules=(ZONE,))
PICTURES, TURN_MAX = 200, 15
"""Pictures of the whole play, and those between the shadow's end or the order to go back and the change."""


@pytest.mark.parametrize("swaps", [False, True])
def test_swap_and_way_back_cost_no_picture_and_no_event(swaps: bool, tmp_path: Path) -> None:
    library, clock = Library(tmp_path / "models"), ManualClock()
    for version, score in (("1", 0.9), ("2", 0.8)):
        keep(library, seeing(score=score), version)
    hot = open_hot(CAMERA, str(library.root), clock, cost_us=lambda: 0)
    pipeline = CameraPipeline(CAMERA, hot.algorithm, hot, nonce="n")
    pixels, answered, begun, found = np.full((64, 64, 3), 90, np.uint8), [], 0, 0
    for index in range(PICTURES):
        clock.us += round(PERIOD_S * 1e6)
        if swaps and index == 10:
            library.shadow("yard", "2", at_us=2)
        if swaps and index == 160:
            library.roll_back("yard", at_us=3, why="a person says so")
        shot = Shot("cam-1", pixels, Instant(clock.us), clock.wall_us(), 0)
        seen = hot.detect(pixels, STILL)
        messages = pipeline.begin(shot) + pipeline.conclude(shot, seen, hot.algorithm)
        begun, found = begun + len(messages), found + len(seen)
        answered.append(hot.algorithm.manifest.version)
        if hot._loading is not None:
            hot._loading.wait()
    assert (begun, found) == (1, PICTURES)
    if swaps:
        there = answered.index("2")
        back = answered.index("1", there)
        assert 10 + SHADOW_FRAMES <= there <= 10 + SHADOW_FRAMES + TURN_MAX
        assert (back - 160) * PERIOD_S <= 5.0
        assert set(answered[there:back]) == {"2"}
        assert set(answered[back:]) == {"1"}
