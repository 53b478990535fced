"""The states of a camera."""

from __future__ import annotations

from random import Random

from edge_ai.capture.backoff import Backoff
from edge_ai.capture.health import CameraState, Health, StallLimits, stall_limits
from edge_ai.reasons import plain
from edge_ai.spec import CameraKind, CameraSpec, DecodeMode
from sync.model import Instant

START = Instant(1_000_000)


def health() -> Health:
    return Health(Backoff(Random(1)), START)


def test_first_frame_makes_a_camera_live() -> None:
    camera = health()
    camera.frames(START.plus(1))
    report = camera.report(START.plus(1))
    assert (report.state, report.frames, report.since) == (CameraState.LIVE, 1, START.plus(1))


def test_stall_shows_within_ten_seconds_although_the_read_still_blocks() -> None:
    camera = health()
    camera.frames(START)
    assert camera.report(START.plus(1.9)).state is CameraState.LIVE
    assert camera.report(START.plus(2)).state is CameraState.DEGRADED
    late = camera.report(START.plus(10))
    assert (late.state, plain(late.why)) == (CameraState.LOST, "no frame for 10 s")


def test_stalled_camera_that_goes_on_is_live_again() -> None:
    camera = health()
    camera.frames(START)
    camera.report(START.plus(11))
    camera.frames(START.plus(12))
    assert camera.report(START.plus(12)).state is CameraState.LIVE


def test_failure_says_why_and_when_it_is_tried_again() -> None:
    camera = health()
    retry_at = camera.failed(START.plus(1), "no route to camera")
    report = camera.report(START.plus(1))
    assert (report.state, report.why, report.retry_at) == (CameraState.LOST, "no route to camera", retry_at)
    assert retry_at.seconds_since(START.plus(1)) >= 5


def test_refused_camera_is_lost_without_another_attempt() -> None:
    camera = health()
    camera.refused(START, "model does not fit")
    assert (camera.report(START).state, camera.report(START).retry_at) == (CameraState.LOST, None)


def test_a_camera_that_is_off_stays_so_when_nobody_can_analyse_it() -> None:
    camera = health()
    camera.ended(START, "it is switched off")
    camera.refused(START.plus(1), "model does not fit")
    report = camera.report(START.plus(1))
    assert (report.state, report.why) == (CameraState.OFF, "it is switched off")


def test_file_at_its_end_is_off() -> None:
    camera = health()
    camera.frames(START)
    camera.ended(START.plus(1), "end of file after 1 frames")
    assert camera.report(START.plus(60)).state is CameraState.OFF


def test_rate_is_of_the_last_second_or_more() -> None:
    camera = health()
    for index in range(20):
        camera.frames(START.plus(index / 10))
    assert camera.report(START.plus(2)).fps == 10.0


def test_reconnects_are_those_of_the_last_hour() -> None:
    camera = health()
    camera.connecting(START)
    for number in range(1, 4):
        camera.failed(START.plus(number * 600), "gone")
        camera.connecting(START.plus(number * 600 + 5))
    assert camera.report(START.plus(1_900)).reconnects_per_hour == 3
    assert camera.report(START.plus(600 + 5 + 3_601)).reconnects_per_hour == 2


def test_stalls_are_counted_once_each() -> None:
    camera = health()
    for second in (0, 5, 30):
        camera.frames(START.plus(second))
        for later in (2, 3, 4):
            camera.report(START.plus(second + later))
    assert camera.report(START.plus(35)).stalls == 3


def test_a_camera_is_degraded_for_a_while_after_damage() -> None:
    camera = health()
    camera.damage(START, 0)
    camera.frames(START)
    assert camera.report(START).state is CameraState.LIVE
    camera.damage(START.plus(1), 4)
    camera.frames(START.plus(1))
    report = camera.report(START.plus(1))
    assert (report.state, report.damaged) == (CameraState.DEGRADED, 4)
    camera.frames(START.plus(6.1))
    assert camera.report(START.plus(6.1)).state is CameraState.LIVE


def spec(mode: DecodeMode, kind: CameraKind = CameraKind.RTSP) -> CameraSpec:
    return CameraSpec(id="c", kind=kind, source="x", algorithm="motion-object", mode=mode, still_every_s=60)


def test_modes_that_show_pictures_rarely_have_longer_limits() -> None:
    assert stall_limits(spec(DecodeMode.FULL)) == stall_limits(spec(DecodeMode.STILL, CameraKind.FILE)) == StallLimits()
    assert stall_limits(spec(DecodeMode.KEYFRAME)).degraded_s > 10
    assert stall_limits(spec(DecodeMode.STILL)) == StallLimits(degraded_s=105, lost_s=195)
    camera = Health(Backoff(Random(1)), START, stall_limits(spec(DecodeMode.KEYFRAME)))
    camera.frames(START)
    assert camera.report(START.plus(10)).state is CameraState.LIVE


def test_a_stall_by_damage_names_both() -> None:
    camera = health()
    camera.frames(START)
    camera.damage(START.plus(9), 30)
    assert camera.report(START.plus(10)).why.startswith("no frame for 10 s; 30 pictures did not arrive whole")
