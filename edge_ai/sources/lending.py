"""What cv2 reads a stream from, without the memory that it loses at each read.

cv2 5.0 asks for `read` and `seek` by a name that it makes anew for each call and never gives back: 64 bytes for each picture, 5 MiB an hour
for a camera of 25 pictures a second. Whoever is asked sees the name and takes it back at the next call, when cv2 is done with it. A cv2
that gives its names back loses nothing by this: then nobody but this module holds the name. Called by decoder.py.
"""

from __future__ import annotations

import ctypes
import io
import sys
from collections.abc import Callable

_ASKED = ("read", "seek")
_OWN_REFERENCES = 2
"""To a name that nobody else holds, as `getrefcount` counts them: our variable and its argument."""
_give_back = ctypes.pythonapi.Py_DecRef
_give_back.argtypes, _give_back.restype = [ctypes.py_object], None


class LentNames:
    """The newest name that cv2 asked with; an earlier one that one reference too many is held to is freed."""

    def __init__(self) -> None:
        self._last: str | None = None
        self.taken_back = 0

    def asked(self, name: str | None) -> None:
        """cv2 asks with `name`, so it is done with the one before; None at the end."""
        last, self._last = self._last, name
        # Names that Python code asks with are held by that code; one that cv2 kept for good would come again.
        if last is not None and last is not name and sys.getrefcount(last) == _OWN_REFERENCES + 1:
            self.taken_back += 1
            _give_back(last)


class LentStream(io.BufferedIOBase):
    """`read` and `seek` for cv2."""

    def __init__(self, read: Callable[[int | None], bytes], seek: Callable[[int, int], int]) -> None:
        super().__init__()
        self.names = LentNames()
        self._answers = dict(zip(_ASKED, (read, seek), strict=True))

    def __getattribute__(self, name: str) -> object:
        """Whatever is asked for; the names of what cv2 asks for are remembered."""
        if name not in _ASKED:
            return super().__getattribute__(name)
        self.names.asked(name)
        return self._answers[name]
