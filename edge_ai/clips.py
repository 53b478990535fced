"""Writes pictures as a video clip, for the camera kind `rendered`. Called by simulations/devices/street_clip.py."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2

from edge_ai.errors import SourceError
from edge_ai.picture import Pixels

FRAMES_MAX = 100_000
"""Frames of one clip."""


def write_clip(frames: Iterable[Pixels], path: Path, fps: float) -> int:
    """Write `frames` (all of one size, blue-green-red) as Motion JPEG in an .avi, or as MPEG-4 visual in an .mp4; the number written.

    Raises SourceError.
    """
    writer: cv2.VideoWriter | None = None
    written = 0
    try:
        for pixels in frames:
            if writer is None:
                size = (pixels.shape[1], pixels.shape[0])
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*("mp4v" if path.suffix == ".mp4" else "MJPG")), fps, size)
            if not writer.isOpened() or written >= FRAMES_MAX:
                raise SourceError(
                    f"clip {path.name} cannot be written at frame {written}: "
                    f"use an .avi name in a writable folder, at most {FRAMES_MAX} frames"
                )
            writer.write(pixels)
            written += 1
    finally:
        if writer is not None:
            writer.release()
    return written
