"""Live cameras: simulated ones on loopback, with what goes wrong in the street (EDGE_AI b: 1, 9, 10, 11, 19)."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from edge_ai.clock import SystemClock
from edge_ai.errors import SourceError
from edge_ai.sources import live
from edge_ai.sources.opening import open_source
from edge_ai.sources.port import FrameSource
from edge_ai.sources.rtsp import client
from edge_ai.spec import DecodeMode
from simulations.devices.rtsp_camera import CameraFault
from simulations.devices.rtsp_clip import Clip
from sync.model import Instant
from tests.edge_ai.sources.serving import camera_spec, marks, opened, playing, stream, take, wait_until, watched

SMALL = "small.h264"
SECRET = "s3cr&t@/pw"


def clean(name: str = SMALL) -> list[bytes]:
    """What tells the pictures of an undamaged stream apart, in order."""
    with watched(stream(name)) as source:
        return marks(take(source, 30))


@pytest.mark.parametrize("name", ["small.h264", "bframes.h264", "small.h265"])
def test_pictures_come_in_order_and_again(name: str) -> None:
    with watched(stream(name)) as source:
        seen = marks(take(source, 60))
        assert source.codec == name[-4:]
    assert len(set(seen[:30])) == 30
    assert seen[30:] == seen[:30]


@pytest.mark.parametrize("name", ["small.h264", "bframes.h264", "small.h265"])
def test_keyframe_mode_decodes_key_pictures_only(name: str) -> None:
    whole = clean(name)
    with watched(stream(name), mode=DecodeMode.KEYFRAME) as source:
        seen = marks(take(source, 6))
        assert source.packets is not None
        clip = source.packets.keep_clip()
    assert seen[:3] == [whole[0], whole[10], whole[20]]
    assert seen[3:] == seen[:3]
    assert clip is not None
    assert len(clip.packets) >= 40, "the ring keeps what is not decoded, too"


def test_passing_over_a_picture_is_as_good_as_reading_it() -> None:
    whole = clean()
    with watched(stream(SMALL)) as source:
        assert all(source.skip() for _ in range(10))
        assert marks(take(source, 1)) == [whole[10]]


@pytest.mark.parametrize("name", ["small.h264", "bframes.h264", "small.h265"])
def test_one_picture_in_five_is_the_same_as_when_all_are_read(name: str) -> None:
    whole, seen = clean(name), list[bytes]()
    with watched(stream(name)) as source:
        for _ in range(6):
            assert all(source.skip() for _ in range(4))
            seen += marks(take(source, 1))
    assert seen == whole[4::5]


def test_pictures_passed_over_for_long_are_decoded_before_they_pile_up() -> None:
    whole = clean()
    with watched(stream(SMALL)) as source:
        assert all(source.skip() for _ in range(2 * live.PASSED_MAX + 1))
        assert isinstance(source, live.LiveSource)
        assert len(source._ready) <= live.PASSED_MAX
        assert marks(take(source, 1)) == [whole[(2 * live.PASSED_MAX + 1) % 30]]


def test_a_camera_that_falls_silent_is_seen_while_pictures_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "READ_S", 0.2)
    with watched(stream(SMALL), fault=CameraFault.STALL, after_s=0.1) as source:
        take(source, 1)
        with pytest.raises(SourceError, match="silent"):
            all(source.skip() for _ in range(1_000))


@pytest.mark.parametrize("fault", [CameraFault.LOSS, CameraFault.CORRUPT])
def test_after_damage_nothing_torn_is_shown(fault: CameraFault) -> None:
    whole = set(clean())
    with watched(stream(SMALL), fault=fault, share=0.06, seed=4) as source:
        seen = marks(take(source, 120))
        assert source.damaged > 0
    assert set(seen) <= whole


def test_joining_in_the_middle_of_a_group_is_clean() -> None:
    clip = stream(SMALL)
    late = Clip(clip.codec, clip.fps, (), clip.pictures[4:] + clip.pictures[:4], frozenset({0, 6, 16, 26}))
    whole = clean()
    with watched(late) as source:
        assert marks(take(source, 20)) == whole[10:]
        assert source.damaged == 6


def test_another_size_is_a_restart_and_no_picture_is_torn() -> None:
    shapes = {0: (120, 160, 3), 1: (80, 96, 3)}
    with watched(stream(SMALL), stream("other.h264"), fault=CameraFault.RESIZE, after_s=0.15) as source:
        room = None
        while source.restarts < 2:
            picture = source.read(room)
            assert picture is not None
            assert picture.shape == shapes[source.restarts % 2]
            assert room is None or (picture is room) == (picture.shape == room.shape)
            room = picture
        assert source.packets is not None
        clip = source.packets.keep_clip()
    assert clip is None or clip.format.width == 160


def test_a_clock_that_jumps_an_hour_changes_nothing() -> None:
    whole = clean()
    with watched(stream(SMALL), fault=CameraFault.JUMP, after_s=0.1) as source:
        assert marks(take(source, 90)) == whole * 3
        assert source.packets is not None
        clip = source.packets.keep_clip()
    assert clip is not None
    assert all(before.at <= after.at for before, after in pairwise(clip.packets))
    assert 0 <= SystemClock().now().seconds_since(clip.packets[-1].at) < 3_600
    assert max(abs(before.rtp_time - after.rtp_time) for before, after in pairwise(clip.packets)) > 90_000 * 3_000


def test_a_silent_camera_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "OPEN_S", 0.2)
    with pytest.raises(SourceError, match="it is silent"), watched(stream(SMALL), fault=CameraFault.SILENT):
        pass


def test_the_limits_are_those_that_people_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    left, waits = client.RtspClient._left, list[float]()

    def noted(self: client.RtspClient, deadline: Instant) -> float:
        waits.append(left(self, deadline))
        return waits[-1]

    monkeypatch.setattr(client.RtspClient, "_left", noted)
    with watched(stream(SMALL)) as source:
        opening = max(waits)
        waits.clear()
        take(source, 30)
        reading = max(waits)
    assert 4.0 < opening <= 5.0
    assert 9.0 < reading <= 10.0


def test_a_stall_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "READ_S", 0.2)
    with watched(stream(SMALL), fault=CameraFault.STALL, after_s=0.1) as source, pytest.raises(SourceError, match="it is silent"):
        take(source, 1_000)


def test_a_camera_that_hangs_up_is_an_error_that_says_so() -> None:
    with watched(stream(SMALL), fault=CameraFault.FLAP, after_s=0.1) as source, pytest.raises(SourceError, match="closed the connection"):
        take(source, 1_000)


def test_a_session_that_ended_is_freed_without_waiting_for_the_garbage_collector() -> None:
    with playing(stream(SMALL), faults=frozenset({CameraFault.FLAP}), after_s=0.05) as camera, only_counting_references():
        source = open_source(camera_spec(camera.url))
        session = weakref.ref(source)
        read_to_its_end(source)
        source.close()
        del source
        assert session() is None, "it holds the last seconds, megabytes of them"


def read_to_its_end(source: FrameSource) -> None:
    with suppress(SourceError):
        while source.read() is not None:
            pass


@contextmanager
def only_counting_references() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_absurd_pictures_are_refused_before_they_take_memory() -> None:
    with watched(stream(SMALL), fault=CameraFault.ABSURD) as source, pytest.raises(SourceError, match="65520x65520"):
        source.read()


def test_a_stream_without_key_pictures_is_given_up_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SHOW_S", 0.2)
    clip = stream(SMALL)
    blind = Clip(clip.codec, clip.fps, (), clip.pictures[1:10], frozenset())
    with watched(blind) as source, pytest.raises(SourceError, match="key picture every 1 to 5 s"):
        source.read()


def test_a_read_that_waits_ends_when_it_is_interrupted() -> None:
    with watched(stream(SMALL), fault=CameraFault.STALL, after_s=0.05) as source:
        threading.Timer(0.2, source.interrupt).start()
        with pytest.raises(SourceError, match="interrupted"):
            take(source, 1_000)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_login_is_proved_and_the_session_closed(algorithm: str) -> None:
    with playing(stream(SMALL), user="admin", password=SECRET, algorithm=algorithm) as camera:
        with opened(camera_spec(camera.url)) as source:
            take(source, 2)
        wait_until(lambda: camera.counts.teardowns == 1)
        assert (camera.counts.plays, camera.counts.logins_refused) == (1, 1)


FAULTS = [*CameraFault, None]


@pytest.mark.parametrize("fault", FAULTS)
def test_no_error_and_no_value_shows_a_password(fault: CameraFault | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "OPEN_S", 0.3)
    monkeypatch.setattr(live, "READ_S", 0.3)
    faults = frozenset({fault} if fault else ())
    with playing(stream(SMALL), user="admin", password=SECRET, faults=faults, after_s=0.05) as camera:
        wrong = camera_spec(camera.url.replace("admin:", "admin:more"))
        for spec in (wrong, camera_spec(camera.url)):
            shown = [repr(spec), str(spec)]
            try:
                with opened(spec) as source:
                    shown.append(repr(source))
                    take(source, 30)
            except SourceError as error:
                while error is not None:
                    shown.append(repr(error))
                    error = error.__cause__  # type: ignore[assignment]
            assert not any(secret in text for text in shown for secret in (SECRET, "s3cr", "t%40"))


def test_a_wrong_login_says_so() -> None:
    with playing(stream(SMALL), user="admin", password=SECRET) as camera:
        with pytest.raises(SourceError, match="user or password refused"), opened(camera_spec(camera.url.replace("admin:", "other:"))):
            pass
        with pytest.raises(SourceError, match="asks for user and password"), opened(camera_spec(camera.url_shown)):
            pass


def test_a_reader_that_is_too_slow_skips_to_a_fresh_key_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = clean()
    monkeypatch.setattr(live, "BEHIND_S", 0.1)
    with watched(stream(SMALL)) as source:
        take(source, 1)
        threading.Event().wait(0.3)
        seen = marks(take(source, 20))
        assert source.damaged > 50
    places = [whole.index(mark) for mark in seen]
    assert places[0] % 10 == 0
    assert all(after == (before + 1) % 30 or after % 10 == 0 for before, after in pairwise(places))


def test_a_thousand_pictures_and_thirty_sessions_leave_no_descriptor_behind() -> None:
    folder = Path("/proc/self/fd")
    with playing(stream(SMALL), fps=2_000.0) as camera:
        with opened(camera_spec(camera.url)) as source:
            take(source, 30)
        before = len(list(folder.iterdir()))
        for _ in range(30):
            with opened(camera_spec(camera.url)) as source:
                take(source, 30)
        after = len(list(folder.iterdir()))
    assert after <= before + 1, "one end of the last session may still be open"
