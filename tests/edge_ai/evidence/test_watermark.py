"""Who asked, burnt into a copy."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from edge_ai.errors import EvidenceError
from edge_ai.evidence.coding import jpeg_of
from edge_ai.evidence.watermark import jpeg_size, opened, watermarked
from tests.edge_ai.evidence.test_masking import noise


def test_the_words_stand_across_the_picture_and_below_it() -> None:
    grey = np.full((240, 320, 3), 90, np.uint8)
    copy = watermarked(grey, "qingdao 王伟 2026-11-21")
    changed = np.argwhere((copy[:240] != grey).any(axis=2))
    assert {int(row) * 5 // 240 for row, _ in changed} == {0, 1, 2, 3, 4}
    assert copy.shape[0] > 240
    assert copy[240:].max() > 200


def test_two_askers_get_two_copies_and_the_given_picture_stays() -> None:
    grey = np.full((120, 160, 3), 90, np.uint8)
    assert not np.array_equal(watermarked(grey, "a"), watermarked(grey, "b"))
    assert (grey == 90).all()


@pytest.mark.parametrize("words", ["", "x" * 10_000, "%s\n\x1b[2J", "🙂 \ud800"])
def test_any_words_make_a_picture(words: str) -> None:
    assert watermarked(np.zeros((20, 30, 3), np.uint8), words).shape[1] == 30


def test_the_size_in_a_header_is_read_before_the_picture_is_opened() -> None:
    jpeg = bytearray(jpeg_of(noise(48, 64), bytes_max=1 << 20))
    assert jpeg_size(bytes(jpeg)) == (64, 48)
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(EvidenceError, match="pixels"):
        opened(bytes(jpeg))


NO_PICTURES = [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x00" * 3, b"GIF89a" + bytes(50), b"\xff\xd8\xff\xc0\x00\x11\x08"]


@pytest.mark.parametrize("data", NO_PICTURES)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError):
        opened(data)
