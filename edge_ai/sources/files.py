"""Video files as a source. A file is always decoded whole, whatever the mode: files are for trials, demonstrations and tests.

Called by edge_ai/sources/opening.py.
"""

from __future__ import annotations

from pathlib import Path

import cv2

from edge_ai.errors import SourceError
from edge_ai.picture import Pixels
from edge_ai.reasons import Reason, reason
from edge_ai.sources.decoder import as_picture, ffmpeg_options
from edge_ai.sources.port import FPS_DEFAULT, FPS_MAX
from edge_ai.sources.rtsp.picture_size import check_size

OPEN_TIMEOUT_MS = 5_000
READ_TIMEOUT_MS = 10_000
SHORT_BY_FRAMES = 2
SHORT_BY_SHARE = 0.02
"""A file may end this many frames, or this share, before the count in its header without being called damaged."""
FRAMES_BELIEVED_MAX = 1e9
LOOKS_BEHIND_MAX = 8
"""Pictures that are tried behind the last one that could be read."""

_FOURCC = {"h264": ("h264", "avc1"), "h265": ("hevc", "hev1", "hvc1"), "mpeg4": ("FMP4", "mp4v", "XVID"), "mjpeg": ("MJPG",)}
_CODECS = {int.from_bytes(code.encode(), "little"): name for name, codes in _FOURCC.items() for code in codes}


class ClipSource:
    """A video file; a change of size in it counts as a restart."""

    def __init__(self, capture: cv2.VideoCapture, name: str) -> None:
        self._capture = capture
        self._name = name
        self.fps = believed_fps(capture)
        self.codec = _CODECS.get(int(capture.get(cv2.CAP_PROP_FOURCC)), "")
        self.restarts = 0
        self.damaged = 0
        self.packets = None
        promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._promised = int(promised) if 0 < promised < FRAMES_BELIEVED_MAX else 0
        self._given = 0
        self._shape: tuple[int, ...] | None = None

    @property
    def at_s(self) -> float:
        """Seconds from the begin of the file to the newest picture, as the file says."""
        return float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1e3

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

    def read(self, room: Pixels | None = None) -> Pixels | None:
        """The next picture."""
        try:
            ok, pixels = self._capture.read(room)
        except cv2.error:
            return None
        picture = as_picture(pixels) if ok else None
        if picture is None:
            return None
        self._given += 1
        if self._shape not in (None, picture.shape):
            self.restarts += 1
        self._shape = picture.shape
        return picture

    def ending(self) -> Reason | None:
        """What is missing at the end: OpenCV takes a decoding error for the end of the file (EDGE_AI 1)."""
        if not self._promised:
            return self._behind()
        missing = self._promised - self._given
        if missing <= max(SHORT_BY_FRAMES, SHORT_BY_SHARE * self._promised):
            return None
        return reason("clip-damaged", file=self._name, given=self._given, promised=self._promised)

    def _behind(self) -> Reason | None:
        """Of a file that tells no count of frames: what still comes behind a picture that cannot be read."""
        given = self._given
        if not any(self.skip() for _ in range(LOOKS_BEHIND_MAX)):
            return None
        return reason("clip-damaged-at", file=self._name, picture=given + 1)

    def interrupt(self) -> None:
        """A file never lets anybody wait for long."""

    def close(self) -> None:
        """Release decoder and file."""
        self._capture.release()


def believed_fps(capture: cv2.VideoCapture) -> float:
    """What the source claims, or FPS_DEFAULT."""
    claimed = float(capture.get(cv2.CAP_PROP_FPS))
    return claimed if 0 < claimed <= FPS_MAX else FPS_DEFAULT


def open_clip(path: Path) -> ClipSource:
    """Open a video file; raises SourceError with the way out."""
    _check_file(path)
    refusal = reason("not-a-video", file=path.name)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
    limits += [cv2.CAP_PROP_N_THREADS, 1]
    try:
        with ffmpeg_options():
            capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, limits)
    except cv2.error as error:
        raise SourceError(refusal) from error
    if not capture.isOpened():
        capture.release()
        raise SourceError(refusal)
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    try:
        if not all(size):
            raise SourceError(reason("no-size"))
        check_size(*size)
    except SourceError as error:
        capture.release()
        raise SourceError(reason("in-file", file=path.name, what=error)) from error
    return ClipSource(capture, path.name)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise SourceError(reason("file-folder", file=path.name))
    if not path.is_file():
        raise SourceError(reason("file-absent", file=path.name))
    if path.stat().st_size == 0:
        raise SourceError(reason("file-empty", file=path.name))
