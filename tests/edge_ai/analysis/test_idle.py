"""What an analysis process does in an hour without a picture (EDGE_AI failure 18): turns are counted, not timed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_ai.algorithm import Algorithm
from edge_ai.analysis import worker
from edge_ai.analysis.bell import Bell
from edge_ai.analysis.worker import AnalysisWorker
from edge_ai.capture.gate import Motion
from edge_ai.picture import Detections, Pixels
from edge_ai.spec import CameraKind, CameraSpec, RingSpec, WorkerSpec
from tests.edge_ai.silence import HOUR_S, SilentOutlet, WaitingClock

TURNS_AN_HOUR, REPORTS_AN_HOUR, USAGES_AN_HOUR = 14_400, 3_600, 60
PART = 1 / 20
"""Of an hour: nothing comes more seldom."""


class NeverAsked:
    classes = ("vehicle",)

    def detect(self, _pixels: Pixels, _motion: Motion) -> Detections:
        raise AssertionError("there is nothing to look at")


def never_asked(_: Algorithm) -> NeverAsked:
    return NeverAsked()


def test_an_analysis_without_pictures_wakes_four_times_a_second_and_looks_at_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, bell = WaitingClock(), Bell.make()
    outlet = SilentOutlet(clock, HOUR_S * PART)
    monkeypatch.setattr(worker, "Outlet", lambda *_: outlet)
    camera = CameraSpec(id="c", kind=CameraKind.RTSP, source="", algorithm="motion-object", analysed_fps=5)
    spec = WorkerSpec(
        worker="w", endpoint="ipc://none", spool_dir=str(tmp_path / "w.spool"), nonce="n", cameras=(camera,), parent_pid=os.getppid(),
        bell=bell.handle, ledger=str(tmp_path / "w.ledger"), rings=(RingSpec(path=str(tmp_path / "c.ring"), cameras=("c",)),), callers=2,
    )  # fmt: skip
    process = AnalysisWorker(spec, clock, never_asked)
    assert process.run() == 0
    bell.close()
    assert outlet.waits <= TURNS_AN_HOUR * PART
    assert outlet.sent <= (REPORTS_AN_HOUR + USAGES_AN_HOUR) * PART + 1
