"""The files a power cut may leave behind in the middle of a commit, for the simulator and the tests.

The model: what was synced before the commit is on the disk. Of the bytes that the commit changes, first in the write-ahead log, then
(when it moved the log into the file) in the database, a prefix arrived; the rest is as before. One changed byte of what arrived may be
wrong, because a sector that was being written is undefined; once the database is being written, the log is whole.
The memory-mapped `-shm` never survives. `kill -9` alone never does this: the kernel keeps the pages. Chance is an argument; nothing here
is used by a running node.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random


@dataclass(frozen=True, slots=True)
class DiskImage:
    """The bytes of a journal's two files."""

    database: bytes
    log: bytes
    """The write-ahead log; empty when there is none."""

    @classmethod
    def of(cls, path: Path) -> DiskImage:
        """The files as they are; `path` is the database."""
        log = _log_path(path)
        return cls(path.read_bytes(), log.read_bytes() if log.exists() else b"")

    def write(self, path: Path) -> None:
        """Put the files at `path` as a machine finds them when it starts again."""
        path.write_bytes(self.database)
        _log_path(path).write_bytes(self.log)
        path.with_name(path.name + "-shm").unlink(missing_ok=True)


def unsynced_bytes(before: DiskImage, after: DiskImage) -> int:
    """Bytes the commit put at risk: the largest `cut` that makes sense."""
    return _changed(before.log, after.log) + _changed(before.database, after.database)


def torn(before: DiskImage, after: DiskImage, *, cut: int, flip: Random | None = None) -> DiskImage:
    """What is left when `cut` bytes of the change arrived; with `flip`, one of them is wrong.

    `before` and `after` are the files around one commit. Raises ValueError for a cut outside 0..unsynced_bytes.
    """
    if not 0 <= cut <= unsynced_bytes(before, after):
        raise ValueError(f"cut at {cut} refused: the commit changed {unsynced_bytes(before, after)} bytes")
    in_log = min(cut, _changed(before.log, after.log))
    in_database = cut - in_log
    log = _mix(before.log, after.log, in_log)
    database = _mix(before.database, after.database, in_database)
    if flip is None or cut == 0:
        return DiskImage(database, log)
    if in_database:
        # The log was synced before the first byte of the database was written.
        return DiskImage(_flipped(database, before.database, after.database, in_database, flip), log)
    return DiskImage(database, _flipped(log, before.log, after.log, in_log, flip))


def _log_path(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _first_change(before: bytes, after: bytes) -> int:
    shared = min(len(before), len(after))
    if before[:shared] == after[:shared]:
        return shared
    low, high = 0, shared
    while high - low > 1:
        middle = (low + high) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _changed(before: bytes, after: bytes) -> int:
    return len(after) - _first_change(before, after)


def _mix(before: bytes, after: bytes, arrived: int) -> bytes:
    stop = _first_change(before, after) + arrived
    return after[:stop] + before[stop:]


def _flipped(image: bytes, before: bytes, after: bytes, arrived: int, flip: Random) -> bytes:
    first = _first_change(before, after)
    position = first + flip.randrange(arrived)
    # A byte that the commit leaves as it was may belong to a page that nobody wrote; the first of the range does change.
    while position > first and position < len(before) and before[position] == after[position]:
        position -= 1
    wrong = bytearray(image)
    wrong[position] ^= flip.randrange(1, 256)
    return bytes(wrong)
