"""What a capture process does in an hour in which nothing happens (EDGE_AI failure 18): turns are counted, not timed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from edge_ai.analysis.bell import Bell
from edge_ai.capture import worker
from edge_ai.capture.camera import CameraCapture
from edge_ai.capture.worker import CaptureWorker
from edge_ai.errors import SourceError
from edge_ai.sources.port import FrameSource
from edge_ai.spec import CameraKind, CameraSpec, CaptureSpec, DecodeMode
from tests.edge_ai.mailbox import Mailbox
from tests.edge_ai.silence import HOUR_S, SilentOutlet, WaitingClock

TURNS_AN_HOUR, REPORTS_AN_HOUR, GIVEN_BACK_AN_HOUR = 7_200, 3_600, 1_800
PART = 1 / 12
"""Of an hour: nothing comes more seldom."""
ATTEMPTS_AN_HOUR = 720
"""At five seconds each, the shortest wait."""


def camera(mode: DecodeMode) -> CameraSpec:
    return CameraSpec(id="c", kind=CameraKind.RTSP, source="rtsp://127.0.0.1:9/x", algorithm="motion-object", analysed_fps=5, mode=mode)


@pytest.fixture
def bell() -> Iterator[Bell]:
    made = Bell.make()
    yield made
    made.close()


def test_a_process_whose_camera_is_off_wakes_twice_a_second_and_reads_nothing(
    bell: Bell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, given_back = WaitingClock(), list[None]()
    outlet = SilentOutlet(clock, HOUR_S * PART)
    monkeypatch.setattr(worker, "Outlet", lambda *_: outlet)
    monkeypatch.setattr(worker, "give_back", lambda: given_back.append(None))
    spec = CaptureSpec(
        worker="c", endpoint="ipc://none", ring=str(tmp_path / "c.ring"), bell=bell.handle, seed=1, parent_pid=os.getppid(),
        cameras=(camera(DecodeMode.OFF),),
    )  # fmt: skip
    threads = threading.active_count()
    process = CaptureWorker(spec, clock)
    assert process.run() == 0
    assert outlet.waits <= TURNS_AN_HOUR * PART
    assert outlet.sent <= REPORTS_AN_HOUR * PART + 1
    assert len(given_back) <= GIVEN_BACK_AN_HOUR * PART + 1
    assert threading.active_count() == threads, "a camera that is off has no thread"


def test_a_camera_that_is_away_wakes_its_thread_for_attempts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, attempts, waits = WaitingClock(), list[None](), list[float]()

    def opener(_: CameraSpec) -> FrameSource:
        attempts.append(None)
        raise SourceError("no connection to it")

    capture = CameraCapture(camera(DecodeMode.FULL), Mailbox(), clock, Random(1), opener)

    def waited(seconds: float) -> bool:
        waits.append(seconds)
        clock.wait(seconds)
        if clock.us > HOUR_S * 1e6:
            capture._stop.set()
        return capture._stop.is_set()

    monkeypatch.setattr(capture._stop, "wait", waited)
    capture.start()
    capture._thread.join(10)
    assert 60 <= len(attempts) <= ATTEMPTS_AN_HOUR
    assert len(waits) <= 2 * len(attempts) + 1, "one for its place in the queue of openings, one until the next attempt"
