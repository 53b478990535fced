"""The reading of one camera: scripted sources, and real files that are damaged."""

from __future__ import annotations

import socket
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import pytest

from edge_ai.capture.camera import CameraCapture
from edge_ai.capture.health import CameraState, HealthReport
from edge_ai.clock import SystemClock
from edge_ai.errors import SourceError
from edge_ai.picture import Pixels, Shot
from edge_ai.reasons import plain
from edge_ai.sources.budget import OpenBudget
from edge_ai.sources.opening import open_source
from edge_ai.sources.port import FrameSource
from edge_ai.spec import CameraKind, CameraSpec, DecodeMode
from simulations.devices.street_clip import write_street_clip
from sync.model import Instant
from tests.edge_ai.mailbox import Mailbox
from tests.edge_ai.replay import DATA, needs_data

PATIENCE_S = 20.0


class Scripted:
    """Gives so many frames, then ends; says when it was closed."""

    def __init__(self, frames: int) -> None:
        self.fps = 200.0
        self.codec, self.restarts, self.damaged, self.packets = "", 0, 0, None
        self.closed = threading.Event()
        self._left = frames

    def skip(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def read(self, room: Pixels | None = None) -> Pixels | None:
        return np.zeros((8, 8, 3), np.uint8) if self.skip() else None

    def ending(self) -> None:
        pass

    def interrupt(self) -> None:
        self._left = 0

    def close(self) -> None:
        self.closed.set()


class Calling:
    """A sink that keeps everything."""

    def __init__(self, put: Callable[[Shot], None], rooms: Iterable[Pixels] = ()) -> None:
        self.put = put
        self._rooms = iter(rooms)

    def room(self, camera: str) -> Pixels | None:
        return next(self._rooms, None)


def camera(**changes: object) -> CameraSpec:
    values: dict[str, object] = {"id": "c", "kind": CameraKind.FILE, "source": "a.mp4", "algorithm": "motion-object", "analysed_fps": 60}
    return CameraSpec(**(values | changes))  # type: ignore[arg-type]


@contextmanager
def reading(
    spec: CameraSpec, open_camera: Callable[[CameraSpec], FrameSource] = open_source, *, sink: Callable[[Shot], None] | None = None
) -> Iterator[tuple[CameraCapture, Mailbox]]:
    box = Mailbox()
    capture = CameraCapture(spec, box if sink is None else Calling(sink), SystemClock(), Random(1), open_camera)
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
    assert (report.frames, plain(report.why)) == (5, "end of file after 5 frames")
    assert source.closed.is_set()


class Recording(Scripted):
    """Remembers which frames were read; the others were passed over."""

    def __init__(self, frames: int, fps: float) -> None:
        super().__init__(frames)
        self.fps = fps
        self._frames = frames
        self.was_read: list[int] = []

    def read(self, room: Pixels | None = None) -> Pixels | None:
        if not self.skip():
            return None
        self.was_read.append(self._frames - self._left - 1)
        return np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("fps", "analysed_fps", "was_read"),
    [(1_000.0, 60.0, [0, 17, 34]), (50.0, 60.0, list(range(12))), (300.0, 60.0, list(range(0, 40, 5))), (240.0, 0.1, [0])],
)
def test_of_a_clip_one_frame_of_each_period_is_read_and_every_frame_counted(fps: float, analysed_fps: float, was_read: list[int]) -> None:
    frames = {1_000.0: 50, 50.0: 12, 300.0: 40, 240.0: 150}[fps]
    source = Recording(frames, fps)
    with reading(camera(analysed_fps=analysed_fps), lambda _: source) as (capture, _):
        report = wait_report(capture, lambda report: report.state is CameraState.OFF)
    assert source.was_read == was_read
    assert report.frames == frames


def test_frames_of_a_clip_are_passed_over_together_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    source = Recording(51, 1_000.0)
    capture = CameraCapture(camera(analysed_fps=60), Mailbox(), SystemClock(), Random(1), lambda _: source)
    wait = capture._stop.wait

    def waited(seconds: float | None = None) -> bool:
        pauses.append(seconds or 0.0)
        return wait(seconds)

    monkeypatch.setattr(capture._stop, "wait", waited)
    capture.start()
    report = wait_report(capture, lambda report: report.state is CameraState.OFF)
    capture.stop()
    assert report.frames == 51
    assert len(pauses) == 5, "one pause for each frame that is read, and one for the rest"
    assert max(pauses) <= 0.018


