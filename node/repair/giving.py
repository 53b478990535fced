"""Giving a neighbour the bytes of a batch that is damaged there. Only what it had before, or may have now, is given.

What the neighbour itself sent goes back as it was stored: it proves by the hash that it had it. What this node sent is made once more by
the very job that made it, so the gate in force decides again; when that no longer gives the same bytes, the records go out once more as
backfill, in the form of today. Called by desk.py, off the event loop.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.pipeline import THIN_FRAME_BYTES, Pipeline
from node.repair.wire import PAYLOAD_BYTES_MAX, Question
from node.store.journal import SqliteJournal
from sync.core.ready import OutboundJob, OutboundResult, PeerFacts
from sync.model import Direction, Lane, PolicyVersion, Span, StoredBatch

TRIES_MAX = 8
"""Frames of one hash that are made again for one question."""
PACKINGS = (0, THIN_FRAME_BYTES - 1)
"""Targets of a job for a wide and for a thin link: they pack the same rows in two ways."""
RESENT_BATCHES_MAX = 64
"""Batches that one question puts back on the way."""

_OWN_BYTES = "SELECT lsn FROM batch WHERE resource = ? AND freed = 0 AND payload_sha256 = ? AND source = ? ORDER BY lsn LIMIT 1"
_SENT = """
    SELECT l.direction, l.span_after, l.span_upto,
        (SELECT coalesce(max(p.span_upto), 0) FROM ledger p WHERE p.peer = l.peer AND p.direction = l.direction AND p.lane = l.lane
            AND p.span_upto < l.span_upto AND p.id < l.id)
    FROM ledger l WHERE l.peer = ? AND l.lane = ? AND l.resource = ? AND l.payload_sha256 = ? AND l.closed = 0 ORDER BY l.id DESC LIMIT ?
"""
_HOLDING = """
    SELECT DISTINCT b.lsn FROM batch b CROSS JOIN batch_run r ON r.lsn = b.lsn
    WHERE b.resource = ? AND b.lane = ? AND b.freed = 0 AND b.row_count > 0 AND r.row_offset IS NOT NULL AND r.duplicate = 0
        AND r.origin = ? AND r.incarnation = ? AND r.first_seq <= ? AND r.last_seq >= ? ORDER BY b.lsn LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What this node has of what a neighbour lost."""

    payload: bytes = b""
    batches: tuple[StoredBatch, ...] = ()
    """Batches to send once more when the bytes cannot be given."""


@dataclass(slots=True)
class Giver:
    """Looks for the bytes of damaged batches of neighbours."""

    journal: SqliteJournal
    pipeline: Pipeline
    version: Callable[[], PolicyVersion]

    def find(self, peer: PeerFacts, question: Question) -> Found:
        """The bytes that `peer` asks for, or what to send it instead. Raises JournalError. Blocking."""
        returned = self._stored_from(peer.node, question)
        if returned:
            return Found(returned)
        sent = self.journal.look("search for a sent frame", lambda db: _sent(db, peer.node, question))
        for direction, after, upto in sent:
            payload = self._made_again(peer, direction, Lane(question.lane), Span(after, upto), question.payload_sha256)
            if payload:
                return Found(payload)
        return Found(batches=tuple(self._holding(question)) if sent else ())

    def _stored_from(self, peer: str, question: Question) -> bytes:
        values = (question.resource, question.payload_sha256, peer)
        row = self.journal.look("search for a batch", lambda db: db.execute(_OWN_BYTES, values).fetchone())
        stored = self.journal.batch(row[0]) if row else None
        return stored.batch.payload if stored is not None and len(stored.batch.payload) <= PAYLOAD_BYTES_MAX else b""

    def _made_again(self, peer: PeerFacts, direction: Direction, lane: Lane, span: Span, payload_sha256: bytes) -> bytes:
        for bytes_target in PACKINGS:
            job = OutboundJob(0, peer, direction, lane, span.after, span.upto, self.version(), bytes_target=bytes_target)
            result = self.pipeline.run(job)
            assert isinstance(result, OutboundResult), "an outbound job has an outbound result"
            for part in result.parts:
                is_it = part.batch.header.payload_sha256 == payload_sha256 and not part.closed
                if is_it and len(part.batch.payload) <= PAYLOAD_BYTES_MAX:
                    return part.batch.payload
        return b""

    def _holding(self, question: Question) -> Sequence[StoredBatch]:
        lsns: set[int] = set()
        for run in question.runs:
            values = (question.resource, question.lane, run.origin, run.incarnation, run.last, run.first, RESENT_BATCHES_MAX)
            lsns |= self._lsns(values)
            if len(lsns) >= RESENT_BATCHES_MAX:
                break
        found = [self.journal.batch(lsn) for lsn in sorted(lsns)[:RESENT_BATCHES_MAX]]
        return [stored for stored in found if stored is not None and not stored.freed]

    def _lsns(self, values: tuple[object, ...]) -> set[int]:
        return {lsn for (lsn,) in self.journal.look("search for batches", lambda db: db.execute(_HOLDING, values).fetchall())}


def _sent(connection: sqlite3.Connection, peer: str, question: Question) -> list[tuple[Direction, int, int]]:
    """Direction and stretch of the journal of each frame that left for `peer` with this payload, newest first."""
    rows = connection.execute(_SENT, (peer, question.lane, question.resource, question.payload_sha256, TRIES_MAX)).fetchall()
    # A frame's span begins where the peer stood; the job that made it began behind what had been closed since.
    return [(Direction(direction), max(after, before), upto) for direction, after, upto, before in rows]
