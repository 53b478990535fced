"""A file of a node's folder that one writer at a time holds, by flock, with the writer's name inside for whoever has to wait.

The kernel drops the lock with the process, so one that was killed leaves nothing to clean up; the file itself stays. Two threads of one
process keep each other out, too. Called by node/run_lock.py and node/cameras/listing.py.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.errors import NodeError

LOOK_EVERY_S = 0.02
"""How often who waits tries again."""
HOLDER_BYTES_MAX = 120
UNKNOWN = "unknown"


class LockFailed(NodeError):
    """The file cannot be held: LockHeld, or a folder or a disk that does not let it."""


class LockHeld(LockFailed):
    """Somebody else holds the file.

    `holder` is their process id, and what they do where they said it; UNKNOWN in the moment before they wrote it.
    """

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is held by process {holder}: try again when it has ended")
        self.holder = holder


@contextmanager
def file_lock(path: Path, *, doing: str = "", wait_s: float = 0.0) -> Iterator[None]:
    """Hold `path`, for at most `wait_s` of waiting; `doing` is a word or two for others who wait. Blocking.

    Raises LockHeld when the time is over, LockFailed when the file cannot be opened, locked or written.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LockFailed(f"{path} cannot be opened ({error.strerror}): check the folder's owner and mode") from error
    try:
        _take(handle, path, wait_s)
        _note_holder(handle, path, f"{os.getpid()} ({doing})" if doing else str(os.getpid()))
        yield
    finally:
        os.close(handle)


def _take(handle: int, path: Path, wait_s: float) -> None:
    for left in range(round(wait_s / LOOK_EVERY_S), -1, -1):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise LockHeld(path, _holder(handle)) from None
            time.sleep(LOOK_EVERY_S)  # noqa: TID251 - a lock of another process tells nobody when it is free
        except OSError as error:
            raise LockFailed(f"{path} cannot be locked ({error.strerror}): a node's folder lies on a disk of this machine") from error
        else:
            return


def _holder(handle: int) -> str:
    said = os.pread(handle, HOLDER_BYTES_MAX, 0).decode(errors="replace").partition("\n")[0]
    return "".join(char for char in said if char.isprintable()).strip() or UNKNOWN


def _note_holder(handle: int, path: Path, holder: str) -> None:
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{holder}\n".encode(), 0)
    except OSError as error:
        raise LockFailed(f"{path} cannot be written ({error.strerror}): free space on its disk, then start again") from error
