"""The pictures that prove events."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from edge_ai.evidence import MOSAIC_CELLS, RecentFrames, make_evidence, mosaic
from edge_ai.picture import Pixels
from edge_ai.tracker import Track
from edge_ai.wire import JPEG_BYTES_MAX, THUMB_HEIGHT_MAX, THUMB_WIDTH_MAX


def noise(height: int, width: int, seed: int = 1) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


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


def test_best_frame_is_the_one_where_the_track_is_large_and_sure() -> None:
    recent = RecentFrames(("person",), shows_people=False)
    far, near = noise(100, 100, 2), noise(100, 100, 3)
    recent.add(far, [Track(1, 0, 0.5, (10, 10, 20, 30), 3)])
    recent.add(near, [Track(1, 0, 0.9, (10, 10, 60, 90), 4)])
    recent.add(noise(100, 100, 4), [])
    evidence = recent.evidence_for(1)
    assert evidence.jpeg == make_evidence(near).jpeg
    assert evidence.overlays[0].box == (0.1, 0.1, 0.6, 0.9)


def test_boxes_are_not_burnt_into_the_picture() -> None:
    recent = RecentFrames(("person",), shows_people=False)
    pixels = np.full((100, 100, 3), 127, np.uint8)
    recent.add(pixels, [Track(1, 0, 0.9, (10, 10, 60, 90), 4)])
    assert recent.evidence_for(1).jpeg == make_evidence(pixels).jpeg


def test_a_masked_picture_keeps_its_size_and_loses_its_detail() -> None:
    pixels = noise(360, 640)
    masked = mosaic(pixels)
    distinct_columns = len({masked[0, x].tobytes() for x in range(640)})
    assert masked.shape == pixels.shape
    assert distinct_columns <= MOSAIC_CELLS


def test_evidence_of_a_camera_that_films_people_is_masked() -> None:
    pixels = noise(360, 640)
    recent = RecentFrames(("person",), shows_people=True)
    recent.add(pixels, [])
    assert recent.evidence_for(1).jpeg == make_evidence(mosaic(pixels)).jpeg
