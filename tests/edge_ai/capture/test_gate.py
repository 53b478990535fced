"""The motion gate on painted pictures."""

from __future__ import annotations

import numpy as np

from edge_ai.capture.gate import CALIBRATING_FRAMES, MUTED_FRAMES, GateState, Motion, MotionGate
from edge_ai.picture import Pixels


def street(x: int | None = None, *, light: int = 90) -> Pixels:
    pixels = np.full((360, 640, 3), light, np.uint8)
    if x is not None:
        pixels[200:280, x : x + 60] = 220
    return pixels


def calibrated() -> MotionGate:
    gate = MotionGate()
    for _ in range(CALIBRATING_FRAMES):
        assert gate.look(street()).state is GateState.CALIBRATING
    return gate


def test_still_picture_is_quiet() -> None:
    motion = calibrated().look(street())
    assert (motion.state, motion.share, len(motion.boxes), motion.priority) == (GateState.QUIET, 0.0, 0, 0.0)


def test_moving_thing_gets_a_box_where_it_is() -> None:
    gate = calibrated()
    motion: Motion | None = None
    for x in range(100, 300, 20):
        motion = gate.look(street(x))
    assert motion is not None
    assert motion.state is GateState.MOTION
    x1, y1, x2, y2 = motion.boxes[0]
    assert x1 <= 285
    assert x2 >= 335
    assert abs(y1 - 200) < 15
    assert abs(y2 - 280) < 15


def test_light_that_changes_everywhere_is_a_storm_and_not_motion() -> None:
    gate = calibrated()
    assert gate.look(street(light=180)).state is GateState.STORM
    assert [gate.look(street(light=180)).state for _ in range(MUTED_FRAMES)] == [GateState.MUTED] * MUTED_FRAMES
    assert gate.look(street(light=180)).state is GateState.QUIET
    assert gate.storms == 1


def test_storm_that_passes_leaves_the_place_as_it_was() -> None:
    gate = calibrated()
    assert gate.look(street(light=180)).state is GateState.STORM
    assert gate.look(street(light=180)).state is GateState.MUTED
    assert gate.look(street()).state is not GateState.MOTION
    walked = [gate.look(street(x)) for x in range(100, 260, 20)][-1]
    assert walked.state is GateState.MOTION
    assert len(walked.boxes) == 1
    assert gate.storms == 2, "on, and off"


def test_grey_first_frame_after_a_reconnection_makes_no_motion() -> None:
    gate = calibrated()
    gate.reconnected()
    states = {gate.look(street(light=128 if index == 0 else 90)).state for index in range(MUTED_FRAMES)}
    assert states == {GateState.MUTED}
    assert gate.look(street()).state is GateState.QUIET


def test_picture_may_change_its_size_in_mid_stream() -> None:
    gate = calibrated()
    small = np.full((180, 320, 3), 90, np.uint8)
    assert gate.look(small).state is GateState.QUIET
