"""Pictures for somebody who looks: masked as evidence, stamped, bounded, beside the analysis, and nothing while nobody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edge_ai.errors import EvidenceError
from edge_ai.evidence.masking import Masking
from edge_ai.evidence.recent import Masked, RecentFrames
from edge_ai.evidence.watermark import jpeg_size, opened
from edge_ai.looks.viewing import WAITING_MAX, WATCHED_S, Views, view_jpeg
from edge_ai.picture import Detections, Pixels
from edge_ai.wire.views import VIEW_BYTES_MAX, ViewMessage, ViewOrder
from sync.model import Instant

NOW = Instant(0)


class Camera:
    """A camera's pipeline with one picture."""

    def __init__(self, masked: Masked | None = None, taken_us: int = 5) -> None:
        self._masked = masked
        self.taken_us = taken_us

    def newest(self) -> tuple[int, Masked] | None:
        return None if self._masked is None else (self.taken_us, self._masked)


def grey(height: int = 90, width: int = 160) -> Pixels:
    return np.full((height, width, 3), 90, np.uint8)


def order(number: int = 1, known_us: int = 0) -> ViewOrder:
    return ViewOrder(camera="yard", number=number, text="qd li 2026-11-22 yard", known_us=known_us)


def answered(views: Views, rung: threading.Event) -> ViewMessage:
    found = views.made()
    if not found:
        assert rung.wait(20), "the maker rings when a picture is there"
        found = views.made()
    return found[0]


@pytest.fixture
def rung() -> threading.Event:
    return threading.Event()


def test_a_picture_is_made_masked_and_stamped_on_another_thread(rung: threading.Event) -> None:
    views, threads = Views(rung.set), []

    def masked() -> tuple[Pixels, Masking]:
        threads.append(threading.current_thread())
        return grey(), Masking.BOXES

    views.ask(order(), NOW, Camera(masked))
    found = answered(views, rung)
    views.close()
    assert threads
    assert threads[0] is not threading.current_thread()
    assert (found.row.camera, found.row.number, found.row.time_us, found.row.masking, found.row.missing) == ("yard", 1, 5, "boxes", "")
    assert opened(found.jpeg)[90:].max() > 200
    assert opened(found.jpeg)[:90].max() > 100


def test_nothing_runs_before_somebody_looks(rung: threading.Event) -> None:
    before = threading.active_count()
    views = Views(rung.set)
    assert (views.made(), views.watches("yard", NOW), threading.active_count()) == ([], False, before)
    views.close()


def test_a_camera_counts_as_watched_for_a_while(rung: threading.Event) -> None:
    views = Views(rung.set)
    views.ask(order(), NOW, Camera())
    assert views.watches("yard", NOW.plus(WATCHED_S - 0.1))
    assert not views.watches("yard", NOW.plus(WATCHED_S))
    assert not views.watches("gate", NOW)


@pytest.mark.parametrize(
    ("camera", "known_us", "why"),
    [(None, 0, "not-analysed"), (Camera(), 0, "no-picture"), (Camera(lambda: (grey(), Masking.NONE)), 5, "same")],
)
def test_where_no_picture_is_made_the_answer_says_why(rung: threading.Event, camera: Camera | None, known_us: int, why: str) -> None:
    views = Views(rung.set)
    views.ask(order(known_us=known_us), NOW, camera)
    assert [(one.row.missing, one.jpeg) for one in views.made()] == [(why, b"")]
    assert not rung.is_set()


def test_a_clock_that_went_back_does_not_stop_the_view(rung: threading.Event) -> None:
    views = Views(rung.set)
    views.ask(order(known_us=10**15), NOW, Camera(lambda: (grey(), Masking.NONE)))
    assert answered(views, rung).jpeg
    views.close()


def test_a_picture_that_cannot_be_made_is_said(rung: threading.Event) -> None:
    def broken() -> tuple[Pixels, Masking]:
        raise EvidenceError("no")

    views = Views(rung.set)
    views.ask(order(), NOW, Camera(broken))
    assert answered(views, rung).row.missing == "not-coded"
    views.close()


def test_pictures_that_wait_are_bounded_and_the_analysis_does_not(rung: threading.Event) -> None:
    views, gate = Views(rung.set), threading.Event()

    def slow() -> tuple[Pixels, Masking]:
        assert gate.wait(20)
        return grey(), Masking.NONE

    for number in range(WAITING_MAX + 3):
        views.ask(order(number), NOW, Camera(slow))
    assert [one.row.missing for one in views.made()] == ["busy"] * 3
    gate.set()
    views.close()


def test_a_large_noisy_picture_is_made_small_enough() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    made = view_jpeg(noise, "who")
    assert len(made) <= VIEW_BYTES_MAX
    size = jpeg_size(made)
    assert size is not None
    assert size[0] < 640


def test_the_newest_picture_is_masked_as_evidence_is() -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    seen = Detections(np.array([[100, 40, 160, 200]], np.float32), np.array([0.9], np.float32), np.array([0]))
    makers: list[Callable[[], tuple[Pixels, Masking]]] = []
    for classes, masking in ((("person", "vehicle"), Masking.BOXES), (("person",), Masking.MOSAIC)):
        recent = RecentFrames(classes, shows_people=True)
        assert recent.newest() is None
        recent.add(pixels, (), seen)
        newest = recent.newest()
        assert newest is not None
        makers.append(newest)
        shown, how = newest()
        assert how is masking
        head = cv2.cvtColor(shown[40:90, 100:160], cv2.COLOR_BGR2GRAY)
        assert float(cv2.Laplacian(head, cv2.CV_32F).var()) < 0.2 * float(cv2.Laplacian(pixels[40:90, 100:160, 0], cv2.CV_32F).var())


def test_a_picture_under_way_is_not_changed_by_the_frames_after_it() -> None:
    recent = RecentFrames(("thing",), shows_people=False)
    recent.add(grey(), (), None)
    newest = recent.newest()
    assert newest is not None
    recent.clear()
    assert newest()[0].mean() == 90
