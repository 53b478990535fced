"""One process per node folder: an flock on <dir>/run.lock for as long as the node runs.

The kernel drops the lock with the process, so a killed node leaves nothing to clean up. Refuses a second `yunnao run` before it opens the
journal. Called by node/appliance.py.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError

LOCK_NAME = "run.lock"


class AlreadyRunning(NodeError):
    """Another process runs the node of this folder."""

    exit_code: ClassVar[int] = EXIT_REFUSED


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; raises AlreadyRunning with the other's process id, NodeError when the file cannot be written."""
    path = folder / LOCK_NAME
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NodeError(f"{path} cannot be opened ({error.strerror}): check the folder's owner and mode") from error
    try:
        _take(handle, folder)
        _note_holder(handle, path)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 20, 0).decode(errors="replace").strip() or "unknown"
        raise AlreadyRunning(
            f"the node in {folder} is running already, as process {holder}: stop that one first, or choose another --dir"
        ) from None


def _note_holder(handle: int, path: Path) -> None:
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise NodeError(f"{path} cannot be written ({error.strerror}): free space on its disk, then start again") from error