def test_live_camera_that_ends_is_lost_and_tried_again_later() -> None:
    with reading(camera(kind=CameraKind.RTSP, source="rtsp://x"), lambda _: Scripted(5)) as (capture, _):
        report = wait_report(capture, lambda report: report.state is CameraState.LOST)
    assert "gave no more pictures after 5 frames" in report.why
    assert report.retry_at is not None


def test_a_fault_of_the_program_is_told_without_its_words_and_the_camera_tried_again() -> None:
    """What an error of a library says may hold an address with its password; where it was raised does not."""

    def broken(spec: CameraSpec) -> FrameSource:
        raise ValueError("rtsp://admin:hunter2@h/")

    with reading(camera(kind=CameraKind.RTSP, source="rtsp://x"), broken) as (capture, _):
        report = wait_report(capture, lambda report: report.state is CameraState.LOST)
    assert plain(report.why).startswith("reading camera c failed by a fault of the program (ValueError in test_camera.py:")
    assert "hunter2" not in report.why
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
        return count, str(source.ending() or "")
    finally:
        source.close()


def test_whole_clip_gives_all_its_frames(clip: Path) -> None:
    assert frames_of(clip) == (90, "")


def test_pictures_of_a_clip_are_made_where_the_sink_gives_room(clip: Path) -> None:
    source = open_source(camera(source=str(clip)))
    first, second = (source.read() for _ in range(2))
    source.close()
    assert first is not None
    assert second is not None
    rooms, shots = [np.zeros_like(first), np.zeros((2, 2, 3), np.uint8)], list[Shot]()
    capture = CameraCapture(camera(source=str(clip)), Calling(shots.append, rooms), SystemClock(), Random(1), open_source)
    capture.start()
    wait_report(capture, lambda report: report.state is CameraState.OFF)
    capture.stop()
    assert shots[0].pixels is rooms[0]
    assert np.array_equal(rooms[0], first)
    assert np.array_equal(shots[1].pixels, second)
    assert not rooms[1].any()


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


@pytest.mark.parametrize(("content", "words"), [(b"", "is empty"), (b"no video at all" * 100, "does not open as a video")])
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


class Opener:
    """Opens scripted sources and remembers when."""

    def __init__(self, *sources: FrameSource) -> None:
        self.sources = list(sources)
        self.opened = 0

    def __call__(self, _: CameraSpec) -> FrameSource:
        self.opened += 1
        if not self.sources:
            raise SourceError("no more sources")
        return self.sources.pop(0)


def live(**changes: object) -> CameraSpec:
    return camera(kind=CameraKind.RTSP, source="rtsp://x", **changes)


def test_a_camera_that_is_switched_off_is_never_opened() -> None:
    opener = Opener()
    with reading(live(mode=DecodeMode.OFF), opener) as (capture, _):
        assert (capture.report().state, plain(capture.report().why)) == (CameraState.OFF, "switched off")
    assert opener.opened == 0


class Resizing(Scripted):
    """The second picture has another size; pictures come slowly enough to be all wanted."""

    def read(self, room: Pixels | None = None) -> Pixels | None:
        threading.Event().wait(0.03)
        if not self.skip():
            return None
        self.restarts += self._left == 1
        return np.zeros((8, 8 + self.restarts, 3), np.uint8)


def test_another_size_in_mid_stream_is_another_generation() -> None:
    shots: list[Shot] = []
    with reading(live(), Opener(Resizing(3)), sink=shots.append) as (capture, _):
        wait_report(capture, lambda report: report.state is CameraState.LOST)
    assert [(shot.pixels.shape[1], shot.generation) for shot in shots] == [(8, 0), (9, 1), (9, 1)]


def test_stills_are_one_picture_of_each_connection_and_one_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_ai.spec.STILL_EVERY_S_MIN", 0.01)
    sources = [Scripted(50) for _ in range(3)]
    shots: list[Shot] = []
    with reading(live(mode=DecodeMode.STILL, still_every_s=0.05), Opener(*sources), sink=shots.append) as (capture, _):
        wait_report(capture, lambda report: report.frames == 3)
    assert [shot.generation for shot in shots] == [0, 0, 0]
    assert all(source.closed.is_set() for source in sources)


