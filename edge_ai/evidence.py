"""The picture that proves an event: the best of the recent frames as JPEG, a thumbnail, their hash, and the boxes beside it.

Boxes are never burnt into the picture. Called by edge_ai/pipeline.py.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge_ai.errors import EvidenceError
from edge_ai.picture import Pixels
from edge_ai.tracker import Track
from edge_ai.wire import JPEG_BYTES_MAX, OVERLAYS_MAX, THUMB_HEIGHT_MAX, THUMB_WIDTH_MAX, EvidenceInfo, Overlay

JPEG_QUALITY = 90
SHRINK = 0.75
SHRINKS_MAX = 12
"""Times a picture is made smaller before it is given up: 0.75^12 is 3 % of the width."""
MOSAIC_CELLS = 96
"""Squares across a masked picture: a face that fills a tenth of the width is ten squares wide, far below what recognition needs."""
RECENT_FRAMES = 6
"""Analysed frames among which the best is sought; bounds the memory to as many pictures per camera."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A JPEG with its thumbnail (RGB, row by row) and its boxes."""

    info: EvidenceInfo
    jpeg: bytes
    thumb_rgb: bytes
    overlays: tuple[Overlay, ...]


@dataclass(frozen=True, slots=True)
class _Recent:
    pixels: Pixels
    tracks: tuple[Track, ...]


class RecentFrames:
    """The last few analysed frames of a camera with what was tracked in them."""

    def __init__(self, classes: Sequence[str], *, shows_people: bool) -> None:
        self._classes = classes
        self._shows_people = shows_people
        """True for every camera that films the world: its evidence is a mosaic."""
        self._frames: deque[_Recent] = deque(maxlen=RECENT_FRAMES)

    def add(self, pixels: Pixels, tracks: Sequence[Track]) -> None:
        """Remember a frame; the caller does not change it afterwards."""
        self._frames.append(_Recent(pixels, tuple(tracks)))

    def clear(self) -> None:
        """Forget all frames."""
        self._frames.clear()

    def evidence_for(self, track_id: int) -> Evidence:
        """The frame where the track shows best (score x area x sharpness); raises EvidenceError when no picture can be made."""
        assert self._frames, "a frame is added before its events"
        best = max(self._frames, key=lambda frame: _worth(frame, track_id))
        overlays = tuple(_overlay(track, self._classes, best.pixels) for track in best.tracks[:OVERLAYS_MAX])
        return make_evidence(mosaic(best.pixels) if self._shows_people else best.pixels, overlays)


def mosaic(pixels: Pixels) -> Pixels:
    """`pixels` in squares so coarse that nobody's face and no plate can be read, of the same size.

    Evidence travels, so it is masked where it is made. No detector here finds every face, so the whole picture is coarsened; it shows where
    something of which size was, and the boxes beside the picture keep their precision.
    """
    height, width = pixels.shape[:2]
    cells = (min(MOSAIC_CELLS, width), max(1, min(MOSAIC_CELLS, width) * height // width))
    coarse = cv2.resize(pixels, cells, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def make_evidence(pixels: Pixels, overlays: tuple[Overlay, ...] = ()) -> Evidence:
    """JPEG of at most 200 KB, thumbnail of at most 96x54 and hash of `pixels`; raises EvidenceError."""
    jpeg = _jpeg(pixels)
    height, width = pixels.shape[:2]
    factor = min(THUMB_WIDTH_MAX / width, THUMB_HEIGHT_MAX / height, 1.0)
    size = (max(1, int(width * factor)), max(1, int(height * factor)))
    thumb = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    info = EvidenceInfo(hashlib.sha256(jpeg).hexdigest(), size[0], size[1])
    return Evidence(info, jpeg, thumb.tobytes(), overlays)


def _jpeg(pixels: Pixels) -> bytes:
    picture = pixels
    for _ in range(SHRINKS_MAX):
        made, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not made:
            break
        if coded.nbytes <= JPEG_BYTES_MAX:
            return coded.tobytes()
        picture = np.asarray(cv2.resize(picture, None, fx=SHRINK, fy=SHRINK, interpolation=cv2.INTER_AREA), np.uint8)
    raise EvidenceError(
        f"no jpeg of at most {JPEG_BYTES_MAX} bytes from a picture of {pixels.shape[1]}x{pixels.shape[0]}: lower the camera's resolution"
    )


def _worth(frame: _Recent, track_id: int) -> float:
    track = next((track for track in frame.tracks if track.id == track_id), None)
    if track is None:
        return 0.0
    height, width = frame.pixels.shape[:2]
    x1, y1 = max(int(track.box[0]), 0), max(int(track.box[1]), 0)
    x2, y2 = min(int(track.box[2]), width), min(int(track.box[3]), height)
    if x2 - x1 < 2 or y2 - y1 < 2:
        return 1e-9
    grey = cv2.cvtColor(frame.pixels[y1:y2, x1:x2], cv2.COLOR_BGR2GRAY)
    sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return float(track.score * (x2 - x1) * (y2 - y1) * (1 + sharpness))


def _overlay(track: Track, classes: Sequence[str], pixels: Pixels) -> Overlay:
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = track.box
    box = (round(x1 / width, 4), round(y1 / height, 4), round(x2 / width, 4), round(y2 / height, 4))
    return Overlay(classes[track.label], round(min(max(track.score, 0.0), 1.0), 3), box)
