"""What the analysis of each camera has done, in a file that outlives the process: a frame in analysis when it dies is counted.

One memory-mapped record a camera; the node removes the file when it starts. A camera whose frames brought the process down
several times in a row is named, so that the next process leaves it alone until it has another algorithm or model. Counts go with the
camera into another list of cameras. Called by edge_ai/analysis/worker.py.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

STRIKES_MAX = 3
"""Deaths in a row with a frame of the camera in analysis after which it is not analysed any more."""
_COUNTS = ("analysed", "died_with", "in_flight", "strikes")
_KEY_BYTES = 16
_RECORD = np.dtype([("camera", f"V{_KEY_BYTES}"), ("detector", f"V{_KEY_BYTES}"), *((name, "<u8") for name in _COUNTS)])


class Ledger:
    """Counts by camera; opening it settles what the process before left in flight. `detectors` says what each camera is analysed with."""

    def __init__(self, path: Path, detectors: Mapping[str, str]) -> None:
        self._index = {camera: index for index, camera in enumerate(detectors)}
        before = _records(path.read_bytes() if path.exists() else b"")
        # A file of its own, put in place at once: whoever still has the former one mapped keeps it whole.
        part = path.with_name(f"{path.name}.part")
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            size = len(detectors) * _RECORD.itemsize
            os.posix_fallocate(handle, 0, size)
            self._records = np.frombuffer(mmap.mmap(handle, size), _RECORD)
        finally:
            os.close(handle)
        for record, (camera, detector) in zip(self._records, detectors.items(), strict=True):
            record["camera"], record["detector"] = _key(camera), _key(detector)
            if (known := before.get(_key(camera))) is not None:
                _take_over(record, known)
        part.replace(path)

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


def _key(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_KEY_BYTES).digest()


def _records(data: bytes) -> dict[bytes, np.void]:
    """What a process before left, by camera; nothing where it died while it wrote the file."""
    if len(data) % _RECORD.itemsize:
        return {}
    return {bytes(record["camera"]): record for record in np.frombuffer(data, _RECORD)}


def _take_over(record: np.void, known: np.void) -> None:
    died = known["in_flight"]
    record["analysed"], record["died_with"] = known["analysed"], known["died_with"] + died
    if bytes(known["detector"]) == bytes(record["detector"]):
        record["strikes"] = known["strikes"] + died