class Blocking(Scripted):
    """Gives nothing until it is interrupted."""

    def __init__(self) -> None:
        super().__init__(0)
        self.interrupted = threading.Event()

    def read(self, room: Pixels | None = None) -> Pixels | None:
        self.interrupted.wait(PATIENCE_S)
        raise SourceError("interrupted")

    def interrupt(self) -> None:
        self.interrupted.set()


def test_a_camera_that_stalls_disturbs_no_other_and_does_not_delay_the_end() -> None:
    stalled, box = Blocking(), Mailbox()
    opens = OpenBudget(1_000)
    first = CameraCapture(live(id="stalled"), box, SystemClock(), Random(1), lambda _: stalled, opens)
    second = CameraCapture(live(id="well"), box, SystemClock(), Random(2), lambda _: Scripted(1_000_000), opens)
    first.start()
    second.start()
    assert wait_report(second, lambda report: report.frames > 50).state is CameraState.LIVE
    assert first.report().state is CameraState.CONNECTING
    second.stop()
    first.stop()
    assert stalled.interrupted.is_set()
    assert stalled.closed.is_set()


class Asked(OpenBudget):
    """Notes when a place was asked for; everybody gets one at once."""

    def __init__(self, events: list[str]) -> None:
        super().__init__()
        self._events = events

    def wait_s(self, now: Instant) -> float:
        self._events.append("asked")
        return 0.0


@pytest.mark.parametrize(("kind", "events"), [(CameraKind.RTSP, ["asked", "opened"]), (CameraKind.FILE, ["opened"])])
def test_a_camera_is_opened_only_after_it_has_asked_for_its_place(kind: CameraKind, events: list[str]) -> None:
    happened: list[str] = []
    opened = threading.Event()

    def open_camera(_: CameraSpec) -> FrameSource:
        happened.append("opened")
        opened.set()
        raise SourceError("nobody there")

    capture = CameraCapture(camera(kind=kind, source="rtsp://h/"), Mailbox(), SystemClock(), Random(1), open_camera, Asked(happened))
    capture.start()
    assert opened.wait(PATIENCE_S)
    capture.stop()
    assert happened == events


def test_a_flapping_camera_is_tried_again_after_five_seconds_at_least() -> None:
    opener = Opener(Scripted(3))
    with reading(live(), opener) as (capture, _):
        report = wait_report(capture, lambda report: report.state is CameraState.LOST)
        assert report.retry_at is not None
        assert report.retry_at.seconds_since(report.since) >= 5
    assert opener.opened == 1


def test_a_lost_camera_keeps_nothing_of_its_connection_while_it_waits() -> None:
    opened: list[weakref.ref[Scripted]] = []

    def opener(_: CameraSpec) -> Scripted:
        source = Scripted(3)
        opened.append(weakref.ref(source))
        return source

    with reading(live(), opener) as (capture, _):
        wait_report(capture, lambda report: report.state is CameraState.LOST)
        assert [source() for source in opened] == [None], "its last seconds are megabytes"


def test_damage_shows_in_the_state_and_is_counted() -> None:
    class Damaged(Scripted):
        def skip(self) -> bool:
            self.damaged = 7
            return super().skip()

    with reading(live(), Opener(Damaged(1_000_000))) as (capture, _):
        report = wait_report(capture, lambda report: report.frames > 5)
    assert (report.state, report.damaged) == (CameraState.DEGRADED, 7)
    assert "7 pictures did not arrive whole or in time" in report.why


def test_a_playlist_that_names_a_network_address_opens_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for name, text in {
            "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
            "a.sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
            "a.ffconcat": f"ffconcat version 1.0\nfile http://127.0.0.1:{port}/a.ts\n",
        }.items():
            (tmp_path / name).write_text(text)
            with pytest.raises(SourceError, match="does not open as a video"):
                open_source(camera(source=str(tmp_path / name)))
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("device", ["/dev/video999", "/etc/passwd", "rtsp://h/x", "/dev/video0/../../etc/passwd"])
def test_what_is_no_camera_device_is_refused(device: str) -> None:
    with pytest.raises(SourceError, match="camera c: "):
        open_source(camera(kind=CameraKind.V4L2, source=device))
