"""Pictures as JPEG, within their bounds."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from edge_ai.errors import EvidenceError
from edge_ai.evidence.coding import jpeg_of, make_evidence, original_named_in
from edge_ai.wire.events import JPEG_BYTES_MAX, ORIGINAL_BYTES_MAX, THUMB_HEIGHT_MAX, THUMB_WIDTH_MAX
from tests.edge_ai.evidence.test_masking import noise


def test_noisy_large_picture_is_made_small_enough() -> None:
    evidence = make_evidence(noise(1080, 1920))
    assert len(evidence.jpeg) <= JPEG_BYTES_MAX
    assert hashlib.sha256(evidence.jpeg).hexdigest() == evidence.info.sha256
    assert cv2.imdecode(np.frombuffer(evidence.jpeg, np.uint8), cv2.IMREAD_COLOR) is not None


def test_thumbnail_is_red_green_blue_and_keeps_the_aspect() -> None:
    pixels = np.zeros((200, 100, 3), np.uint8)
    pixels[:] = (250, 10, 20)
    evidence = make_evidence(pixels)
    assert (evidence.info.thumb_width, evidence.info.thumb_height) == (27, THUMB_HEIGHT_MAX)
    assert evidence.info.thumb_width <= THUMB_WIDTH_MAX
    assert tuple(evidence.thumb_rgb[:3]) == (20, 10, 250)


def test_an_original_keeps_its_size_and_is_named_by_its_hash() -> None:
    pixels = noise(1080, 1920)
    evidence = make_evidence(np.zeros((1080, 1920, 3), np.uint8), original=pixels)
    opened = cv2.imdecode(np.frombuffer(evidence.original, np.uint8), cv2.IMREAD_COLOR)
    assert opened is not None
    assert opened.shape == pixels.shape
    assert evidence.info.original_sha256 == hashlib.sha256(evidence.original).hexdigest()
    assert len(evidence.original) == evidence.info.original_bytes <= ORIGINAL_BYTES_MAX


def test_the_picture_that_travels_names_the_original_under_its_own_hash() -> None:
    evidence = make_evidence(noise(90, 160), original=noise(90, 160, 2))
    assert original_named_in(evidence.jpeg) == evidence.info.original_sha256
    assert hashlib.sha256(evidence.jpeg).hexdigest() == evidence.info.sha256
    opened = cv2.imdecode(np.frombuffer(evidence.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert opened is not None
    assert opened.shape == (90, 160, 3)


@pytest.mark.parametrize("jpeg", [b"", b"\xff\xd8", b"\xff\xd8\xff\xfe\x00\x10some other word", b"\xff\xd8\xff\xe0" + bytes(90)])
def test_a_picture_without_such_a_comment_names_none(jpeg: bytes) -> None:
    assert original_named_in(jpeg) == ""


def test_a_picture_that_fits_nowhere_is_refused_by_name() -> None:
    with pytest.raises(EvidenceError, match="100x100"):
        jpeg_of(noise(100, 100), bytes_max=10)
