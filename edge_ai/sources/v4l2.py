"""USB cameras by Video4Linux. Not proven on hardware: no such camera was there; only refusals are tested.

Called by edge_ai/sources/opening.py.
"""

from __future__ import annotations

import re

import cv2

from edge_ai.errors import SourceError
from edge_ai.picture import Pixels
from edge_ai.reasons import reason
from edge_ai.sources.decoder import as_picture
from edge_ai.sources.files import believed_fps
from edge_ai.sources.rtsp.picture_size import check_size

READ_TIMEOUT_MS = 10_000
_DEVICE = re.compile(r"/dev/video\d{1,3}|/dev/v4l/by-(id|path)/[\w.:-]{1,200}")


class UsbSource:
    """The pictures of a local camera; uncompressed or Motion JPEG, so there is no packet ring."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self.fps = believed_fps(capture)
        self.codec = ""
        self.restarts = 0
        self.damaged = 0
        self.packets = None

    def skip(self) -> bool:
        """Pass over a frame without converting it; raises SourceError when the camera gives none."""
        try:
            grabbed = self._capture.grab()
        except cv2.error as error:
            raise SourceError(reason("device-gone")) from error
        if not grabbed:
            raise SourceError(reason("device-gone"))
        return True

    def read(self, room: Pixels | None = None) -> Pixels | None:
        """The next picture; raises SourceError when the camera gives none."""
        try:
            ok, pixels = self._capture.read(room)
        except cv2.error as error:
            raise SourceError(reason("device-gone")) from error
        picture = as_picture(pixels) if ok else None
        if picture is None:
            raise SourceError(reason("device-gone"))
        return picture

    def ending(self) -> None:
        """A camera promises nothing."""

    def interrupt(self) -> None:
        """The driver's own time limit ends a read."""

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()


def open_usb(device: str) -> UsbSource:
    """Open /dev/videoN; raises SourceError with the way out."""
    if not _DEVICE.fullmatch(device):
        raise SourceError(reason("not-a-device", device=repr(device[:60])))
    try:
        capture = cv2.VideoCapture(device, cv2.CAP_V4L2, [cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS])
    except cv2.error as error:
        raise SourceError(reason("device-closed", device=device)) from error
    if not capture.isOpened():
        capture.release()
        raise SourceError(reason("device-closed", device=device))
    check_size(int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    return UsbSource(capture)
