"""Which frame proves an event, and what of it leaves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_ai.errors import EvidenceError
from edge_ai.evidence import recent as recent_module
from edge_ai.evidence.coding import Evidence, anchored, make_evidence
from edge_ai.evidence.masking import masked_boxes, mosaic
from edge_ai.evidence.recent import NOT_CODED, RecentFrames
from edge_ai.picture import DETECTIONS_MAX, NOTHING, Pixels
from edge_ai.tracking.tracker import Track
from tests.edge_ai.evidence.test_masking import found, noise

STREET = ("person", "vehicle", "two-wheeler")
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def track(box: tuple[float, float, float, float], score: float = 0.9) -> Track:
    return Track(1, 0, score, box, 3)


def shown(evidence: Evidence, pixels: Pixels) -> bool:
    """True when the picture that travels is a JPEG of `pixels` that names its original, and nothing else."""
    return evidence.jpeg == anchored(make_evidence(pixels).jpeg, evidence.info.original_sha256)


def test_best_frame_is_the_one_where_the_track_is_large_and_sure() -> None:
    recent = RecentFrames(("person",), shows_people=False)
    far, near = noise(100, 100, 2), noise(100, 100, 3)
    recent.add(far, [track((10, 10, 20, 30), 0.5)])
    recent.add(near, [track((10, 10, 60, 90))])
    recent.add(noise(100, 100, 4), [])
    evidence = recent.evidence_for(1)
    assert shown(evidence, near)
    assert evidence.overlays[0].box == (0.1, 0.1, 0.6, 0.9)


def test_of_two_alike_the_sharper_frame_is_best() -> None:
    recent = RecentFrames(("person",), shows_people=False)
    sharp = noise(100, 100, 2)
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 3), np.uint8)
    recent.add(sharp, [track((10, 10, 60, 90))])
    recent.add(blurred, [track((10, 10, 60, 90))])
    assert shown(recent.evidence_for(1), sharp)


def test_a_small_track_in_the_zone_is_before_a_large_one_outside() -> None:
    recent = RecentFrames(("person",), shows_people=False)
    inside, outside = noise(100, 100, 2), noise(100, 100, 3)
    recent.add(inside, [track((10, 60, 20, 90))])
    recent.add(outside, [track((60, 10, 100, 90))])
    assert shown(recent.evidence_for(1, LEFT_HALF), inside)
    assert shown(recent.evidence_for(1), outside)


def test_a_track_that_left_the_zone_still_has_a_picture() -> None:
    recent = RecentFrames(("person",), shows_people=False)
    recent.add(noise(100, 100, 3), [track((60, 10, 100, 90))])
    assert recent.evidence_for(1, LEFT_HALF).jpeg


def test_boxes_are_not_burnt_into_the_picture() -> None:
    recent = RecentFrames(("person",), shows_people=False)
    pixels = np.full((100, 100, 3), 127, np.uint8)
    recent.add(pixels, [track((10, 10, 60, 90))])
    assert shown(recent.evidence_for(1), pixels)


def test_what_leaves_a_camera_without_a_detector_of_persons_is_a_mosaic_and_the_original_is_whole() -> None:
    pixels = noise(360, 640)
    recent = RecentFrames(("person-sized", "vehicle-sized"), shows_people=True)
    recent.add(pixels, [], found((10, 10, 60, 90)))
    evidence = recent.evidence_for(1)
    assert shown(evidence, mosaic(pixels))
    assert evidence.info.masking == "mosaic"
    assert evidence.original == make_evidence(pixels, original=pixels).original


def test_with_all_boxes_the_rest_of_the_picture_stays_sharp() -> None:
    pixels, seen = noise(360, 640), found((300, 100, 360, 280))
    recent = RecentFrames(STREET, shows_people=True)
    recent.add(pixels, [track((300, 100, 360, 280))], seen)
    evidence = recent.evidence_for(1)
    assert evidence.info.masking == "boxes"
    assert shown(evidence, masked_boxes(pixels, [seen], STREET))


def test_without_word_of_untracked_boxes_the_whole_picture_is_coarse() -> None:
    pixels = noise(360, 640)
    recent = RecentFrames(STREET, shows_people=True)
    recent.add(pixels, [track((300, 100, 360, 280))])
    assert shown(recent.evidence_for(1), mosaic(pixels))


def test_a_camera_may_ask_for_a_mosaic_whatever_its_detector_finds() -> None:
    pixels = noise(360, 640)
    recent = RecentFrames(STREET, shows_people=True, whole=True)
    recent.add(pixels, [], found((300, 100, 360, 280)))
    assert shown(recent.evidence_for(1), mosaic(pixels))


def test_who_is_missed_is_masked_where_any_of_the_last_frames_found_them() -> None:
    pixels, seen = noise(360, 640, 1), found((300, 100, 360, 280))
    recent = RecentFrames(STREET, shows_people=True)
    recent.add(noise(360, 640, 2), [], seen)
    for number in range(3):
        recent.add(noise(360, 640, 3 + number), [], NOTHING)
    recent.add(pixels, [track((10, 10, 60, 90))], NOTHING)
    assert shown(recent.evidence_for(1), masked_boxes(pixels, [seen], STREET))


def test_an_event_whose_picture_cannot_be_made_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise EvidenceError("no jpeg")

    monkeypatch.setattr(recent_module, "make_evidence", fails)
    recent = RecentFrames(STREET, shows_people=True)
    recent.add(noise(50, 50), [track((10, 10, 40, 40))])
    evidence = recent.evidence_for(1)
    assert (evidence.jpeg, evidence.original, evidence.info.sha256, evidence.info.missing) == (b"", b"", "", NOT_CODED)
    assert len(evidence.overlays) == 1


def test_a_picture_with_more_boxes_than_are_told_is_coarse_as_a_whole() -> None:
    """Who is beyond the last box that a detector tells would stay sharp."""
    recent = RecentFrames(STREET, shows_people=True)
    pixels = noise(100, 100)
    recent.add(pixels, [track((10, 10, 60, 90))], found(*[(10.0, 10.0, 12.0, 13.0)] * DETECTIONS_MAX))
    evidence = recent.evidence_for(1)
    assert evidence.info.masking == "mosaic"
    assert shown(evidence, mosaic(pixels))
