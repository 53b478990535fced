"""Access units into pictures, out of memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_ai.errors import SourceError
from edge_ai.picture import Pixels
from edge_ai.sources.decoder import StreamDecoder, ffmpeg_options
from edge_ai.sources.rtsp.codec import AccessUnit
from edge_ai.sources.rtsp.units import UnitAssembler
from tests.edge_ai.sources.rtsp.test_units import fed, packets
from tests.edge_ai.sources.serving import marks, stream

ROOT = Path(__file__).parents[3]


def units_of(name: str) -> list[AccessUnit]:
    clip = stream(name)
    return fed(UnitAssembler(clip.codec), packets(clip))


def decoded(units: list[AccessUnit]) -> tuple[list[Pixels], list[int]]:
    """The pictures, and how many units had been asked for when each came."""
    rest: Iterator[AccessUnit] = iter(units[1:])
    asked = 1

    def more() -> AccessUnit | None:
        nonlocal asked
        asked += 1
        return next(rest, None)

    decoder = StreamDecoder(units[0], more)
    pictures, when = [], []
    while (picture := decoder.read()) is not None:
        pictures.append(picture)
        when.append(asked)
    decoder.close()
    assert decoder.has_ended
    return pictures, when


@pytest.mark.parametrize("name", ["small.h264", "small.h265"])
def test_no_picture_waits_for_the_next_one(name: str) -> None:
    pictures, when = decoded(units_of(name))
    assert when == list(range(1, 31))
    assert {picture.shape for picture in pictures} == {(120, 160, 3)}
    assert len(set(marks(pictures))) == 30


def test_pictures_that_were_held_back_to_sort_them_come_at_the_end() -> None:
    pictures, when = decoded(units_of("bframes.h264"))
    assert len(set(marks(pictures))) == 30
    assert max(asked - number for number, asked in enumerate(when, 1)) <= 3


def test_picture_is_made_in_the_room_given_where_it_has_its_size() -> None:
    units = units_of("small.h264")
    own, _ = decoded(units)
    rest = iter(units[1:])
    decoder = StreamDecoder(units[0], lambda: next(rest, None))
    fitting = np.zeros((120, 160, 3), np.uint8)
    wrong = [np.zeros(shape, np.uint8) for shape in ((119, 160, 3), (120, 161, 3), (160, 120, 3))]
    for picture in own[:2]:
        assert decoder.read(fitting) is fitting
        assert np.array_equal(fitting, picture)
    for room, picture in zip(wrong, own[2:], strict=False):
        made = decoder.read(room)
        assert made is not None
        assert np.array_equal(made, picture)
        assert not room.any()
    decoder.close()


def test_a_key_unit_alone_is_a_picture() -> None:
    for name in ("small.h264", "bframes.h264", "small.h265"):
        assert len(decoded(units_of(name)[:1])[0]) == 1


def test_the_red_box_is_where_it_was_drawn() -> None:
    picture = decoded(units_of("small.h264"))[0][10]
    blue, _, red = picture[68, 30 + 12]
    assert red > 180
    assert blue < 90


def test_options_are_those_of_before_afterwards() -> None:
    before = os.environ.get("OPENCV_FFMPEG_CAPTURE_OPTIONS")
    with ffmpeg_options("input_format;h264"):
        assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "input_format;h264"
    assert os.environ.get("OPENCV_FFMPEG_CAPTURE_OPTIONS") == before


def test_noise_gives_no_picture_and_no_crash() -> None:
    first = units_of("small.h264")[0]
    noise = AccessUnit(first.data[:60] + bytes(range(256)) * 3, True, 0, first.format)
    try:
        decoder = StreamDecoder(noise, lambda: None)
    except SourceError:
        return
    decoder.read()
    decoder.close()


def test_no_module_that_reads_with_cv2_knows_an_address() -> None:
    sources = [path.read_text("utf-8") for room in ("edge_ai", "node", "simulations") for path in (ROOT / room).rglob("*.py")]
    readers = [text for text in sources if "cv2.VideoCapture(" in text]
    assert len(readers) >= 3
    assert not any("://" in text for text in readers)
