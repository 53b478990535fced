"""The boxes of the newest analysed pictures of a camera, for the clips of its events: what masks a clip when somebody asks for it.

Owns the file of boxes beside a clip. Boxes are shares of the picture, because a clip is of the camera's own size and pictures are analysed
smaller. Kept only for cameras with a rule that wants clips. Called by edge_ai/analysis/pipeline.py and clip.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Annotated

import msgspec

from edge_ai.evidence.masking import Masking, is_crowded
from edge_ai.picture import DETECTIONS_MAX, Detections, Pixels
from edge_ai.wire.clips import ClipSpan
from edge_ai.wire.words import EventName
from sync.model import Instant

KEPT_S = 40.0
"""Seconds of boxes that are remembered: the longest clip, and what a late one needs."""
FRAMES_MAX = 2_400
TRACK_BYTES_MAX = 2 << 20
WAITING_MAX = 64
"""Clips whose boxes are not complete yet."""
LATE_S = 2.0
"""Seconds after a clip's end in which its last pictures may still be analysed."""

BoxShares = tuple[int, float, float, float, float]
"""Index into the classes, then x1, y1, x2, y2 in shares of width and height, not cut at the edge."""


class SeenAt(msgspec.Struct, frozen=True, array_like=True):
    """The boxes of one analysed picture."""

    at_us: int
    """Monotonic, as in ClipSpan."""
    boxes: Annotated[tuple[BoxShares, ...], msgspec.Meta(max_length=DETECTIONS_MAX)]
    is_crowded: bool = False
    """True: more may have been there than a detector tells. No boxes stand here then, and nothing around stays sharp."""


class TrackFile(msgspec.Struct, frozen=True, kw_only=True):
    """The boxes of a clip."""

    event_id: EventName
    classes: Annotated[tuple[str, ...], msgspec.Meta(max_length=1_000)]
    masking: Masking
    """How pictures of the camera were masked then."""
    frames: Annotated[tuple[SeenAt, ...], msgspec.Meta(max_length=FRAMES_MAX)]


class BoxTrack:
    """One camera's boxes."""

    def __init__(self, classes: Sequence[str], masking: Masking) -> None:
        self._classes = tuple(classes)
        self._masking = masking
        self._frames: deque[SeenAt] = deque(maxlen=FRAMES_MAX)
        self._waiting: dict[str, ClipSpan] = {}

    def add(self, pixels: Pixels, seen: Detections, now: Instant) -> None:
        """What was found in a picture taken at `now`."""
        height, width = pixels.shape[:2]
        while self._frames and self._frames[0].at_us < now.us - KEPT_S * 1e6:
            self._frames.popleft()
        if is_crowded(seen):
            self._frames.append(SeenAt(now.us, (), is_crowded=True))
            return
        scale = (width, height, width, height)
        boxes = [
            (int(label), *(round(float(side) / size, 4) for side, size in zip(box, scale, strict=True)))
            for box, label in zip(seen.boxes, seen.classes, strict=True)
        ]
        self._frames.append(SeenAt(now.us, tuple(boxes)))

    def want(self, event_id: str, span: ClipSpan) -> None:
        """An event's clip will need its boxes."""
        if len(self._waiting) < WAITING_MAX:
            self._waiting[event_id] = span

    def due(self, now: Instant) -> list[tuple[str, bytes]]:
        """Files of boxes that are complete by `now`, each told once, by event."""
        ended = [event_id for event_id, span in self._waiting.items() if now.us > span.until_us + LATE_S * 1e6]
        made = [(event_id, self._file(event_id, self._waiting.pop(event_id))) for event_id in ended]
        return [(event_id, data) for event_id, data in made if len(data) <= TRACK_BYTES_MAX]

    def _file(self, event_id: str, span: ClipSpan) -> bytes:
        # A clip begins with a key picture, which may be some seconds before its span.
        low, high = span.since_us - KEPT_S * 1e6, span.until_us + LATE_S * 1e6
        frames = tuple(frame for frame in self._frames if low <= frame.at_us <= high)
        return msgspec.json.encode(TrackFile(event_id=event_id, classes=self._classes, masking=self._masking, frames=frames))


def read_track(data: bytes) -> TrackFile | None:
    """The boxes in a file; None when there are none that can be read."""
    try:
        return msgspec.json.decode(data, type=TrackFile)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
