"""What the console shows of a camera when one of its two processes is down, starts again, or the list changes."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from edge_ai.looks.capacity import Admission
from edge_ai.spec import CameraKind, CameraSpec
from edge_ai.wire.states import AnalysisRow, Refusal, StateRow
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
    assert shown.take_analysis(analysis(), NOW) is None
    [row] = shown.rows(NOW)
    assert (row["state"], row["frames"], row["analysed"], row["dropped"], row["why"]) == ("live", 9, 5, 2, "")


def test_camera_that_nobody_analyses_is_degraded_until_the_analysis_speaks_again() -> None:
    shown = board("live")
    shown.analysis_down(["c"], Down("worker-0 ended with status -9", 1.5))
    [row] = shown.rows(NOW)
    assert (row["state"], row["why"], row["retry_in_s"]) == ("degraded", "worker-0 ended with status -9", 1.5)
    shown.take_analysis(analysis(), NOW)
    assert shown.rows(NOW)[0]["state"] == "live"


def test_camera_that_nobody_reads_is_lost() -> None:
    shown = board("live")
    shown.capture_down(["c"], Down("capture-0 ended with status -9", 1.5), NOW, 8)
    [row] = shown.rows(NOW)
    assert (row["state"], row["why"], row["since_us"]) == ("lost", "capture-0 ended with status -9", 8)


def test_capture_is_told_of_a_refusal_until_it_has_stopped_reading() -> None:
    shown = board("live")
    assert shown.take_analysis(analysis(refused=True, why="no such model"), NOW) == Refusal("c", "no such model")
    for state in ("lost", "off"):
        assert board(state).take_analysis(analysis(refused=True, why="no such model"), NOW) is None


def test_a_camera_that_is_refused_for_another_reason_says_the_new_one() -> None:
    shown = board("live")
    shown.take_analysis(analysis(refused=True, why="no such model"), NOW)
    shown.take_state(msgspec.structs.replace(said(9, "lost"), why="no such model"), NOW)
    shown.take_analysis(analysis(refused=True, why="a wish of another kind"), NOW)
    [row] = shown.rows(NOW)
    assert (row["state"], row["why"]) == ("lost", "a wish of another kind")


CAMERA = CameraSpec(id="c", kind=CameraKind.RTSP, source="rtsp://x/", algorithm="motion-object")


def said(frames: int, state: str = "live", *, stalls: int = 0) -> StateRow:
    return StateRow(camera="c", state=state, since_us=7, fps=25, frames=frames, dropped=0, retry_in_s=None, why="", stalls=stalls)


def shown(made: CameraBoard) -> tuple[object, ...]:
    [row] = made.rows(NOW)
    return row["state"], row["frames"], row["stalls"], row["why"]


def test_counts_go_on_over_processes_that_were_killed_or_started_again() -> None:
    made = board("live")
    made.take_state(said(100, stalls=2), NOW)
    made.capture_down(["c"], Down("capture-0 ended with status -9", 1.5), NOW, 8)
    assert shown(made) == ("lost", 100, 2, "capture-0 ended with status -9")
    made.take_state(said(3), NOW)
    made.take_state(said(50, stalls=1), NOW)
    assert shown(made) == ("live", 150, 3, "")
    made.capture_ended(["c"], 9)
    assert shown(made) == ("connecting", 150, 3, "")
    made.take_state(said(1), NOW)
    assert shown(made) == ("live", 151, 3, "")


def test_a_camera_that_stays_keeps_what_is_known_and_one_with_another_address_is_connected_anew() -> None:
    made = board("live")
    made.change([replace(CAMERA, name="gate"), replace(CAMERA, id="new")], NOW, 8)
    assert [(row["camera"], row["name"], row["state"], row["frames"]) for row in made.rows(NOW)] == [
        ("c", "gate", "live", 9), ("new", "", "connecting", 0),
    ]  # fmt: skip
    made.change([replace(CAMERA, source="rtsp://y/")], NOW, 9)
    assert shown(made) == ("connecting", 9, 0, "")
    made.change([], NOW, 10)
    assert (made.rows(NOW), made.knows("c")) == ([], False)


def test_a_camera_that_has_room_after_all_is_no_longer_lost() -> None:
    made = board("live")
    made.change([CAMERA], NOW, 8)
    made.take_admission(Admission((), {"c": "no room"}, {}, 1.0, 0.0), 8)
    assert shown(made) == ("lost", 9, 0, "no room")
    made.change([CAMERA], NOW, 9)
    assert shown(made) == ("connecting", 9, 0, "")


def test_a_process_that_ends_after_its_camera_was_taken_out_changes_nothing() -> None:
    made = board("live")
    made.change([], NOW, 8)
    made.capture_down(["c"], Down("x", None), NOW, 8)
    made.capture_ended(["c"], 8)
    made.analysis_down(["c"], Down("x", None))
    assert made.rows(NOW) == []


def test_a_camera_that_is_tried_again_is_out_since_it_was_live_last() -> None:
    made = board("live")
    assert made.rows(NOW)[0]["out_since_us"] is None
    for state, since_us in (("lost", 10), ("connecting", 11), ("lost", 12)):
        made.take_state(StateRow(camera="c", state=state, since_us=since_us, fps=0, frames=9, dropped=0, retry_in_s=5, why="x"), NOW)
    assert (made.rows(NOW)[0]["out_since_us"], made.rows(NOW)[0]["since_us"]) == (10, 12)
    made.take_state(said(10), NOW)
    assert made.rows(NOW)[0]["out_since_us"] is None
