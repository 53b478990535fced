"""The home of video reading: files, RTSP and USB cameras behind one port, each open and read with a time limit.

Called by edge_ai/capture.py, and by tests and benchmarks that read clips as fast as they can.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from edge_ai.errors import SourceError
from edge_ai.picture import Pixels
from edge_ai.spec import CameraKind, CameraSpec

OPEN_TIMEOUT_MS = 5_000
READ_TIMEOUT_MS = 10_000
FPS_DEFAULT = 25.0
"""For sources that do not say."""
FPS_MAX = 240.0
"""A source that claims more is not believed."""
SHORT_BY_FRAMES = 2
SHORT_BY_SHARE = 0.02
"""A file may end this many frames, or this share, before the count in its header without being called damaged."""


class FrameSource(Protocol):
    """Pictures, one after another. Implementations: OpenCvSource; a scripted one in tests."""

    @property
    def fps(self) -> float:
        """Frames per second the source claims."""

    def skip(self) -> bool:
        """Pass over a frame without converting it; False at the end or on an error."""

    def read(self) -> Pixels | None:
        """The next picture, the caller's own; None at the end or on an error."""

    def ending(self) -> str:
        """After the end: empty when the source gave all it promised, else what is missing."""

    def close(self) -> None:
        """Release decoder and file."""


class OpenCvSource:
    """cv2.VideoCapture with limits."""

    def __init__(self, capture: cv2.VideoCapture, name: str) -> None:
        self._capture = capture
        self._name = name
        claimed = capture.get(cv2.CAP_PROP_FPS)
        self.fps = claimed if 0 < claimed <= FPS_MAX else FPS_DEFAULT
        promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._promised = int(promised) if 0 < promised < 1e9 else 0
        self._given = 0

    def skip(self) -> bool:
        """Pass over a frame without converting it."""
        try:
            grabbed = self._capture.grab()
        except cv2.error:
            return False
        if not grabbed:
            return False
        self._given += 1
        return True

    def read(self) -> Pixels | None:
        """The next picture."""
        try:
            ok, pixels = self._capture.read()
        except cv2.error:
            return None
        if not ok or pixels is None or pixels.ndim != 3 or pixels.shape[2] != 3:
            return None
        self._given += 1
        return np.asarray(pixels, np.uint8)

    def ending(self) -> str:
        """What is missing at the end: OpenCV takes a decoding error for the end of the file (EDGE_AI 1)."""
        missing = self._promised - self._given
        if missing <= max(SHORT_BY_FRAMES, SHORT_BY_SHARE * self._promised):
            return ""
        return f"{self._name} is damaged: {self._given} of {self._promised} frames readable; copy the file again"

    def close(self) -> None:
        """Release decoder and file."""
        self._capture.release()


def open_source(camera: CameraSpec) -> FrameSource:
    """Open what `camera` names; raises SourceError with the way out."""
    if camera.kind.is_clip:
        _check_file(camera)
    refusal = f"camera {camera.id}: {_shown(camera)} does not open as {camera.kind.value}; {_WAYS_OUT[camera.kind]}"
    try:
        capture = _open(camera)
    except cv2.error as error:
        raise SourceError(refusal) from error
    if not capture.isOpened():
        capture.release()
        raise SourceError(refusal)
    return OpenCvSource(capture, _shown(camera))


_WAYS_OUT = {
    CameraKind.FILE: "check that it is a whole video file",
    CameraKind.RENDERED: "render the clip again",
    CameraKind.RTSP: "check address, network and that the camera is on",
    CameraKind.V4L2: "check that the device exists and nobody else uses it",
}


def _check_file(camera: CameraSpec) -> None:
    path = Path(camera.source)
    if path.is_dir():
        raise SourceError(f"camera {camera.id}: {path.name} is a folder: name one video file in it")
    if not path.is_file():
        raise SourceError(f"camera {camera.id}: {path.name} does not exist: correct `source` of the camera")
    if path.stat().st_size == 0:
        raise SourceError(f"camera {camera.id}: {path.name} is empty: copy the file again")


def _open(camera: CameraSpec) -> cv2.VideoCapture:
    if camera.kind is CameraKind.V4L2:
        return cv2.VideoCapture(camera.source, cv2.CAP_V4L2)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
    return cv2.VideoCapture(camera.source, cv2.CAP_FFMPEG, limits)


def _shown(camera: CameraSpec) -> str:
    """The source without what may be a password."""
    if camera.kind.is_clip:
        return Path(camera.source).name
    return camera.source.rpartition("@")[2]
