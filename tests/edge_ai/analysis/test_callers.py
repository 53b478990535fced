"""Inference on threads: results come back, troubles are told, a hang and a death are seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from edge_ai.algorithm import load_algorithm
from edge_ai.analysis.bell import Bell
from edge_ai.analysis.callers import INFERENCE_S_MAX, Callers, Concluded
from edge_ai.capture.gate import GateState, Motion
from edge_ai.clock import SystemClock
from edge_ai.errors import ModelError
from edge_ai.picture import NOTHING, Detections, Pixels, Shot
from edge_ai.ring.reader import Seen
from edge_ai.spec import CameraKind, CameraSpec
from sync.model import Instant

START = Instant(7)
PATIENCE_S = 20.0


class Scripted:
    """Does what it is told with each picture."""

    algorithm = load_algorithm(CameraSpec(id="c", kind=CameraKind.FILE, source="a.mp4", algorithm="motion-object"))

    def __init__(self, act: Callable[[], Detections]) -> None:
        self._act = act

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        return self._act()


def seen(camera: str) -> Seen:
    motion = Motion(GateState.MOTION, np.zeros((0, 4), np.float32), 0.1)
    return Seen(Shot(camera, np.zeros((4, 4, 3), np.uint8), START, 0, 0), motion)


@contextmanager
def calling(*acts: Callable[[], Detections], strain: float = 1.0) -> Iterator[tuple[Callers, Bell]]:
    bell = Bell.make()
    callers = Callers([{"c": Scripted(act)} for act in acts], SystemClock(), bell.ring, strain=lambda: strain)
    try:
        yield callers, bell
    finally:
        callers.stop()


def wait_concluded(callers: Callers, bell: Bell) -> Concluded:
    for _ in range(100):
        if ended := callers.concluded():
            return ended[0]
        bell.wait(PATIENCE_S)
    raise AssertionError("no inference ended")


def test_inference_comes_back_and_its_caller_is_idle_again() -> None:
    with calling(lambda: NOTHING) as (callers, bell):
        callers.start(seen("c"), START)
        concluded = wait_concluded(callers, bell)
        assert (concluded.detections, concluded.trouble, concluded.seen.shot.camera) == (NOTHING, "", "c")
        assert callers.has_idle


def test_detector_that_refuses_is_told_in_its_words() -> None:
    def refuse() -> Detections:
        raise ModelError("model x gave no numbers: import it again")

    with calling(refuse) as (callers, bell):
        callers.start(seen("c"), START)
        concluded = wait_concluded(callers, bell)
        assert concluded.detections is None
        assert concluded.trouble == "model x gave no numbers: import it again"


def test_two_callers_run_at_the_same_time() -> None:
    both = threading.Barrier(2)

    def meet() -> Detections:
        both.wait(PATIENCE_S)
        return NOTHING

    with calling(meet, meet) as (callers, bell):
        callers.start(seen("c"), START)
        callers.start(seen("c"), START)
        assert wait_concluded(callers, bell).detections is NOTHING


def test_inference_that_hangs_is_seen_after_its_deadline_and_not_before() -> None:
    go_on = threading.Event()

    def hang() -> Detections:
        go_on.wait(PATIENCE_S)
        return NOTHING

    with calling(hang) as (callers, bell):
        callers.start(seen("c"), START)
        assert not callers.has_idle
        assert callers.failed(START.plus(INFERENCE_S_MAX)) is None
        assert str(callers.failed(START.plus(INFERENCE_S_MAX + 0.1))) == "analysis of camera c did not end within 3.1 s"
        go_on.set()
        wait_concluded(callers, bell)
        assert callers.failed(START.plus(60)) is None


def test_box_under_strain_is_given_more_time() -> None:
    go_on = threading.Event()

    def hang() -> Detections:
        go_on.wait(PATIENCE_S)
        return NOTHING

    with calling(hang, strain=3.0) as (callers, bell):
        callers.start(seen("c"), START)
        assert callers.failed(START.plus(3 * INFERENCE_S_MAX)) is None
        assert "did not end" in str(callers.failed(START.plus(3 * INFERENCE_S_MAX + 0.1)))
        go_on.set()
        wait_concluded(callers, bell)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_caller_that_dies_of_a_model_is_seen() -> None:
    def crash() -> Detections:
        raise MemoryError

    with calling(crash) as (callers, _):
        callers.start(seen("c"), START)
        for caller in callers._callers:
            caller.thread.join(PATIENCE_S)
        assert "analysis of camera c broke its caller" in str(callers.failed(START))
