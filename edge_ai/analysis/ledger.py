"""What the analysis of each camera has done, in a file that outlives the process: a frame in analysis when it dies is counted.

One memory-mapped record a camera; the node removes the file when it starts. A camera whose frames brought the process down
several times in a row is named, so that the next process leaves it alone. Called by edge_ai/analysis/worker.py.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

STRIKES_MAX = 3
"""Deaths in a row with a frame of the camera in analysis after which it is not analysed any more."""
_RECORD = np.dtype([("analysed", "<u8"), ("died_with", "<u8"), ("in_flight", "<u8"), ("strikes", "<u8")])


class Ledger:
    """Counts by camera; opening it settles what the process before left in flight."""

    def __init__(self, path: Path, cameras: Sequence[str]) -> None:
        self._index = {camera: index for index, camera in enumerate(cameras)}
        size = len(cameras) * _RECORD.itemsize
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(handle).st_size != size:
                os.ftruncate(handle, 0)
                os.posix_fallocate(handle, 0, size)
            memory = mmap.mmap(handle, size)
        finally:
            os.close(handle)
        self._records = np.frombuffer(memory, _RECORD)
        left = self._records["in_flight"] > 0
        self._records["died_with"][left] += 1
        self._records["strikes"][left] += 1
        self._records["in_flight"] = 0

    def begin(self, camera: str) -> None:
        """A frame goes into analysis."""
        self._records["in_flight"][self._index[camera]] = 1

    def end(self, camera: str) -> None:
        """It came out of it, whatever was found."""
        index = self._index[camera]
        self._records["in_flight"][index] = 0
        self._records["strikes"][index] = 0
        self._records["analysed"][index] += 1

    def analysed(self, camera: str) -> int:
        """Frames that came out of analysis."""
        return int(self._records["analysed"][self._index[camera]])

    def died_with(self, camera: str) -> int:
        """Frames that were in analysis when a process ended."""
        return int(self._records["died_with"][self._index[camera]])

    def is_struck_out(self, camera: str) -> bool:
        """True when the camera's frames brought the process down STRIKES_MAX times in a row."""
        return int(self._records["strikes"][self._index[camera]]) >= STRIKES_MAX
