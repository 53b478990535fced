"""Originals and clips on their way from a worker to the node: each a file in `incoming/`, whole or not there.

Owns the write (temporary name, fsync, rename) and its bounds: the disk's floor, and what may wait for the node. Refuses to write beyond
them with a named reason; the event goes on without its picture. Called by edge_ai/spool.py, clip_keeping.py and the analysis process; the
node takes the files over (node/evidence/desk.py).
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_ai.reasons import Reason, reason
from edge_ai.spec import EVIDENCE_FLOOR_BYTES
from edge_ai.wire.events import INCOMING, EventMessage

INCOMING_FILES_MAX = 1_000
"""Files that wait for the node: one for each event a spool may hold."""
INCOMING_BYTES_MAX = 512 << 20
DISK_FLOOR, NODE_BEHIND = "disk-floor", "node-behind"
"""Reasons of an event without its original: the disk is nearly full, or the node takes nothing over."""
DISK_REFUSED = "disk-refused"
_DISK_WORDS = {
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-quota",
    errno.EACCES: "no-permission",
    errno.EPERM: "no-permission",
    errno.EROFS: "read-only",
    errno.EIO: "disk-error",
}
"""What a disk means by an error, for whoever has to mend it; anything else is DISK_REFUSED."""
_WAYS_OUT = {
    "disk-full": "free-disk",
    "disk-quota": "free-quota",
    "no-permission": "give-folder",
    "read-only": "mount-again",
    "disk-error": "look-at-disk",
}


@dataclass(frozen=True, slots=True)
class Handing:
    """The folder where the node finds originals."""

    folder: Path
    """The node's `evidence/`."""
    floor_bytes: int = EVIDENCE_FLOOR_BYTES

    def hand_over(self, message: EventMessage) -> str:
        """Write the original of an event durably; the reason why not, empty when it lies there."""
        return self.lay(f"{message.row.evidence.original_sha256}.jpg", message.original)

    def lay(self, name: str, data: bytes) -> str:
        """Write a file of `name` durably; the reason why not, empty when it lies there."""
        incoming = self.folder / INCOMING
        try:
            incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
            if why := self._no_room(incoming, len(data)):
                return why
            write_whole(incoming / name, data)
        except OSError as error:
            return disk_word(error)
        return ""

    def _no_room(self, incoming: Path, size: int) -> str:
        disk = os.statvfs(incoming)
        if disk.f_bavail * disk.f_frsize - size < self.floor_bytes:
            return DISK_FLOOR
        waiting = []
        for entry in os.scandir(incoming):
            # The node takes files away meanwhile: that is no fault of the disk.
            with suppress(FileNotFoundError):
                waiting.append(entry.stat(follow_symlinks=False).st_size)
        return NODE_BEHIND if len(waiting) >= INCOMING_FILES_MAX or sum(waiting) + size > INCOMING_BYTES_MAX else ""


def disk_word(error: OSError) -> str:
    """In one word, which is the code of a reason too, why a disk took nothing."""
    return _DISK_WORDS.get(error.errno or 0, DISK_REFUSED)


def way_out(word: str) -> Reason:
    """What to do about a disk's word."""
    return reason(_WAYS_OUT.get(word, "look-at-folder"))


def write_whole(path: Path, data: bytes) -> None:
    """Write so that the name appears only with all bytes on disk behind it. Raises OSError, and leaves nothing then."""
    temporary = path.with_name(f".{path.name}.part")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
