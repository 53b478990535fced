"""What travels of a golden picture: its pixels and nothing that was written beside them."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from edge_ai.errors import AlgorithmError
from edge_ai.models.picture_notes import without_notes
from edge_ai.picture import Pixels

SECRET = b"31.2304 N 121.4737 E, li"


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)


def jpeg_of(pixels: Pixels, *options: int) -> bytes:
    return cv2.imencode(".jpg", pixels, list(options))[1].tobytes()


def segment(marker: int, words: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(words) + 2) + words


def shown(data: bytes) -> Pixels:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 1)])
@pytest.mark.parametrize("marker", [0xE1, 0xE2, 0xED, 0xFE])
def test_notes_of_a_jpeg_and_what_hangs_behind_it_go_and_its_pixels_stay(pixels: Pixels, options: tuple[int, ...], marker: int) -> None:
    plain = jpeg_of(pixels, *options)
    bare = without_notes("a.jpg", plain[:2] + segment(marker, b"Exif\0\0" + SECRET) + plain[2:] + b"film " + SECRET)
    assert SECRET not in bare
    assert np.array_equal(shown(bare), shown(plain))


def test_a_jpeg_without_notes_stays_as_it_is(pixels: Pixels) -> None:
    assert without_notes("a.jpg", jpeg_of(pixels)) == jpeg_of(pixels)


def test_bytes_that_fill_up_before_a_segment_are_none(pixels: Pixels) -> None:
    plain = jpeg_of(pixels)
    assert without_notes("a.jpg", plain[:2] + b"\xff\xff" + plain[2:]) == plain


def test_notes_of_a_png_go_and_its_pixels_stay(pixels: Pixels) -> None:
    plain = cv2.imencode(".png", pixels)[1].tobytes()
    words = b"tEXt" + b"Author\0" + SECRET
    noted = plain[:33] + struct.pack(">I", len(words) - 4) + words + struct.pack(">I", zlib.crc32(words)) + plain[33:] + SECRET
    bare = without_notes("a.png", noted)
    assert SECRET not in bare
    assert np.array_equal(shown(bare), pixels)


@pytest.mark.parametrize("kind", [".jpg", ".png"])
def test_cut_anywhere_a_picture_is_refused(pixels: Pixels, kind: str) -> None:
    whole = cv2.imencode(kind, pixels)[1].tobytes()
    for length in (9, 20, 40, len(whole) // 2, len(whole) - 1):
        with pytest.raises(AlgorithmError, match="golden picture a refused: it is cut or damaged"):
            without_notes("a", whole[:length])
