"""Where things lie in a frame ring's file, and the file itself: made whole with all its room reserved, or refused.

A file of our own in the runtime folder, not `multiprocessing.shared_memory`: Python before 3.13 unlinks segments of living processes
(EDGE_AI failure 5). Called by writer.py and reader.py.
"""

from __future__ import annotations

import mmap
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_ai.capture.gate import BOXES_MAX, GateState
from edge_ai.errors import RingError
from edge_ai.spec import CAMERAS_PER_WORKER_MAX

MAGIC = 0x59_4E_52_49_4E_47
"""First word of a ring's file."""
SLOTS_PER_CAMERA = 2
"""One is read while the next is written."""
PIXELS_MAX = 1280 * 720
"""Pixels of the largest picture a slot holds; larger ones are scaled down."""
PAGE_BYTES = 4_096

STATES = tuple(GateState)
"""Gate states by their number in a slot."""

HEAD = np.dtype(
    [("magic", "<u8"), ("cameras", "<u8"), ("published", "<u8", (CAMERAS_PER_WORKER_MAX,))],
)
"""Start of the file. `published`: frames so far, by camera."""

SLOT = np.dtype(
    [
        ("sequence", "<u8"), ("generation", "<u8"), ("taken_us", "<i8"), ("wall_us", "<i8"), ("width", "<u4"), ("height", "<u4"),
        ("state", "<u4"), ("boxes_count", "<u4"), ("share", "<f4"), ("reserved", "<u4"), ("boxes", "<f4", (BOXES_MAX, 4)),
    ],
)  # fmt: skip
"""Start of a slot. `sequence`: 2n when it holds the camera's frame n whole, odd while it is written; the rest describes the frame."""
PIXELS_AT = -(-SLOT.itemsize // 64) * 64
"""Offset of the pixels in a slot."""
SLOT_BYTES = -(-(PIXELS_AT + PIXELS_MAX * 3) // PAGE_BYTES) * PAGE_BYTES

_fence_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Place:
    """Offsets of one slot."""

    header: int
    pixels: int


def ring_bytes(cameras: int) -> int:
    """Size of the file for so many cameras."""
    return PAGE_BYTES + cameras * SLOTS_PER_CAMERA * SLOT_BYTES


def place_of(camera: int, number: int) -> Place:
    """The slot of frame `number` of a camera."""
    start = PAGE_BYTES + (camera * SLOTS_PER_CAMERA + number % SLOTS_PER_CAMERA) * SLOT_BYTES
    return Place(start, start + PIXELS_AT)


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
        raise RingError(
            f"frame ring {path.name} cannot be made in {path.parent}: {error.strerror}; name a writable [edge] ring_dir"
        ) from error
    try:
        os.posix_fallocate(handle, 0, size)
        return mmap.mmap(handle, size)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise RingError(
            f"no room for a frame ring of {size >> 20} MiB in {path.parent}: {error.strerror}; "
            f"free space there, or name another [edge] ring_dir"
        ) from error
    finally:
        os.close(handle)
