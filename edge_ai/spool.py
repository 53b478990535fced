"""Events that wait for the node's ack: each is one file, written whole before it is sent, deleted when it is acknowledged.

So evidence is on disk before anybody hears of it, and a worker that dies loses no event it had confirmed. Owns the bound of 1,000 and the
resending. Called by edge_ai/worker.py.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_ai.errors import EvidenceError
from edge_ai.wire import Ack, EventMessage
from sync.model import Instant

UNACKED_MAX = 1_000
"""Events kept without ack; beyond it the newest is dropped and counted (docs/api.md)."""
RESEND_S = 5.0
"""Seconds without ack after which an event is sent again."""
IN_FLIGHT_MAX = 32
"""Events sent and not acknowledged at a time."""
_SUFFIX = ".event"


@dataclass(slots=True)
class _Waiting:
    message: EventMessage
    path: Path
    sent_at: Instant | None = None


class Spool:
    """The unacknowledged events of one worker, oldest first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._waiting: dict[tuple[str, bool], _Waiting] = {}
        self._next = 1
        self.dropped = 0
        """Events refused because the spool was full."""
        self.damaged = 0
        """Files of an earlier life that could not be read; they are removed."""
        self._reload()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, message: EventMessage) -> bool:
        """Keep `message` durably; False when the spool is full. Raises EvidenceError when the disk refuses."""
        if len(self._waiting) >= UNACKED_MAX:
            self.dropped += 1
            return False
        path = self._folder / f"{self._next:010d}{_SUFFIX}"
        self._next += 1
        try:
            _write_whole(path, msgspec.msgpack.encode(message))
        except OSError as error:
            raise EvidenceError(
                f"event {message.row.event_id} could not be kept in {self._folder.name}/: {error.strerror}; free disk space"
            ) from error
        self._waiting[_key(message)] = _Waiting(message, path)
        return True

    def due(self, now: Instant) -> list[EventMessage]:
        """Messages to send now; they count as sent. An end waits until its beginning is acknowledged."""
        chosen: list[EventMessage] = []
        for (event_id, ended), waiting in list(self._waiting.items())[:IN_FLIGHT_MAX]:
            behind = ended and (event_id, False) in self._waiting
            if not behind and (waiting.sent_at is None or now.seconds_since(waiting.sent_at) >= RESEND_S):
                waiting.sent_at = now
                chosen.append(waiting.message)
        return chosen

    def acknowledge(self, ack: Ack) -> None:
        """The node has the message: forget it and its file; an ack for nothing is ignored."""
        waiting = self._waiting.pop((ack.event_id, ack.ended), None)
        if waiting is not None:
            waiting.path.unlink(missing_ok=True)

    def _reload(self) -> None:
        for path in sorted(self._folder.glob(f"*{_SUFFIX}"))[:UNACKED_MAX]:
            self._next = max(self._next, int(path.stem) + 1) if path.stem.isdigit() else self._next
            try:
                message = msgspec.msgpack.decode(path.read_bytes(), type=EventMessage)
            except msgspec.MsgspecError:
                self.damaged += 1
                path.unlink()
                continue
            self._waiting[_key(message)] = _Waiting(message, path)


def _key(message: EventMessage) -> tuple[str, bool]:
    return message.row.event_id, message.row.ended


def _write_whole(path: Path, data: bytes) -> None:
    """Write so that the name appears only with all bytes on disk behind it."""
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
