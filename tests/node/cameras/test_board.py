"""What the console shows of a camera when one of its two processes is down."""

from __future__ import annotations

from edge_ai.spec import CameraKind, CameraSpec
from edge_ai.wire import AnalysisRow, Refusal, StateRow
from node.cameras.board import CameraBoard, Down
from sync.model import Instant

NOW = Instant(1_000_000)


def board(state: str) -> CameraBoard:
    made = CameraBoard([CameraSpec(id="c", kind=CameraKind.RTSP, source="rtsp://x/", algorithm="motion-object")], NOW, 7)
    made.take_state(StateRow(camera="c", state=state, since_us=7, fps=25, frames=9, dropped=0, retry_in_s=None, why=""), NOW)
    return made


def analysis(*, refused: bool = False, why: str = "") -> AnalysisRow:
    return AnalysisRow(camera="c", analysed=5, lost=2, age_ms=20, refused=refused, why=why)


def test_both_processes_make_one_row() -> None:
    shown = board("live")
    assert shown.take_analysis(analysis()) is None
    [row] = shown.rows(NOW)
    assert (row["state"], row["frames"], row["analysed"], row["dropped"], row["why"]) == ("live", 9, 5, 2, "")


def test_camera_that_nobody_analyses_is_degraded_until_the_analysis_speaks_again() -> None:
    shown = board("live")
    shown.analysis_down(["c"], Down("worker-0 ended with status -9", 1.5))
    [row] = shown.rows(NOW)
    assert (row["state"], row["why"], row["retry_in_s"]) == ("degraded", "worker-0 ended with status -9", 1.5)
    shown.take_analysis(analysis())
    assert shown.rows(NOW)[0]["state"] == "live"


def test_camera_that_nobody_reads_is_lost() -> None:
    shown = board("live")
    shown.capture_down(["c"], Down("capture-0 ended with status -9", 1.5), NOW, 8)
    [row] = shown.rows(NOW)
    assert (row["state"], row["why"], row["since_us"]) == ("lost", "capture-0 ended with status -9", 8)


def test_capture_is_told_of_a_refusal_until_it_has_stopped_reading() -> None:
    shown = board("live")
    assert shown.take_analysis(analysis(refused=True, why="no such model")) == Refusal("c", "no such model")
    assert board("lost").take_analysis(analysis(refused=True, why="no such model")) is None
