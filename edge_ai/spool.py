"""Events that wait for the node's ack: each is one file, written whole before it is sent, deleted when it is acknowledged.

So evidence is on disk before anybody hears of it, and a worker that dies loses no event it had confirmed. Originals are handed to the node
as files of their own, before the event that names them. A disk that refuses costs an event its picture, then its file, never the event.
Owns the bound of 1,000 and the resending. Called by edge_ai/analysis/worker.py.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_ai.evidence.handing import Handing, disk_word, way_out, write_whole
from edge_ai.reasons import reason, told
from edge_ai.wire.events import Ack, EventMessage, EvidenceInfo
from sync.model import Instant

UNACKED_MAX = 1_000
"""Events kept without ack; beyond it the newest is dropped and counted (docs/api.md)."""
RESEND_S = 5.0
"""Seconds without ack after which an event is sent again."""
IN_FLIGHT_MAX = 32
"""Events sent and not acknowledged at a time."""
NOT_KEPT = "not-kept"
"""Reason of an event without its original: this worker was given no folder for them."""
_SUFFIX = ".event"


@dataclass(slots=True)
class _Waiting:
    message: EventMessage
    path: Path | None
    """None: the disk took no file; the event lives as long as this process."""
    sent_at: Instant | None = None


class Spool:
    """The unacknowledged events of one worker, oldest first."""

    def __init__(self, folder: Path, handing: Handing | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._handing = handing
        self._waiting: dict[tuple[str, bool], _Waiting] = {}
        self._bare: dict[str, None] = {}
        """Events in here that lost their picture: their end must not name it."""
        self._next = 1
        self.dropped = 0
        """Events refused because the spool was full."""
        self.damaged = 0
        """Files of an earlier life that could not be read; they are removed."""
        self.without_picture = 0
        """Events that lost picture or original for want of room."""
        self.trouble = ""
        """Why the newest event lacks its picture or its file, or, before the first one, events of an earlier life are lost; else empty."""
        self._refusal = ""
        """Why the disk took no file, when it last took none."""
        self._reload()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, message: EventMessage) -> bool:
        """Keep `message`, durably where the disk takes it; False when the spool is full."""
        if len(self._waiting) >= UNACKED_MAX:
            self.dropped += 1
            return False
        self.trouble = ""
        kept = self._handed_over(message)
        path = self._written(kept)
        if path is None:
            kept = self._bared(kept)
            path = self._written(kept)
        if path is None:
            what, out = reason(self._refusal), way_out(self._refusal)
            self.trouble = told(reason("event-in-memory", event=kept.row.event_id, folder=self._folder.name, what=what, way_out=out))
        self._waiting[_key(kept)] = _Waiting(kept, path)
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
        if waiting is not None and waiting.path is not None:
            _remove(waiting.path)
        if ack.ended:
            self._bare.pop(ack.event_id, None)

    # ---- what a disk does to an event

    def _handed_over(self, message: EventMessage) -> EventMessage:
        """The message without its original, which lies in the node's folder now, or whose lack is named."""
        if message.row.ended and message.row.event_id in self._bare:
            return self._bared(message)
        if not message.original:
            return message
        why = NOT_KEPT if self._handing is None else self._handing.hand_over(message)
        info = message.row.evidence
        if why:
            info = msgspec.structs.replace(info, original_sha256="", original_bytes=0, missing=why)
        if why and self._handing is not None:
            self.without_picture += 1
            self.trouble = told(reason("event-no-original", event=message.row.event_id, what=reason(why)))
        return EventMessage(msgspec.structs.replace(message.row, evidence=info), message.jpeg, message.thumb_rgb)

    def _bared(self, message: EventMessage) -> EventMessage:
        """The event without any picture."""
        row = message.row
        if message.jpeg:
            self.without_picture += 1
            self.trouble = told(reason("event-bare", event=row.event_id, what=reason(self._refusal), way_out=way_out(self._refusal)))
        if not row.ended:
            self._bare[row.event_id] = None
            while len(self._bare) > UNACKED_MAX:
                del self._bare[next(iter(self._bare))]
        info = EvidenceInfo("", 0, 0, row.evidence.original_sha256, row.evidence.original_bytes, missing=self._refusal)
        return EventMessage(msgspec.structs.replace(row, evidence_sha256="", evidence=info), b"", b"")

    def _written(self, message: EventMessage) -> Path | None:
        """The file of a message, durable; None when the disk refuses."""
        path = self._folder / f"{self._next:010d}{_SUFFIX}"
        try:
            write_whole(path, msgspec.msgpack.encode(message))
        except OSError as error:
            self._refusal = disk_word(error)
            return None
        self._next += 1
        return path

    def _reload(self) -> None:
        found = sorted(self._folder.glob(f"*{_SUFFIX}"))
        # Also of those that wait for the next life: a new file must not take the place of one.
        self._next = 1 + max((int(path.stem) for path in found if path.stem.isdigit()), default=0)
        for path in found[:UNACKED_MAX]:
            try:
                message = msgspec.msgpack.decode(path.read_bytes(), type=EventMessage)
            except (OSError, msgspec.MsgspecError):
                self.damaged += 1
                _remove(path)
                continue
            self._waiting[_key(message)] = _Waiting(message, path)
        if self.damaged:
            self.trouble = told(reason("events-unreadable", count=self.damaged, folder=self._folder.name))


def _remove(path: Path) -> None:
    # A disk that does not let go of a file must not end the process: what it holds is sent again in the next life, and known by the node.
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _key(message: EventMessage) -> tuple[str, bool]:
    return message.row.event_id, message.row.ended
