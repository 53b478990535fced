"""Sizes out of parameter sets."""

from __future__ import annotations

from random import Random

import pytest

from edge_ai.errors import SourceError
from edge_ai.sources.rtsp.picture_size import check_size, h264_size, h265_size, mpeg4_size
from simulations.devices.rtsp_camera import ABSURD_SET
from tests.edge_ai.sources.serving import stream

FULL_HD = bytes.fromhex("67640028acd940780227e5c044000003000400000300c83c60c658")
"""1920x1080: 68 rows of macroblocks, cropped by 8 lines."""


def test_h264_sizes() -> None:
    assert h264_size(FULL_HD) == (1920, 1080)
    assert [h264_size(stream(name).pictures[0][0]) for name in ("small.h264", "bframes.h264", "other.h264")] == [
        (160, 120),
        (160, 120),
        (96, 80),
    ]


def test_h265_size() -> None:
    assert h265_size(stream("small.h265").pictures[0][1]) == (160, 120)


def test_mpeg4_size() -> None:
    bits = "0" + "00000001" + "0" + "0001" + "0" + "00" + "1" + f"{25:016b}" + "1" + "0" + "1" + f"{640:013b}" + "1" + f"{360:013b}" + "1"
    bits += "0" * (-len(bits) % 8)
    assert mpeg4_size(int(bits, 2).to_bytes(len(bits) // 8, "big")) == (640, 360)


@pytest.mark.parametrize("size", [(0, 120), (15, 800), (65_520, 65_520), (-16, 100), (7_682, 4_320)])
def test_sizes_that_no_camera_has_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(SourceError, match="set the camera to a smaller size"):
        check_size(*size)


def test_absurd_parameter_set_is_refused_before_anything_is_decoded() -> None:
    with pytest.raises(SourceError, match="65520x65520"):
        h264_size(ABSURD_SET)


@pytest.mark.parametrize("read", [h264_size, h265_size, mpeg4_size])
def test_noise_is_a_size_or_a_source_error(read: object) -> None:
    rng = Random(5)
    sets = [FULL_HD, stream("small.h265").pictures[0][1]]
    for _ in range(2_000):
        noise = bytearray(rng.choice(sets))
        noise[rng.randrange(len(noise))] ^= 1 << rng.randrange(8)
        try:
            width, height = read(bytes(noise[: rng.randrange(len(noise) + 1)]))  # type: ignore[operator]
        except SourceError:
            continue
        assert min(width, height) >= 16
