"""Originals on their way from the worker to the node: each a file in `incoming/`, whole or not there, named by its SHA-256.

Owns the write (temporary name, fsync, rename) and its bounds: the disk's floor, and what may wait for the node. Refuses to write beyond
them with a named reason; the event goes on without its picture. Called by edge_ai/spool.py; the node takes the files over
(node/evidence/store.py).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge_ai.spec import EVIDENCE_FLOOR_BYTES
from edge_ai.wire import INCOMING, EventMessage

INCOMING_FILES_MAX = 1_000
"""Files that wait for the node: one for each event a spool may hold."""
INCOMING_BYTES_MAX = 512 << 20
DISK_FLOOR, DISK_FULL, NODE_BEHIND = "disk-floor", "disk-full", "node-behind"
"""Reasons of an event without its original: the disk is nearly full, it refused, or the node takes nothing over."""


@dataclass(frozen=True, slots=True)
class Handing:
    """The folder where the node finds originals."""

    folder: Path
    """The node's `evidence/`."""
    floor_bytes: int = EVIDENCE_FLOOR_BYTES

    def hand_over(self, message: EventMessage) -> str:
        """Write the original of an event durably; the reason why not, empty when it lies there."""
        name = message.row.evidence.original_sha256
        incoming = self.folder / INCOMING
        try:
            incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
            if why := self._no_room(incoming, len(message.original)):
                return why
            write_whole(incoming / f"{name}.jpg", message.original)
        except OSError:
            return DISK_FULL
        return ""

    def _no_room(self, incoming: Path, size: int) -> str:
        disk = os.statvfs(incoming)
        if disk.f_bavail * disk.f_frsize - size < self.floor_bytes:
            return DISK_FLOOR
        waiting = [entry.stat().st_size for entry in os.scandir(incoming) if entry.is_file(follow_symlinks=False)]
        return NODE_BEHIND if len(waiting) >= INCOMING_FILES_MAX or sum(waiting) + size > INCOMING_BYTES_MAX else ""


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
