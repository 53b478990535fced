"""The reading of one camera: scripted sources, and real files that are damaged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import pytest

from edge_ai.capture import CameraCapture
from edge_ai.clock import SystemClock
from edge_ai.errors import SourceError
from edge_ai.health import CameraState, HealthReport
from edge_ai.mailbox import Mailbox
from edge_ai.picture import Pixels
from edge_ai.source import FrameSource, open_source
from edge_ai.spec import CameraKind, CameraSpec
from simulations.devices.street_clip import write_street_clip
from tests.edge_ai.replay import DATA, needs_data

PATIENCE_S = 20.0


class Scripted:
    """Gives so many frames, then ends; says when it was closed."""

    def __init__(self, frames: int) -> None:
        self.fps = 200.0
        self.closed = threading.Event()
        self._left = frames

    def skip(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def read(self) -> Pixels | None:
        return np.zeros((8, 8, 3), np.uint8) if self.skip() else None

    def ending(self) -> str:
        return ""

    def close(self) -> None:
        self.closed.set()


def camera(**changes: object) -> CameraSpec:
    values: dict[str, object] = {"id": "c", "kind": CameraKind.FILE, "source": "a.mp4", "algorithm": "motion-object", "analysed_fps": 60}
    return CameraSpec(**(values | changes))  # type: ignore[arg-type]


@contextmanager
def reading(spec: CameraSpec, open_camera: Callable[[CameraSpec], FrameSource] = open_source) -> Iterator[tuple[CameraCapture, Mailbox]]:
    box = Mailbox()
    capture = CameraCapture(spec, box, SystemClock(), Random(1), open_camera)
    capture.start()
    try:
        yield capture, box
    finally:
        capture.stop()


def wait_report(capture: CameraCapture, holds: Callable[[HealthReport], bool]) -> HealthReport:
    pause, tries = threading.Event(), round(PATIENCE_S / 0.02)
    for _ in range(tries):
        if holds(report := capture.report()):
            return report
        pause.wait(0.02)
    raise AssertionError(f"camera stayed {capture.report()}")


def test_file_that_ends_is_off_and_closed() -> None:
    source = Scripted(5)
    with reading(camera(), lambda _: source) as (capture, _):
        report = wait_report(capture, lambda report: report.state is CameraState.OFF)
    assert (report.frames, report.why) == (5, "end of file after 5 frames")
    assert source.closed.is_set()


def test_live_camera_that_ends_is_lost_and_tried_again_later() -> None:
    with reading(camera(kind=CameraKind.RTSP, source="rtsp://x"), lambda _: Scripted(5)) as (capture, _):
        report = wait_report(capture, lambda report: report.state is CameraState.LOST)
    assert "gave no more pictures after 5 frames" in report.why
    assert report.retry_at is not None


def test_looped_file_begins_again_as_a_new_generation() -> None:
    with reading(camera(loop=True), lambda _: Scripted(3)) as (capture, box):
        wait_report(capture, lambda report: report.frames > 9)
        shot = box.take(PATIENCE_S)
    assert shot is not None
    assert shot.generation >= 1


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "street.avi"
    write_street_clip(path, seed=3, seconds=3, fps=30)
    return path


def frames_of(path: Path) -> tuple[int, str]:
    source = open_source(camera(source=str(path)))
    try:
        count = 0
        while source.read() is not None:
            count += 1
        return count, source.ending()
    finally:
        source.close()


def test_whole_clip_gives_all_its_frames(clip: Path) -> None:
    assert frames_of(clip) == (90, "")


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_damaged_video_is_named_as_damaged(damage: str, tmp_path: Path) -> None:
    whole = (DATA / "video" / "vtest_pets2009_480x360.avi").read_bytes()
    path, rng = tmp_path / "damaged.avi", Random(5)
    broken = bytearray(whole[: len(whole) // 2] if damage == "cut" else whole)
    if damage == "flipped":
        for _ in range(len(broken) // 300):
            broken[rng.randrange(10_000, len(broken))] ^= 0xFF
    path.write_bytes(broken)
    frames, words = frames_of(path)
    assert frames < 795
    assert "damaged.avi is damaged" in words


@pytest.mark.parametrize(("content", "words"), [(b"", "is empty"), (b"no video at all" * 100, "does not open as file")])
def test_file_that_is_no_video_is_refused_in_words(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words):
        open_source(camera(source=str(path)))


def test_missing_file_and_folder_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        open_source(camera(source=str(tmp_path / "gone.mp4")))
    with pytest.raises(SourceError, match="is a folder"):
        open_source(camera(source=str(tmp_path)))


def test_password_of_an_address_is_never_shown() -> None:
    with pytest.raises(SourceError) as caught:
        open_source(camera(kind=CameraKind.RTSP, source="rtsp://admin:hunter2@127.0.0.1:9/stream"))
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1:9/stream" in str(caught.value)
