"""Clips of simulated cameras."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_ai.sources.rtsp.codec import Codec
from edge_ai.spec import DecodeMode
from simulations.devices.rtsp_clip import Clip, ClipError, read_mp4
from simulations.devices.street_clip import write_street_clip
from tests.edge_ai.replay import DATA, needs_data
from tests.edge_ai.sources.serving import camera_spec, opened, playing, take


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "street.mp4"
    write_street_clip(path, seed=3, seconds=3)
    return path


def test_a_rendered_street_is_read_and_played(rendered: Path) -> None:
    clip = read_mp4(rendered)
    assert (clip.codec, clip.fps, len(clip.pictures), len(clip.sets)) == (Codec.MPEG4, 10.0, 30, 1)
    with playing(clip) as camera, opened(camera_spec(camera.url)) as source:
        assert {picture.shape for picture in take(source, 40)} == {(180, 320, 3)}
        assert source.damaged == 0
    with playing(clip) as camera, opened(camera_spec(camera.url, mode=DecodeMode.KEYFRAME)) as source:
        assert len(take(source, 3)) == 3


@needs_data
def test_a_recording_is_read_and_played() -> None:
    clip = read_mp4(DATA / "video" / "car-detection.mp4")
    assert (clip.codec, clip.fps, len(clip.pictures), sorted(clip.keys)[:3]) == (Codec.H264, 12.5, 377, [0, 60, 120])
    with playing(clip) as camera, opened(camera_spec(camera.url)) as source:
        assert {picture.shape for picture in take(source, 30)} == {(432, 768, 3)}


@needs_data
def test_pictures_that_are_sent_before_their_turn_keep_their_time_of_showing() -> None:
    clip = read_mp4(DATA / "video" / "one-by-one-person-detection.mp4")
    shown = [clip.shown_at(number) for number in range(len(clip.pictures))]
    assert shown[:5] == [1, 5, 2, 3, 4]
    assert len(set(shown)) == len(shown)
    assert max(abs(place - number) for number, place in enumerate(shown)) <= 4
    assert read_mp4(DATA / "video" / "house6.mp4").leads == ()


@pytest.mark.parametrize("cut", [0, 7, 20, 1_000, 60_000])
def test_a_file_that_was_cut_is_refused_in_words(cut: int, rendered: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(rendered.read_bytes()[:cut])
    with pytest.raises(ClipError, match=r"cut\.mp4"):
        read_mp4(path)


def test_flipped_bytes_are_a_clip_or_a_clip_error(rendered: Path, tmp_path: Path) -> None:
    whole = rendered.read_bytes()
    moov = whole.index(b"moov")
    for number in range(300):
        damaged = bytearray(whole)
        damaged[moov + number * 7 % (len(whole) - moov)] ^= 0xFF
        path = tmp_path / "flipped.mp4"
        path.write_bytes(damaged)
        try:
            assert isinstance(read_mp4(path), Clip)
        except ClipError:
            continue
