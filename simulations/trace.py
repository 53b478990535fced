"""The logical trace of a world and its digest: what was decided, never how it was encoded.

Same seed, same digest, in any process: inputs, Ready, states, decisions and row counts count; payload, signature and hash bytes do not,
because a library may change them.
"""

from __future__ import annotations

import hashlib
from collections import Counter

from sync.core.messages import Ack, Data, Message
from sync.core.ready import Ready
from sync.model import Run
from sync.model.writes import AppendLedger, SetInPosition, SetOutMark, StoreBatch, Write


class Trace:
    """Hashes lines as they happen and counts what kind they were."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.counts: Counter[str] = Counter()
        self.us = 0
        """World time of the next line; the world sets it."""
        self.node = "-"
        """The node of the last line: where to look when something failed."""

    @property
    def digest(self) -> str:
        """The trace so far as 16 hex digits."""
        return self._hash.hexdigest()[:16]

    def note(self, node: str, kind: str, detail: str = "") -> None:
        """One line."""
        self.counts[kind] += 1
        self.node = node
        self._hash.update(f"{self.us} {node} {kind} {detail}\n".encode())

    def ready(self, node: str, ready: Ready) -> None:
        """Everything a turn decided."""
        for write in ready.writes:
            self.note(node, type(write).__name__, _write_line(write))
        for send in ready.sends:
            self.note(node, f"send-{type(send.message).__name__}", f"{send.peer} {_message_line(send.message)}")
        for job in ready.jobs:
            self.note(node, type(job).__name__, job.peer.node)


def _write_line(write: Write) -> str:
    if isinstance(write, StoreBatch):
        header = write.stored.batch.header
        return f"{write.stored.lsn} {header.resource} {header.row_count} {write.stored.duplicates} {_runs_line(header.runs)}"
    if isinstance(write, AppendLedger):
        entry = write.entry
        place = f"{entry.lane} {entry.span.after}..{entry.span.upto} {entry.part}/{entry.parts}"
        return f"{entry.peer} {place} {entry.closed} {_runs_line(entry.runs)}"
    if isinstance(write, SetOutMark):
        return f"{write.peer} {write.direction} {write.lane} {write.mark.stored} {write.mark.secured} {write.mark.wire}"
    if isinstance(write, SetInPosition):
        return f"{write.peer} {write.direction} {write.lane} {write.position.upto}"
    return ""


def _runs_line(runs: tuple[Run, ...]) -> str:
    return " ".join(f"{run.origin}:{run.first}-{run.last}@{run.row_offset}={run.state.name}" for run in runs)


def _message_line(message: Message) -> str:
    if isinstance(message, Data):
        frame = message.frame
        return f"{frame.lane} {frame.span.after}..{frame.span.upto} {frame.part}/{frame.parts} {frame.batch.header.row_count}"
    if isinstance(message, Ack):
        return f"{message.lane} {message.stored} {message.secured}"
    return ""
