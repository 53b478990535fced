"""Compressed access units into pictures: cv2's FFmpeg reads them from memory, asking for one when it needs one.

Owns the options that FFmpeg is opened with, for streams as for files: cv2 takes them from the environment of the process, so opening is
one at a time. cv2 is never given a network address (its wheel carries an old OpenSSL). Called by live.py and files.py.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import cv2
import numpy as np

from edge_ai.errors import SourceError
from edge_ai.picture import Pixels
from edge_ai.reasons import reason
from edge_ai.sources.lending import LentStream
from edge_ai.sources.rtsp.codec import AccessUnit, Codec
from edge_ai.sources.rtsp.units import payloads_for

_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_DEMUXERS = {Codec.H264: "h264", Codec.H265: "hevc", Codec.MPEG4: "m4v"}
_LIVE = "|probesize;32|fpsprobesize;0|protocol_whitelist;pipe"
"""The first access unit tells everything, so nothing is held back to look for more."""
_FILE = "protocol_whitelist;file"
"""A file that names other places (a playlist, a session description) opens none of them."""
_QUIET = "-8"
_opening = threading.Lock()


@contextmanager
def ffmpeg_options(options: str = _FILE) -> Iterator[None]:
    """Open one cv2.VideoCapture inside: nobody else's options are in force meanwhile. Nothing inside may wait for a network."""
    # stderr belongs to the process; what FFmpeg has to say about a stream is in our own errors and counts.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _QUIET)
    with _opening:
        before = os.environ.get(_OPTIONS)
        os.environ[_OPTIONS] = options
        try:
            yield
        finally:
            if before is None:
                del os.environ[_OPTIONS]
            else:
                os.environ[_OPTIONS] = before


class _Units:
    """The stream as cv2 sees it: each read gives what is left of a unit, and asks for the next one only when nothing is."""

    def __init__(self, first: AccessUnit, more: Callable[[], AccessUnit | None], delimiter: bytes) -> None:
        self._rest = memoryview(first.data + delimiter)
        self._more = more
        self._delimiter = delimiter
        self.is_open = False
        """False until the decoder knows what it decodes: until then nothing may wait."""
        self.has_ended = False

    def read(self, size: int | None, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        if not self._rest and not self.has_ended:
            unit = self._more() if self.is_open else None
            self.has_ended = unit is None
            self._rest = memoryview(unit.data + self._delimiter if unit is not None else b"")
        end = len(self._rest) if size is None or size < 0 else size
        piece, self._rest = bytes(self._rest[:end]), self._rest[end:]
        return piece

    def seek(self, _offset: int, _whence: int, /) -> int:
        """There is no way back."""
        return -1


class StreamDecoder:
    """Decodes from a key unit on. `more` gives the next unit, waiting for it, or None when there is none of this stream."""

    def __init__(self, first: AccessUnit, more: Callable[[], AccessUnit | None]) -> None:
        assert first.is_key, "decoding begins with a key unit"
        self._is_drained = False
        self._units = _Units(first, more, payloads_for(first.format.codec).delimiter)
        self._stream = LentStream(self._units.read, self._units.seek)
        try:
            with ffmpeg_options(f"input_format;{_DEMUXERS[first.format.codec]}{_LIVE}"):
                # Its stubs know only IStreamReader; what is taken is any io.BufferedIOBase.
                self._capture = cv2.VideoCapture(cast("Any", self._stream), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        except cv2.error as error:
            raise SourceError(reason("not-decodable")) from error
        self._units.is_open = True

    @property
    def has_ended(self) -> bool:
        """True when `more` gave None: what `read` lacks then is no failure."""
        return self._units.has_ended

    def skip(self) -> bool:
        """Decode a picture without converting it; False at the end or on an error."""
        return self._grabbed() or (self._may_hold_more() and self._grabbed())

    def read(self, room: Pixels | None = None) -> Pixels | None:
        """The next picture, in `room` where it has that size; None at the end or on an error."""
        return self._retrieved(room) if self.skip() else None

    def _may_hold_more(self) -> bool:
        """True once after the end: the delimiter behind the last unit is an error to the decoder, before it gives what it held back."""
        first = self._units.has_ended and not self._is_drained
        self._is_drained = self._units.has_ended
        return first

    def _grabbed(self) -> bool:
        try:
            return bool(self._capture.grab())
        except cv2.error:
            return False

    def _retrieved(self, room: Pixels | None) -> Pixels | None:
        try:
            ok, pixels = self._capture.retrieve(room)
        except cv2.error:
            return None
        return as_picture(pixels) if ok else None

    def close(self) -> None:
        """Release the decoder."""
        self._capture.release()
        self._stream.names.asked(None)


def as_picture(pixels: object) -> Pixels | None:
    """`pixels` as three colours of 8 bits; None for anything else that cv2 may give."""
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 3 or pixels.shape[2] != 3:
        return None
    return np.asarray(pixels, np.uint8)
