"""Where things lie in a frame ring's file, and the file itself: made whole with all its room reserved, or refused.

A file of our own in the runtime folder, not `multiprocessing.shared_memory`: Python before 3.13 unlinks segments of living processes
(EDGE_AI failure 5). Called by writer.py and reader.py.
"""

from __future__ import annotations

import mmap
import os
import threading
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from edge_ai.capture.gate import BOXES_MAX, GateState
from edge_ai.errors import RingError
from edge_ai.reasons import reason, system_reason

MAGIC = 0x59_4E_52_49_4E_47
"""First word of a ring's file."""
SLOTS_PER_CAMERA = 2
"""One is read while the next is written."""
PIXELS_MAX = 1280 * 720
"""Pixels of the largest picture a slot holds; larger ones are scaled down."""
PAGE_BYTES = 4_096

STATES = tuple(GateState)
"""Gate states by their number in a slot."""

WORD_BYTES = 8
"""Of a counter. One is stored and read in one go, unlike what `Struct` packs: the file is seen as an array of them too."""
MAGIC_WORD, CAMERAS_WORD, PUBLISHED_WORD = 0, 1, 2
"""Words at the start of the file; of `published`, frames so far, there is one for each camera."""


class Description(NamedTuple):
    """What a slot says of its frame, behind its sequence."""

    generation: int
    taken_us: int
    wall_us: int
    width: int
    height: int
    state: int
    """Index into STATES."""
    boxes: int
    """How many of the gate's boxes follow."""
    share: float


DESCRIPTION = Struct("<QqqIIIIf")
DESCRIPTION_AT = WORD_BYTES
"""Offsets in a slot. It begins with its sequence: 2n when it holds the camera's frame n whole, odd while it is written."""
BOXES_AT = 64
"""Four float32 each."""
PIXELS_AT = BOXES_AT + BOXES_MAX * 16
SLOT_BYTES = -(-(PIXELS_AT + PIXELS_MAX * 3) // PAGE_BYTES) * PAGE_BYTES

_fence_lock = threading.Lock()


class Place(NamedTuple):
    """Offsets of one slot in the file."""

    sequence: int
    """Its word."""
    description: int
    boxes: int
    pixels: int


def ring_bytes(cameras: int) -> int:
    """Size of the file for so many cameras."""
    return PAGE_BYTES + cameras * SLOTS_PER_CAMERA * SLOT_BYTES


def place_of(camera: int, number: int) -> Place:
    """The slot of frame `number` of a camera."""
    start = PAGE_BYTES + (camera * SLOTS_PER_CAMERA + number % SLOTS_PER_CAMERA) * SLOT_BYTES
    return Place(start // WORD_BYTES, start + DESCRIPTION_AT, start + BOXES_AT, start + PIXELS_AT)


def fence() -> None:
    """Keep the stores before this call before those after it, also on processors that reorder stores.

    Two rounds of a lock: what is before the first release stays before the second acquire.
    """
    for _ in range(2):
        with _fence_lock:
            pass


def reserve(path: Path, size: int) -> mmap.mmap:
    """A new file of `size` bytes at `path`, in the place of an old one, with every block reserved; raises RingError.

    Without the reservation a full file system would end the process by SIGBUS at the first touch (EDGE_AI failure 4).
    """
    path.unlink(missing_ok=True)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise RingError(reason("ring-unmade", ring=path.name, folder=path.parent, what=system_reason(error))) from error
    try:
        os.posix_fallocate(handle, 0, size)
        return mmap.mmap(handle, size)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise RingError(reason("ring-no-room", mib=size >> 20, folder=path.parent, what=system_reason(error))) from error
    finally:
        os.close(handle)
