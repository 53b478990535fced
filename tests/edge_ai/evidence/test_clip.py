"""Clips as they may leave: masked wherever boxes are known, coarse as a whole wherever they are not, and never the original pixels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge_ai.errors import EdgeError
from edge_ai.evidence.avi import avi_of
from edge_ai.evidence.box_track import LATE_S, BoxTrack, SeenAt, TrackFile, read_track
from edge_ai.evidence.clip import FPS, GAP_S, ClipMask, film
from edge_ai.evidence.masking import Masking, masked_boxes, mosaic
from edge_ai.evidence.transport_stream import transport_stream
from edge_ai.picture import DETECTIONS_MAX, NOTHING, Detections, Pixels
from edge_ai.wire.clips import ClipSpan, ClipTask
from sync.model import Instant
from tests.edge_ai.evidence.kept import BEGIN, kept_clip

STREET = ("person", "vehicle")
BOX = (0, 0.25, 0.25, 0.5, 0.75)


def noise(seed: int = 1) -> Pixels:
    return np.random.default_rng(seed).integers(0, 255, (120, 160, 3), np.uint8)


def seen(*boxes: tuple[int, float, float, float, float]) -> Detections:
    scale = np.array([160, 120, 160, 120], np.float32)
    values = np.array([box[1:] for box in boxes], np.float32).reshape(-1, 4) * scale
    return Detections(values, np.ones(len(boxes), np.float32), np.array([box[0] for box in boxes], np.int64))


def track(*times_us: int, masking: Masking = Masking.BOXES) -> TrackFile:
    return TrackFile(event_id="e1", classes=STREET, masking=masking, frames=tuple(SeenAt(at, (BOX,)) for at in times_us))


def task(found: TrackFile | None, *, whole: bool = False) -> ClipTask:
    return ClipTask("grid-1 li", BEGIN.us, b"" if found is None else msgspec.json.encode(found), whole)


@pytest.fixture(scope="module")
def stream_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.ts"
    path.write_bytes(transport_stream(kept_clip("small.h264", 30, every_s=0.1)))
    return path


def test_between_two_close_pictures_what_either_found_is_masked() -> None:
    mask = ClipMask(track(1_000_000, 1_200_000), whole=False)
    assert np.array_equal(mask.masked(noise(), 1_100_000), masked_boxes(noise(), [seen(BOX)], STREET))


@pytest.mark.parametrize("at_us", [900_000, 1_300_000, 5_000_000])
def test_where_boxes_are_not_known_the_whole_picture_is_coarse(at_us: int) -> None:
    mask = ClipMask(track(1_000_000, 1_200_000), whole=False)
    assert np.array_equal(mask.masked(noise(), at_us), mosaic(noise()))


def test_a_long_gap_between_two_pictures_is_coarse() -> None:
    mask = ClipMask(track(1_000_000, 1_000_001 + round(GAP_S * 1e6)), whole=False)
    assert np.array_equal(mask.masked(noise(), 1_100_000), mosaic(noise()))


@pytest.mark.parametrize("masking", list(Masking))
@pytest.mark.parametrize("whole", [False, True])
def test_the_stricter_of_then_and_now_holds(masking: Masking, *, whole: bool) -> None:
    masked = ClipMask(track(1_000_000, 1_200_000, masking=masking), whole=whole).masked(noise(), 1_100_000)
    coarse = whole or masking is Masking.MOSAIC
    assert np.array_equal(masked, mosaic(noise())) is coarse
    assert np.array_equal(masked, noise()) is (not coarse and masking is Masking.NONE)


def test_without_boxes_nothing_stays_sharp() -> None:
    assert np.array_equal(ClipMask(None, whole=False).masked(noise(), 0), mosaic(noise()))


ANOTHER_CLASS = msgspec.json.encode(track(1, 2)).replace(b"[0,0.25", b"[9,0.25")


@pytest.mark.parametrize("boxes", [b"{", b"\xff", b'{"event_id":"e1"}', ANOTHER_CLASS])
def test_boxes_that_make_no_sense_count_as_none(boxes: bytes, stream_file: Path) -> None:
    assert film(stream_file, ClipTask("x", BEGIN.us, boxes)) == film(stream_file, ClipTask("x", BEGIN.us))


def test_a_film_has_five_pictures_a_second_and_a_stamp_below(stream_file: Path, tmp_path: Path) -> None:
    (tmp_path / "film.avi").write_bytes(film(stream_file, task(track(*range(BEGIN.us - 200_000, BEGIN.us + 4_000_000, 200_000)))))
    capture = cv2.VideoCapture(str(tmp_path / "film.avi"), cv2.CAP_FFMPEG)
    pictures = []
    while (found := capture.read())[0]:
        pictures.append(found[1])
    assert (len(pictures), capture.get(cv2.CAP_PROP_FPS)) == (15, FPS)
    assert pictures[0].shape[0] > 120
    assert pictures[0][120:].max() > 200
    capture.release()


def test_nothing_of_the_original_stream_is_in_a_film(stream_file: Path) -> None:
    original, made = stream_file.read_bytes(), film(stream_file, task(None))
    assert not any(original[at : at + 24] in made for at in range(0, len(original) - 24, 97))


def test_what_is_no_clip_makes_no_film(tmp_path: Path) -> None:
    (tmp_path / "clip.ts").write_bytes(b"G" * 188 * 20)
    with pytest.raises(EdgeError):
        film(tmp_path / "clip.ts", task(None))


@pytest.mark.slow
def test_the_process_refuses_in_words_what_it_cannot_use(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_ai.evidence.clip", str(tmp_path / "none.ts")]
    ended = subprocess.run(command, input=msgspec.json.encode(task(None)), capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert b"clip: none.ts does not exist" in ended.stderr


def test_boxes_are_told_once_and_when_the_clip_is_over() -> None:
    boxes = BoxTrack(STREET, Masking.BOXES)
    for tenth in range(20):
        boxes.add(noise(), seen(BOX), BEGIN.plus(tenth / 10))
    boxes.want("e1", ClipSpan(BEGIN.us, BEGIN.plus(0.5).us, BEGIN.plus(1).us))
    assert boxes.due(BEGIN.plus(1)) == []
    ((event_id, data),) = boxes.due(BEGIN.plus(1.1 + LATE_S))
    found = read_track(data)
    assert found is not None
    assert (event_id, found.event_id, found.masking, len(found.frames)) == ("e1", "e1", Masking.BOXES, 20)
    assert found.frames[0] == SeenAt(BEGIN.us, (BOX,))
    assert boxes.due(BEGIN.plus(99)) == []


def test_boxes_are_forgotten_after_the_longest_clip() -> None:
    boxes = BoxTrack(STREET, Masking.BOXES)
    for second in range(100):
        boxes.add(noise(), NOTHING, BEGIN.plus(second))
    boxes.want("e1", ClipSpan(BEGIN.plus(90).us, BEGIN.plus(95).us, BEGIN.plus(96).us))
    found = read_track(boxes.due(BEGIN.plus(99))[0][1])
    assert found is not None
    assert len(found.frames) <= 41


def test_a_picture_with_too_many_boxes_counts_as_not_known() -> None:
    boxes = BoxTrack(STREET, Masking.BOXES)
    for fifth in range(3):
        boxes.add(noise(), seen(*[BOX] * (DETECTIONS_MAX if fifth == 1 else 1)), BEGIN.plus(fifth / 5))
    boxes.want("e1", ClipSpan(BEGIN.us, BEGIN.us, BEGIN.plus(1).us))
    found = read_track(boxes.due(Instant(BEGIN.us + 10_000_000))[0][1])
    assert found is not None
    assert [frame.is_crowded for frame in found.frames] == [False, True, False]
    # The pictures before and after are 0.4 s apart: without a word in between they would count as neighbours.
    for tenth in (1, 2, 3):
        assert np.array_equal(ClipMask(found, whole=False).masked(noise(), BEGIN.plus(tenth / 10).us), mosaic(noise()))


def test_an_avi_of_odd_pictures_keeps_its_index() -> None:
    data = avi_of([b"abc", b"d"], width=2, height=2, fps=5.0)
    assert data[:4] == b"RIFF"
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    index = data[data.index(b"idx1") + 8 :]
    at = data.index(b"movi") + int.from_bytes(index[24:28], "little")
    assert data[at : at + 4] == b"00dc"
    assert data[at + 8 : at + 9] == b"d"
