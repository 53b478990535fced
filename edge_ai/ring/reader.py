"""The analysis process's end of a frame ring: sees what is new, copies a frame out, and knows when the copy is torn.

Maps the file for reading only, so that whatever becomes of the reader the writer stays whole. Follows the writer to a new file when that
starts again. Called by edge_ai/analysis/worker.py.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_ai.capture.gate import BOXES_MAX, Motion
from edge_ai.picture import Shot
from edge_ai.ring.layout import HEAD, MAGIC, PIXELS_MAX, SLOT, STATES, fence, place_of, ring_bytes
from sync.model import Instant


@dataclass(frozen=True, slots=True)
class Offered:
    """A frame that lies in the ring; `number` finds it again."""

    number: int
    taken: Instant
    motion: Motion


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame copied out of the ring with what the gate said of it."""

    shot: Shot
    motion: Motion


class RingReader:
    """Reads the ring at `path` for `cameras`, in the writer's order; there is nothing to read until the file is there."""

    def __init__(self, path: Path, cameras: tuple[str, ...]) -> None:
        self._path = path
        self.cameras = cameras
        self._memory: mmap.mmap | None = None
        self._inode = 0
        self._published: NDArray[np.uint64] = np.zeros(len(cameras), np.uint64)
        self._looked = [0] * len(cameras)
        self.torn = dict.fromkeys(cameras, 0)
        """Frames that were overwritten before they were copied out, by camera."""

    def refresh(self) -> None:
        """Map the file anew when the writer has made a new one; call it about once a second."""
        try:
            handle = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            found = os.fstat(handle)
            if found.st_ino != self._inode and found.st_size >= ring_bytes(len(self.cameras)):
                self._map(mmap.mmap(handle, found.st_size, prot=mmap.PROT_READ), found.st_ino)
        finally:
            os.close(handle)

    def news(self) -> list[tuple[str, Offered]]:
        """The newest frame of each camera that has one since the last call."""
        if self._memory is None:
            return []
        found: list[tuple[str, Offered]] = []
        for index, number in enumerate(self._published.tolist()):
            if number != self._looked[index]:
                self._looked[index] = number
                header = self._header(index, number)
                if header is not None:
                    found.append((self.cameras[index], Offered(number, Instant(int(header["taken_us"][0])), _motion(header))))
        return found

    def take(self, camera: str, number: int) -> Seen | None:
        """A copy of a frame that `news` named; None when it was overwritten meanwhile, which is counted."""
        index = self.cameras.index(camera)
        header = self._header(index, number)
        seen = None if header is None else self._copied(camera, index, number, header)
        if seen is None:
            self.torn[camera] += 1
        return seen

    def _copied(self, camera: str, index: int, number: int, header: NDArray[np.void]) -> Seen | None:
        assert self._memory is not None
        width, height = int(header["width"][0]), int(header["height"][0])
        if not 0 < width * height <= PIXELS_MAX:
            return None
        place = place_of(index, number)
        pixels = np.frombuffer(self._memory, np.uint8, height * width * 3, place.pixels).reshape(height, width, 3).copy()
        if not self._whole(index, number):
            return None
        shot = Shot(camera, pixels, Instant(int(header["taken_us"][0])), int(header["wall_us"][0]), int(header["generation"][0]))
        return Seen(shot, _motion(header))

    def _header(self, index: int, number: int) -> NDArray[np.void] | None:
        """A copy of the header of a camera's frame; None when the slot holds another frame, or none whole."""
        assert self._memory is not None
        header = np.frombuffer(self._memory, SLOT, 1, place_of(index, number).header).copy()
        return header if int(header["sequence"][0]) == 2 * number and self._whole(index, number) else None

    def _whole(self, index: int, number: int) -> bool:
        assert self._memory is not None
        fence()
        return int(np.frombuffer(self._memory, "<u8", 1, place_of(index, number).header)[0]) == 2 * number

    def _map(self, memory: mmap.mmap, inode: int) -> None:
        head = np.frombuffer(memory, HEAD, 1)
        if int(head["magic"][0]) != MAGIC or int(head["cameras"][0]) != len(self.cameras):
            return
        self._memory, self._inode = memory, inode
        self._published = head["published"][0][: len(self.cameras)]
        self._looked = [0] * len(self.cameras)


def _motion(header: NDArray[np.void]) -> Motion:
    count = min(int(header["boxes_count"][0]), BOXES_MAX)
    state = STATES[min(int(header["state"][0]), len(STATES) - 1)]
    return Motion(state, header["boxes"][0][:count].copy(), float(header["share"][0]))
