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

from edge_ai.capture.gate import BOXES_MAX, Motion
from edge_ai.picture import Shot
from edge_ai.ring.layout import (
    CAMERAS_WORD,
    DESCRIPTION,
    MAGIC,
    MAGIC_WORD,
    PIXELS_MAX,
    PUBLISHED_WORD,
    STATES,
    Description,
    Place,
    fence,
    place_of,
    ring_bytes,
)
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
        self._words: memoryview[int] = memoryview(b"").cast("Q")
        self._inode = 0
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
        for index, camera in enumerate(self.cameras):
            number = self._words[PUBLISHED_WORD + index]
            if number != self._looked[index]:
                self._looked[index] = number
                header = self._header(index, number)
                if header is not None:
                    described, motion = header
                    found.append((camera, Offered(number, Instant(described.taken_us), motion)))
        return found

    def take(self, camera: str, number: int) -> Seen | None:
        """A copy of a frame that `news` named; None when it was overwritten meanwhile, which is counted."""
        index = self.cameras.index(camera)
        header = self._header(index, number)
        seen = None if header is None else self._copied(camera, place_of(index, number), number, *header)
        if seen is None:
            self.torn[camera] += 1
        return seen

    def _copied(self, camera: str, place: Place, number: int, described: Description, motion: Motion) -> Seen | None:
        assert self._memory is not None
        width, height = described.width, described.height
        if not 0 < width * height <= PIXELS_MAX:
            return None
        pixels = np.frombuffer(self._memory, np.uint8, height * width * 3, place.pixels).reshape(height, width, 3).copy()
        if not self._is_whole(place, number):
            return None
        return Seen(Shot(camera, pixels, Instant(described.taken_us), described.wall_us, described.generation), motion)

    def _header(self, index: int, number: int) -> tuple[Description, Motion] | None:
        """What a camera's frame says of itself; None when the slot holds another frame, or none whole."""
        assert self._memory is not None
        place = place_of(index, number)
        if not self._is_whole(place, number):
            return None
        described = Description._make(DESCRIPTION.unpack_from(self._memory, place.description))
        boxes = np.frombuffer(self._memory, np.float32, 4 * min(described.boxes, BOXES_MAX), place.boxes).reshape(-1, 4).copy()
        if not self._is_whole(place, number):
            return None
        return described, Motion(STATES[min(described.state, len(STATES) - 1)], boxes, described.share)

    def _is_whole(self, place: Place, number: int) -> bool:
        """True while the slot holds frame `number`: before it is read, and again afterwards."""
        fence()
        held = self._words[place.sequence] == 2 * number
        fence()
        return held

    def _map(self, memory: mmap.mmap, inode: int) -> None:
        words = memoryview(memory).cast("Q")
        if words[MAGIC_WORD] != MAGIC or words[CAMERAS_WORD] != len(self.cameras):
            return
        self._memory, self._words, self._inode = memory, words, inode
        self._looked = [0] * len(self.cameras)
