"""The last few analysed frames of a camera, and which of them proves an event best.

Owns the choice: score x area x sharpness inside the rule's zone. Boxes are never burnt into a picture. Called by
edge_ai/analysis/pipeline.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2

from edge_ai.errors import EvidenceError
from edge_ai.evidence.coding import Evidence, make_evidence, no_picture
from edge_ai.evidence.masking import Masking, is_crowded, masked_boxes, masking_for, mosaic
from edge_ai.picture import Detections, Pixels
from edge_ai.tracking.tracker import Track
from edge_ai.wire.events import OVERLAYS_MAX, Overlay
from edge_ai.zones import Point, inside

RECENT_FRAMES = 6
"""Analysed frames among which the best is sought; bounds the memory to as many pictures per camera."""
Masked = Callable[[], tuple[Pixels, Masking]]
NOT_CODED = "picture-not-coded"
"""Reason of an event without picture: it could not be made into a JPEG."""


@dataclass(frozen=True, slots=True)
class _Recent:
    pixels: Pixels
    tracks: tuple[Track, ...]
    seen: Detections | None
    """Every box of the detector, tracked or not; None: not told, so nothing may stay sharp."""


class RecentFrames:
    """The last few analysed frames of a camera with what was found in them."""

    def __init__(self, classes: Sequence[str], *, shows_people: bool, whole: bool = False) -> None:
        """`shows_people` is False for rendered scenes; `whole` leaves nothing sharp, whatever the classes allow."""
        self._classes = classes
        self._masking = masking_for(() if whole else classes, shows_people=shows_people)
        self._frames: deque[_Recent] = deque(maxlen=RECENT_FRAMES)

    @property
    def masking(self) -> Masking:
        """What pictures of this camera go through where boxes are known."""
        return self._masking

    def add(self, pixels: Pixels, tracks: Sequence[Track], seen: Detections | None = None) -> None:
        """Remember a frame; the caller does not change it afterwards. `seen` are all boxes: a thing not yet tracked is masked too."""
        self._frames.append(_Recent(pixels, tuple(tracks), seen))

    def clear(self) -> None:
        """Forget all frames."""
        self._frames.clear()

    def evidence_for(self, track_id: int, zone: Sequence[Point] = ()) -> Evidence:
        """The frame where the track shows best, its foot inside `zone` (corners in shares) before all; an empty one where none is made."""
        assert self._frames, "a frame is added before its events"
        best = max(range(len(self._frames)), key=lambda index: _worth(self._frames[index], track_id, zone))
        frame = self._frames[best]
        overlays = tuple(_overlay(track, self._classes, frame.pixels) for track in frame.tracks[:OVERLAYS_MAX])
        try:
            masked, masking = self._masked(tuple(self._frames), best)
            return make_evidence(masked, overlays, original=frame.pixels, masking=masking.value)
        except EvidenceError:
            return no_picture(NOT_CODED, overlays)

    def newest(self) -> Masked | None:
        """What makes the newest picture masked, on any thread and from what is known now; None before the first frame."""
        frames = tuple(self._frames)
        return partial(self._masked, frames, len(frames) - 1) if frames else None

    def _masked(self, frames: Sequence[_Recent], index: int) -> tuple[Pixels, Masking]:
        frame = frames[index]
        if self._masking is Masking.NONE:
            return frame.pixels, Masking.NONE
        if self._masking is Masking.MOSAIC or frame.seen is None or is_crowded(frame.seen):
            return mosaic(frame.pixels), Masking.MOSAIC
        # What a detector misses in one picture it mostly finds in one of those around it.
        return masked_boxes(frame.pixels, [one.seen for one in frames if one.seen is not None], self._classes), Masking.BOXES


def _worth(frame: _Recent, track_id: int, zone: Sequence[Point]) -> tuple[bool, float]:
    """Whether the track stands in the zone, then how well it shows."""
    track = next((track for track in frame.tracks if track.id == track_id), None)
    if track is None:
        return False, 0.0
    height, width = frame.pixels.shape[:2]
    foot = ((track.box[0] + track.box[2]) / 2 / width, track.box[3] / height)
    is_inside = len(zone) < 3 or inside(tuple(zone), foot)
    return is_inside, track.score * _clearness(frame.pixels, track)


def _clearness(pixels: Pixels, track: Track) -> float:
    """Area of the box inside the picture times its sharpness (variance of the Laplacian)."""
    height, width = pixels.shape[:2]
    x1, y1 = max(int(track.box[0]), 0), max(int(track.box[1]), 0)
    x2, y2 = min(int(track.box[2]), width), min(int(track.box[3]), height)
    if x2 - x1 < 2 or y2 - y1 < 2:
        return 1e-9
    grey = cv2.cvtColor(pixels[y1:y2, x1:x2], cv2.COLOR_BGR2GRAY)
    sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return float((x2 - x1) * (y2 - y1)) * (1 + sharpness)


def _overlay(track: Track, classes: Sequence[str], pixels: Pixels) -> Overlay:
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = track.box
    box = (round(x1 / width, 4), round(y1 / height, 4), round(x2 / width, 4), round(y2 / height, 4))
    return Overlay(classes[track.label], round(min(max(track.score, 0.0), 1.0), 3), box)
